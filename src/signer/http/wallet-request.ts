import { fromHex } from '../../lib/bytes.ts';
import { Refusal } from './refusal.ts';
import { parseStrictJson } from './strict-json.ts';

/**
 * Reads the body of Web3Signer's eth1 sign request: the bytes in `data`, hex with or without 0x.
 * @throws Refusal 400, as Web3Signer
 */
export function readWalletRequest(body: Uint8Array): Uint8Array {
  const members = readRequestMembers(body);
  const data =
    typeof members === 'object' && members !== null && 'data' in members ? members.data : undefined;
  if (typeof data !== 'string' || data === '') throw new Refusal(400, 'data is missing');
  try {
    return fromHex(data);
  } catch {
    throw new Refusal(400, 'data is not hex');
  }
}

/** The JSON of a body, no member of which stands twice. @throws Refusal 400 */
export function readRequestMembers(body: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new Refusal(400, 'the body is not JSON, or names a member twice');
  }
}
