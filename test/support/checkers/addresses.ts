import { bls12_381 } from '@noble/curves/bls12-381.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

/** @throws Error unless the text is an address that is all lower case or has the right EIP-55 checksum */
export function checkAddress(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(value))
    throw new Error(`${where}: not an address`);
  const digits = value.slice(2);
  if (digits === digits.toLowerCase()) return value;
  const hash = Buffer.from(keccak_256(Buffer.from(digits.toLowerCase()))).toString('hex');
  for (const [index, digit] of [...digits].entries()) {
    const isUpper = Number.parseInt(hash.charAt(index), 16) >= 8;
    const expected = isUpper ? digit.toUpperCase() : digit.toLowerCase();
    if (digit !== expected) throw new Error(`${where}: wrong EIP-55 checksum`);
  }
  return value;
}

/** @throws Error unless the text is 0x and 48 bytes that are a point other than infinity, in the right group */
export function checkPublicKey(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{96}$/.test(value))
    throw new Error(`${where}: not a public key`);
  let point: InstanceType<typeof bls12_381.G1.Point>;
  try {
    point = bls12_381.G1.Point.fromHex(value.slice(2));
    point.assertValidity();
  } catch {
    throw new Error(`${where}: not a point of the curve`);
  }
  if (point.is0()) throw new Error(`${where}: point at infinity`);
  return value;
}
