import { createHash } from 'node:crypto';
import { fromHex } from '../../src/lib/bytes.ts';

// What the synthetic node and the process that reads it have to agree about.

export const DEPOSIT_CONTRACT = '0x4242424242424242424242424242424242424242';
export const FORK_VERSION = fromHex('10000038', 4);
export const CREDENTIALS = fromHex(`01${'00'.repeat(11)}${'42'.repeat(20)}`, 32);

/** Ten deposits in a block, from block 1 on. */
export function depositBlock(index: number): number {
  return 1 + Math.floor(index / 10);
}

/** The key of a deposit that the snapshot has: no point of the curve, since nothing looks whether it is one. */
export function knownKey(index: number): Uint8Array {
  return createHash('sha384').update(String(index)).digest();
}
