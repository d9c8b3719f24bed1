import { createHash } from 'node:crypto';

// What the synthetic nodes of a vault with many validators and the process that reads them have to agree about.

export const STAKE_VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
export const STAKE_WALLET = '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A';
/** All validators were registered in this block. */
export const REGISTERED_BLOCK = 500;
export const HEAD_BLOCK = 1000;
export const SLOTS_PER_EPOCH = 32;
export const HEAD_SLOT = 64_000;
/** What the exit queue lacks, when the checker of the vault's contracts is asked. */
export const MISSING_ETHER = 50_000;

/** 32 bytes of a digit. */
export function hashOf(digit: string): string {
  return `0x${digit.repeat(64)}`;
}

/** 48 bytes, no point of the curve: nothing looks whether it is one. */
export function stakeKey(index: number): Buffer {
  return createHash('sha384').update(`validator ${index}`).digest();
}

/** Between 32 and 299 ETH. */
export function stakeGwei(index: number): bigint {
  return 32_000_000_000n + BigInt(index % 268) * 1_000_000_000n;
}
