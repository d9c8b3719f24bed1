import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  RETIREMENT_STAGES,
  type RetiredKey,
  RetiredKeys,
} from '../../../../src/domain/fleet/retired-keys.ts';

const key = (number: number) => new Uint8Array(48).fill(number);
const stage = fc.constantFrom(...RETIREMENT_STAGES);
const lists = fc
  .uniqueArray(fc.record({ number: fc.integer({ min: 0, max: 255 }), stage }), {
    selector: ({ number }) => number,
  })
  .map(list => list.map(({ number, stage }): RetiredKey => ({ publicKey: key(number), stage })));

describe('retired keys', () => {
  it('a retired key is taken from the part of its stage and from those before it, and from no other', () => {
    const retired = new RetiredKeys(RETIREMENT_STAGES.map((stage, i) => ({ publicKey: key(i + 1), stage })));
    const taken = (number: number) => RETIREMENT_STAGES.map(part => retired.isTakenFrom(part, key(number)));
    expect(taken(1)).toEqual([true, false, false]);
    expect(taken(2)).toEqual([true, true, false]);
    expect(taken(3)).toEqual([true, true, true]);
    expect(taken(4)).toEqual([false, false, false]);
    expect(RETIREMENT_STAGES.map(stage => retired.countAt(stage))).toEqual([1, 1, 1]);
  });

  it('a key goes on by one stage at a time, where it is proven that its part has let it go, and never back', () => {
    fc.assert(
      fc.property(lists, fc.func(fc.boolean()), (list, proven) => {
        const before = new RetiredKeys(list);
        const hasLeft = (publicKey: Uint8Array) => proven(publicKey[0]);
        for (const from of ['signers', 'clients'] as const) {
          const after = before.advanced(from, hasLeft);
          expect(after.length).toBe(before.length);
          for (const { publicKey, stage } of before) {
            const now = [...after].find(one => one.publicKey[0] === publicKey[0])?.stage;
            const next = RETIREMENT_STAGES[RETIREMENT_STAGES.indexOf(from) + 1];
            expect(now).toBe(stage === from && hasLeft(publicKey) ? next : stage);
          }
        }
      }),
    );
  });

  it('fresh keys begin with the signers, and change nothing of those that are retired already', () => {
    const before = new RetiredKeys([{ publicKey: key(1), stage: 'rotation' }]);
    expect([...before.with([key(2), key(1)])]).toEqual([
      { publicKey: key(1), stage: 'rotation' },
      { publicKey: key(2), stage: 'signers' },
    ]);
  });

  it('the digest is of keys and stages whatever their order, and null for none', () => {
    expect(RetiredKeys.NONE.digest()).toBeNull();
    fc.assert(
      fc.property(lists, list => {
        const digest = new RetiredKeys(list).digest();
        expect(new RetiredKeys(list.toReversed()).digest()).toEqual(digest);
        const [first, ...rest] = list;
        if (first === undefined) return;
        expect(new RetiredKeys(rest).digest()).not.toEqual(digest);
        const other = RETIREMENT_STAGES.find(one => one !== first.stage) ?? 'signers';
        expect(new RetiredKeys([{ ...first, stage: other }, ...rest]).digest()).not.toEqual(digest);
      }),
    );
  });

  it('records of the database are read as they are; a stage that is none takes the least away', () => {
    const records = Buffer.concat([Buffer.of(3), key(1), Buffer.of(9), key(2)]);
    expect([...RetiredKeys.read(records)]).toEqual([
      { publicKey: key(1), stage: 'rotation' },
      { publicKey: key(2), stage: 'signers' },
    ]);
  });
});
