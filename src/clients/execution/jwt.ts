import { createHmac } from 'node:crypto';
import { fromHex } from '../../lib/bytes.ts';
import { UsageError } from '../../lib/errors.ts';

/**
 * The secret that an execution node shares with its clients, as its `jwt.hex` has it: hex, with 0x or not.
 * @throws UsageError `invalid-jwt-secret`; the text is not repeated
 */
export function parseJwtSecret(text: string): Uint8Array {
  try {
    const secret = fromHex(text.trim());
    if (secret.length > 0) return secret;
  } catch {
    // Told below, like an empty one.
  }
  throw new UsageError('invalid-jwt-secret', 'The JWT secret is not hex.', {
    hint: 'Set --execution-jwt-secret to the content of the node\'s "jwt.hex".',
  });
}

/** A token (HS256, `iat` only) for one request: nodes take it for a minute (Engine API, authentication). */
export function signJwt(secret: Uint8Array, nowMs: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: Math.floor(nowMs / 1000) })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
