import { describe, expect, it } from 'vitest';
import { checkV3Keys, sealV3Keys } from '../../../src/workers/v3-jobs.ts';
import { encryptV3Record } from '../../support/recorded/python-database.ts';

const KEY = new Uint8Array(32).fill(5);
const secretKeyOf = (number: number) => new Uint8Array(32).fill(number);
const recordsOf = (...numbers: readonly number[]) =>
  Buffer.concat(numbers.map(number => encryptV3Record(KEY, secretKeyOf(number))));
const targetOf = (dataKey: Uint8Array) => ({
  chainId: 1,
  vault: new Uint8Array(20),
  dataKeyId: 1,
  dataKey,
  oracleSet: { hash: new Uint8Array(32).fill(4), threshold: 2, count: 3 },
});

describe('checkV3Keys', () => {
  it('checkV3Keys tells the places of keys whose public key is another one, and overwrites the cipher key', () => {
    const records = recordsOf(1, 2, 3, 4);
    const [broken, zero] = [1, 3];
    records[broken * 96 + 95] = (records[broken * 96 + 95] ?? 0) ^ 1;
    // A ciphertext that decrypts to zero, which is no key.
    records.set(encryptV3Record(KEY, new Uint8Array(32)).subarray(48), zero * 96 + 48);
    const cipherKey = Uint8Array.from(KEY);
    expect(checkV3Keys({ cipherKey, records })).toEqual({ refused: [broken, zero] });
    expect(cipherKey).toEqual(new Uint8Array(32));
  });

  it('checkV3Keys with another cipher key refuses all of them', () => {
    expect(checkV3Keys({ cipherKey: new Uint8Array(32).fill(6), records: recordsOf(1, 2) })).toEqual({
      refused: [0, 1],
    });
  });
});

describe('sealV3Keys', () => {
  it.each([
    ['the cipher key', KEY, true],
    ['another cipher key', new Uint8Array(32).fill(6), false],
  ] as const)('sealV3Keys overwrites cipher key and data key, given %s', (_, key, isRight) => {
    const cipherKey = Uint8Array.from(key);
    const dataKey = new Uint8Array(32).fill(3);
    const seal = () => sealV3Keys({ target: targetOf(dataKey), cipherKey, records: recordsOf(1, 2) });
    if (isRight) expect(seal().shareCiphertexts).toHaveLength(2 * 3 * 48);
    else expect(seal).toThrow(RangeError);
    expect([cipherKey, dataKey]).toEqual([new Uint8Array(32), new Uint8Array(32)]);
  });
});
