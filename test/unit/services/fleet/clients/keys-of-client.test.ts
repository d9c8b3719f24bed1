import { describe, expect, it } from 'vitest';
import { RetiredKeys } from '../../../../../src/domain/fleet/retired-keys.ts';
import { concatBytes, fromHex, type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import {
  type ClientKeysOptions,
  chooseClientKeys,
} from '../../../../../src/services/fleet/clients/keys-of-client.ts';

const key = (number: number): Hex => `0x${number.toString(16).padStart(96, '0')}`;
const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => key(from + i));

/** A plan of two clients. */
function planOf(first: readonly Hex[], second: readonly Hex[] = []) {
  const assign = (list: readonly Hex[], clientIndex: number) =>
    list.map(publicKey => ({ publicKey: fromHex(publicKey), clientIndex }));
  return { totalClients: 2, assignments: [...assign(first, 0), ...assign(second, 1)] };
}

const choose = (
  plan: ReturnType<typeof planOf>,
  present: readonly Hex[],
  options: Partial<ClientKeysOptions> = {},
) =>
  chooseClientKeys(plan, {
    directory: './validator0',
    present: RecordTable.of(concatBytes(present.map(one => fromHex(one))), 48),
    clientIndex: 0,
    removals: options.removals ?? 'refuse',
    mayMove: options.mayMove ?? false,
    retired: options.retired ?? { keys: RetiredKeys.NONE, isProven: true },
  });

describe('the keys of a validator client', () => {
  it('chooseClientKeys gives the keys of the plan where nothing is there yet or up to a tenth goes', () => {
    expect(choose(planOf(keys(0, 3), keys(3, 5)), [])).toMatchObject({ removedKeys: 0, warnings: [] });
    const most = choose(planOf(keys(0, 9)), keys(0, 10));
    expect(most.publicKeys.map(toHex)).toEqual(keys(0, 9));
    expect(most.removedKeys).toBe(1);
  });

  it.each([
    ['more than a tenth', keys(0, 8), []],
    ['all', [], []],
    ['all, to another client', [], keys(0, 10)],
  ])(
    'chooseClientKeys refuses a plan by which too many of the present keys would go: %s',
    (_, first, second) => {
      expect(() => choose(planOf(first, second), keys(0, 10))).toThrow(
        expect.objectContaining({ code: 'too-many-removals', exitCode: 3 }),
      );
      expect(choose(planOf(first, second), keys(0, 10), { removals: 'allow' }).publicKeys).toHaveLength(
        first.length,
      );
    },
  );

  it('chooseClientKeys with "keep" keeps keys that left the vault, and refuses keys of another client', () => {
    const kept = choose(planOf(keys(5, 6)), keys(0, 10), { removals: 'keep' });
    expect(kept.publicKeys.map(toHex)).toEqual(keys(0, 10));
    expect(kept).toMatchObject({ keptKeys: 9, removedKeys: 0 });
    expect(kept.warnings[0]).toContain('9 of 10 keys');
    expect(() => choose(planOf(keys(0, 1), keys(9, 10)), keys(0, 10), { removals: 'keep' })).toThrow(
      expect.objectContaining({ code: 'keys-of-another-client', exitCode: 3 }),
    );
  });

  it('chooseClientKeys lets keys go to another client where that was asked for, but not get lost', () => {
    const moved = choose(planOf(keys(0, 2), keys(2, 10)), keys(0, 10), { mayMove: true });
    expect(moved.publicKeys).toHaveLength(2);
    expect(() => choose(planOf(keys(0, 2), keys(2, 5)), keys(0, 10), { mayMove: true })).toThrow(
      expect.objectContaining({ code: 'too-many-removals' }),
    );
    const kept = choose(planOf(keys(0, 2), keys(2, 5)), keys(0, 10), { mayMove: true, removals: 'keep' });
    expect(kept.publicKeys.map(toHex)).toEqual([...keys(0, 2), ...keys(5, 10)]);
  });

  it('chooseClientKeys warns when the keys grow by more than a tenth: another client may run them', () => {
    expect(choose(planOf(keys(0, 11)), keys(0, 10)).warnings).toEqual([]);
    expect(choose(planOf(keys(0, 12)), keys(0, 10)).warnings[0]).toContain('2 keys beside the 10');
  });

  it('chooseClientKeys takes signed retired keys away without question, however many, and counts the others as before', () => {
    const plan = planOf(keys(0, 10), keys(10, 12));
    const retire = (list: readonly Hex[], isProven: boolean) => ({
      keys: new RetiredKeys(list.map(key => ({ publicKey: fromHex(key), stage: 'clients' as const }))),
      isProven,
    });
    const half = choose(plan, keys(0, 10), { retired: retire(keys(0, 5), true) });
    expect(half).toMatchObject({ removed: keys(0, 5), removedKeys: 5, retiredKeys: 5, keptKeys: 0 });
    expect(half.publicKeys.map(toHex)).toEqual(keys(5, 10));
    const all = choose(plan, keys(0, 10), { retired: retire(keys(0, 10), true) });
    expect(all).toMatchObject({ publicKeys: [], removedKeys: 10 });

    // One of the five that are left is a fifth of them: the brake holds, though it was a tenth of all.
    const present = [...keys(0, 10).slice(0, 9), ...keys(20, 21)];
    expect(() => choose(plan, present, { retired: retire(keys(0, 5), true) })).toThrow(
      /would remove 1 of 5 keys/,
    );
    const kept = choose(plan, present, { retired: retire(keys(0, 5), true), removals: 'keep' });
    expect(kept).toMatchObject({ removed: keys(0, 5), keptKeys: 1 });
    expect(kept.publicKeys.map(toHex)).toEqual([...keys(5, 10), ...keys(20, 21)].sort());
  });

  it('chooseClientKeys stops at retired keys that nobody has signed as it stops at any other', () => {
    const unsigned = {
      keys: new RetiredKeys(keys(0, 5).map(key => ({ publicKey: fromHex(key), stage: 'clients' as const }))),
      isProven: false,
    };
    expect(() => choose(planOf(keys(0, 10)), keys(0, 10), { retired: unsigned })).toThrow(
      /would remove 5 of 10 keys/,
    );
    const one = { keys: new RetiredKeys([...unsigned.keys].slice(0, 1)), isProven: false };
    expect(choose(planOf(keys(0, 10)), keys(0, 10), { retired: one })).toMatchObject({ removedKeys: 1 });
  });

  it('chooseClientKeys leaves a key in the files that is retired from signers alone', () => {
    const retired = {
      keys: new RetiredKeys(keys(0, 5).map(key => ({ publicKey: fromHex(key), stage: 'signers' as const }))),
      isProven: true,
    };
    const chosen = choose(planOf(keys(0, 10)), keys(0, 10), { retired });
    expect(chosen).toMatchObject({ removedKeys: 0, retiredKeys: 0 });
    expect(chosen.publicKeys).toHaveLength(10);
  });
});
