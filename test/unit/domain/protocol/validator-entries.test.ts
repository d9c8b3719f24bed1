import { describe, expect, it } from 'vitest';
import {
  encodeRegistrations,
  encodeTopUps,
  largestBatch,
} from '../../../../src/domain/protocol/validator-entries.ts';

const VAULT = new Uint8Array(20).fill(0xa1);
const ETHER = 1_000_000_000n;
const LENGTHS = { '0x01': 176, '0x02': 184 } as const;
const validators = (count: number, amountGwei = 32n * ETHER) =>
  Array.from({ length: count }, (_, i) => ({
    publicKey: new Uint8Array(48).fill(i),
    signature: new Uint8Array(96),
    amountGwei,
  }));

describe('largestBatch', () => {
  it.each(['0x01', '0x02'] as const)(
    'no batch of type %s has a length that the other type could have',
    type => {
      for (let limit = 0; limit <= 500; limit++) {
        const count = largestBatch(type, limit);
        const length = count * LENGTHS[type];
        expect(count === 0 || length % 176 !== 0 || length % 184 !== 0).toBe(true);
        expect(limit - count).toBeLessThanOrEqual(1);
      }
      expect(largestBatch(type, -1)).toBe(0);
    },
  );

  it('22 of 23 are registered together for 0x01, 21 of 22 for 0x02, and other numbers as they are', () => {
    expect([22, 23, 46, 100].map(limit => largestBatch('0x01', limit))).toEqual([22, 22, 45, 100]);
    expect([21, 22, 44, 100].map(limit => largestBatch('0x02', limit))).toEqual([21, 21, 43, 100]);
  });
});

describe('encodeRegistrations', () => {
  it('entries that the vault would refuse are not encoded', () => {
    expect(() => encodeTopUps(validators(22), VAULT)).toThrow(/22 validators of type 0x02/);
    expect(() => encodeTopUps([], VAULT)).toThrow(RangeError);
    expect(() => encodeRegistrations('0x01', validators(1, 33n * ETHER), VAULT)).toThrow(/32 ETH/);
    expect(encodeRegistrations('0x01', validators(22), VAULT)).toHaveLength(22 * 176);
    expect(encodeRegistrations('0x02', validators(23), VAULT)).toHaveLength(23 * 184);
  });
});
