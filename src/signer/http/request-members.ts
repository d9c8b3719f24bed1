import { fromHex } from '../../lib/bytes.ts';
import { Refusal } from './refusal.ts';
import { parseStrictJson } from './strict-json.ts';

// Reading of sign requests with Web3Signer's statuses: 400 for what its parser refuses, 500 for what its handler stumbles over.

/** Members of a JSON object. */
export type Members = Readonly<Record<string, unknown>>;

const MAX_UINT64 = 2n ** 64n - 1n;

/** A body of JSON, which is an object. @throws Refusal */
export function readSignBody(body: Uint8Array): Members {
  const root = parseBody(body);
  if (root === null) throw new Refusal(500, 'the body is null');
  return readObject(root, 'the body');
}

function parseBody(body: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new Refusal(400, 'the body is not JSON, or names a member twice');
  }
}

/** Both spellings are Web3Signer's; both at once are one member twice. */
export function readSigningRootMember({
  signing_root: snake,
  signingRoot: camel,
}: Members): Uint8Array | undefined {
  if (snake !== undefined && camel !== undefined) {
    throw new Refusal(
      isMeantTheSame(snake, camel) ? 400 : 500,
      'signing_root and signingRoot are both given',
    );
  }
  return readOptional(snake ?? camel, text => readHexMember(text, 'signing_root'));
}

function isMeantTheSame(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase();
}

/** What is read of a member that need not be there. */
export function readOptional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

/** @throws Refusal for what is no object */
export function readObject(value: unknown, name: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, `${name} is not an object`);
  return value as Members;
}

/** Bytes from hex, so many where a length is given. @throws Refusal */
export function readHexMember(value: unknown, name: string, length?: number): Uint8Array {
  try {
    if (typeof value === 'string') return fromHex(value, length);
  } catch {
    // Said below.
  }
  throw new Refusal(400, `${name} is not ${length ?? 'whole'} bytes of hex`);
}

/** A decimal string or a JSON number, as Web3Signer takes both. A number must be one that JSON.parse cannot round. */
export function readUint64Member(value: unknown, name: string): bigint {
  const isExact = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string';
  const text = String(value);
  if (isExact && /^\d{1,32}$/.test(text)) {
    const number = BigInt(text);
    if (number <= MAX_UINT64) return number;
  }
  throw new Refusal(400, `${name} is not an unsigned 64-bit number`);
}
