import { describe, expect, it } from 'vitest';
import { findGains, keysOfOthers, type WatchedPlan } from '../../../../src/domain/fleet/watched-plan.ts';
import { RecordTable } from '../../../../src/lib/record-table.ts';

const key = (n: number) => new Uint8Array(48).fill(n);
const hex = (n: number) => `0x${Buffer.from(key(n)).toString('hex')}`;
const table = (...numbers: readonly number[]) => RecordTable.from(numbers.map(key), 48);
const numbers = (records: RecordTable) => Array.from(records, record => record[0]).sort();

/** A plan as client by key; the files are client 0's. */
function plan(
  clients: Readonly<Record<number, number>>,
  state: { readonly present?: RecordTable; readonly others?: RecordTable } = {},
): WatchedPlan {
  const { present = table(), others = table() } = state;
  const assignments = Object.entries(clients).map(([n, clientIndex]) => ({
    publicKey: key(Number(n)),
    clientIndex,
  }));
  return { assignments, clientIndex: 0, present, others };
}

/** Writes plan after plan, as long as each may be written. @returns what each would have gained from others */
function write(...plans: readonly Readonly<Record<number, number>>[]): string[][] {
  let present = table();
  let others = table();
  return plans.map(clients => {
    const watched = plan(clients, { present, others });
    const gains = findGains(watched);
    if (gains.length === 0) {
      const own = watched.assignments as { publicKey: Uint8Array; clientIndex: number }[];
      present = RecordTable.from(
        own.filter(({ clientIndex }) => clientIndex === 0).map(({ publicKey }) => publicKey),
        48,
      );
    }
    others = keysOfOthers({ ...watched, present });
    return gains;
  });
}

describe('a plan that is written without anybody being asked', () => {
  it('the watch gives a client all its keys at first, and new keys that never were another client’s', () => {
    expect(write({ 1: 0, 2: 1 }, { 1: 0, 2: 1, 3: 0, 4: 1 })).toEqual([[], []]);
  });

  it('the watch gives no key to a client that another one had in the plan before', () => {
    expect(write({ 1: 0, 2: 1 }, { 1: 0, 2: 0 })).toEqual([[], [hex(2)]]);
  });

  it('the watch goes on refusing such a key at each look, also beside new keys and after it was gone for a while', () => {
    const moved = { 1: 0, 2: 0, 3: 0 };
    expect(write({ 1: 0, 2: 1 }, moved, moved, { 1: 0, 3: 0 }, moved)).toEqual([
      [],
      [hex(2)],
      [hex(2)],
      [],
      [hex(2)],
    ]);
  });

  it('the watch refuses a key that was the client’s own, has gone to another one and comes back', () => {
    expect(write({ 1: 0, 2: 0 }, { 1: 0, 2: 1 }, { 1: 0, 2: 0 })).toEqual([[], [], [hex(2)]]);
  });

  it('the watch goes on when the plan is put back', () => {
    expect(write({ 1: 0, 2: 1 }, { 1: 0, 2: 0 }, { 1: 0, 2: 1 }, { 1: 0, 2: 1, 5: 0 })).toEqual([
      [],
      [hex(2)],
      [],
      [],
    ]);
  });

  it('the watch goes on with a key that somebody else has put into the files, and forgets whose it was', () => {
    const watched = plan({ 1: 0, 2: 0 }, { present: table(1, 2), others: table(2, 7) });
    expect(findGains(watched)).toEqual([]);
    expect(numbers(keysOfOthers(watched))).toEqual([7]);
  });

  it('the watch remembers keys that have left the plan, and those that the files keep while another client has them', () => {
    const watched = plan({ 1: 0, 3: 1 }, { present: table(1, 3), others: table(2) });
    expect(numbers(keysOfOthers(watched))).toEqual([2, 3]);
  });
});
