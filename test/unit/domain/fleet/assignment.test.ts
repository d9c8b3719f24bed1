import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Assignment,
  assignAdded,
  assignContiguous,
  assignLikeReference,
  countMoves,
  reassign,
} from '../../../../src/domain/fleet/assignment.ts';
import { compareBytes } from '../../../../src/lib/bytes.ts';

const publicKeys = (count: number, label = 'key') =>
  Array.from(
    { length: count },
    (_, index) => new Uint8Array(createHash('sha384').update(`${label} ${index}`).digest()),
  );

function counts(plan: readonly Assignment[], total: number): number[] {
  const result = Array<number>(total).fill(0);
  for (const { clientIndex } of plan) {
    expect(clientIndex).toBeLessThan(total);
    result[clientIndex] = (result[clientIndex] ?? 0) + 1;
  }
  return result;
}
const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
const hexKeys = (keys: Iterable<Uint8Array>) =>
  Array.from(keys, key => Buffer.from(key).toString('hex')).sort();

const keyCount = fc.integer({ min: 0, max: 60 });
const total = fc.integer({ min: 1, max: 25 });
// Any plan at all: what years of additions, removals and moves leave behind.
const anyPlan = fc
  .tuple(fc.array(fc.nat({ max: 24 }), { maxLength: 60 }), total)
  .map(([clients, totalClients]) =>
    publicKeys(clients.length).map((publicKey, index) => ({
      publicKey,
      clientIndex: (clients[index] ?? 0) % totalClients,
    })),
  );

describe('assignContiguous', () => {
  it('assignContiguous divides 10,000 keys among 10 clients as the Python operator does', () => {
    const keys = publicKeys(10_000);
    const plan = assignContiguous(keys, 10);
    expect(counts(plan, 10)).toEqual(Array(10).fill(1000));
    expect(plan).toEqual(assignLikeReference(keys, 10));
    expect(plan.map(({ clientIndex }) => clientIndex)).toEqual(
      keys.map((_, place) => Math.floor(place / 1000)),
    );
  });

  it('assignContiguous gives each key to one client, in even contiguous ranges, whatever the order of the input', () => {
    fc.assert(
      fc.property(keyCount, total, (count, clients) => {
        const keys = publicKeys(count);
        const plan = assignContiguous(keys, clients);
        expect(hexKeys(plan.map(({ publicKey }) => publicKey))).toEqual(hexKeys(keys));
        expect(spread(counts(plan, clients))).toBeLessThanOrEqual(1);
        const indexes = plan
          .toSorted((a, b) => compareBytes(a.publicKey, b.publicKey))
          .map(({ clientIndex }) => clientIndex);
        expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
        expect(assignContiguous(keys.toReversed(), clients)).toEqual(plan);
      }),
    );
  });

  it('assignContiguous refuses a total that is not a number of clients', () => {
    for (const clients of [0, -1, 1.5, Number.NaN]) {
      expect(() => assignContiguous(publicKeys(1), clients)).toThrow(/must be 1 or more/);
    }
  });
});

describe('assignLikeReference', () => {
  it('assignLikeReference keeps every key of the reference at its client and gives each other key to one client', () => {
    fc.assert(
      fc.property(keyCount, total, (count, clients) => {
        const keys = publicKeys(count).sort(compareBytes);
        const plan = assignLikeReference(keys, clients);
        const perClient = Math.floor(count / clients);
        // The reference, client by client: sorted keys [per * i, per * i + per).
        for (let client = 0; client < clients; client++) {
          const range = keys.slice(perClient * client, perClient * client + perClient);
          const assigned = plan
            .filter(({ clientIndex }) => clientIndex === client)
            .map(({ publicKey }) => publicKey);
          expect(hexKeys(assigned)).toEqual(expect.arrayContaining(hexKeys(range)));
        }
        expect(hexKeys(plan.map(({ publicKey }) => publicKey))).toEqual(hexKeys(keys));
        expect(spread(counts(plan, clients))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('assignLikeReference gives what the recorded clients have: 10 keys over 3 and over 4', () => {
    const indexes = (clients: number) =>
      assignLikeReference(publicKeys(10), clients).map(({ clientIndex }) => clientIndex);
    expect(indexes(3)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
    expect(indexes(4)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 2, 3]);
  });

  it('assignLikeReference knows the ranges of v1.0.2 and later', () => {
    const plan = assignLikeReference(publicKeys(5), 4, 'ceil');
    expect(counts(plan, 4)).toEqual([2, 2, 1, 0]);
  });
});

describe('assignAdded', () => {
  it('assignAdded moves no key and fills the emptiest clients first', () => {
    fc.assert(
      fc.property(anyPlan, keyCount, total, (plan, added, more) => {
        const clients = Math.max(more, ...plan.map(({ clientIndex }) => clientIndex + 1));
        const keys = publicKeys(added, 'added');
        const result = assignAdded(plan, keys, clients);
        expect(hexKeys(result.map(({ publicKey }) => publicKey))).toEqual(hexKeys(keys));
        const before = counts(plan, clients);
        const after = counts([...plan, ...result], clients);
        // Nobody who was given a key ends with more than one above anybody else: as even as additions can make it.
        for (const [client, count] of after.entries()) {
          if (count > (before[client] ?? 0)) expect(count - Math.min(...after)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('assignAdded keeps counts within one of each other when they were', () => {
    fc.assert(
      fc.property(keyCount, keyCount, total, (count, added, clients) => {
        const plan = assignContiguous(publicKeys(count), clients);
        const result = assignAdded(plan, publicKeys(added, 'added'), clients);
        expect(spread(counts([...plan, ...result], clients))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('reassign', () => {
  it('reassign ends with counts within one of each other, and moves as few keys as any such plan can', () => {
    fc.assert(
      fc.property(anyPlan, total, (plan, clients) => {
        const result = reassign(plan, clients);
        expect(hexKeys(result.map(({ publicKey }) => publicKey))).toEqual(
          hexKeys(plan.map(({ publicKey }) => publicKey)),
        );
        const after = counts(result, clients);
        expect(spread(after)).toBeLessThanOrEqual(1);
        expect(countMoves(plan, result)).toBe(fewestMoves(plan, clients));
      }),
    );
  });

  it('reassign moves nothing when the plan is even already', () => {
    const plan = assignContiguous(publicKeys(25), 7);
    expect(countMoves(plan, reassign(plan, 7))).toBe(0);
  });

  it('reassign moves one client’s share when one is added', () => {
    const plan = assignContiguous(publicKeys(1000), 9);
    expect(countMoves(plan, reassign(plan, 10))).toBe(100);
  });
});

/** Counted another way: over every choice of the clients that hold one key more. */
function fewestMoves(plan: readonly Assignment[], total: number): number {
  const before = Array<number>(total).fill(0);
  for (const { clientIndex } of plan)
    if (clientIndex < total) before[clientIndex] = (before[clientIndex] ?? 0) + 1;
  const base = Math.floor(plan.length / total);
  // Largest number of keys that can stay, by dynamic programming over (clients seen, longer ones used).
  let best = [0, ...Array<number>(plan.length % total).fill(Number.NEGATIVE_INFINITY)];
  for (const count of before) {
    best = best.map((kept, used) =>
      Math.max(
        kept + Math.min(count, base),
        (used > 0 ? (best[used - 1] ?? 0) : Number.NEGATIVE_INFINITY) + Math.min(count, base + 1),
      ),
    );
  }
  return plan.length - (best.at(-1) ?? 0);
}
