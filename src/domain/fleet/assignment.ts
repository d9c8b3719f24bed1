import { compareBytes } from '../../lib/bytes.ts';
import { UsageError } from '../../lib/errors.ts';

/** One key and the number of the validator client that runs it, from 0. */
export interface Assignment {
  readonly publicKey: Uint8Array;
  readonly clientIndex: number;
}

/**
 * Contiguous ranges in public-key order whose lengths differ by at most one, the longer ones first. Where the count is
 * divisible they are the Python operator's own.
 * @param totalClients - number of validator clients, 1 or more; may exceed the number of keys
 * @throws UsageError 'invalid-total'
 */
export function assignContiguous(publicKeys: readonly Uint8Array[], totalClients: number): Assignment[] {
  assertTotal(totalClients);
  const base = Math.floor(publicKeys.length / totalClients);
  const longer = publicKeys.length % totalClients;
  const inLonger = longer * (base + 1);
  return sorted(publicKeys).map((publicKey, place) => ({
    publicKey,
    clientIndex:
      place < inLonger ? Math.floor(place / (base + 1)) : longer + Math.floor((place - inLonger) / base),
  }));
}

/**
 * The Python operator's ranges, for a move from it in which no running key changes its client: in public-key order each
 * client has floor(count / total) keys (v1.0.0 and v1.0.1). Those versions give the remaining count % total keys, the
 * last in order, to nobody. Nobody runs them yet, so any client may have them: here the last clients get one each, in
 * order, and counts still differ by one at most.
 *
 * `ceil` stands for v1.0.2 to v3, whose ranges have ceil(count / total) keys: every key is in one, but the last clients
 * have fewer keys, or none.
 * @throws UsageError 'invalid-total'
 */
export function assignLikeReference(
  publicKeys: readonly Uint8Array[],
  totalClients: number,
  rounding: 'floor' | 'ceil' = 'floor',
): Assignment[] {
  assertTotal(totalClients);
  const perClient = Math[rounding](publicKeys.length / totalClients);
  const ranged = perClient * totalClients;
  return sorted(publicKeys).map((publicKey, place) => ({
    publicKey,
    clientIndex: place < ranged ? Math.floor(place / perClient) : totalClients - publicKeys.length + place,
  }));
}

/**
 * Clients for keys that were uploaded later; no key of the plan moves. Each goes to the client with the fewest keys (the
 * first of several), so that counts become equal as far as additions alone can make them.
 * @returns the added keys only
 * @throws UsageError 'invalid-total'
 */
export function assignAdded(
  plan: Iterable<Assignment>,
  added: readonly Uint8Array[],
  totalClients: number,
): Assignment[] {
  const counts = countKeys(plan, totalClients);
  const clients = counts.keys().toArray();
  let level = counts.reduce((least, count) => Math.min(least, count), Number.POSITIVE_INFINITY);
  let lowest: number[] = [];
  return sorted(added).map(publicKey => {
    while (lowest.length === 0) {
      lowest = clients.filter(client => counts[client] === level).reverse();
      level += 1;
    }
    const clientIndex = lowest.pop() ?? 0;
    counts[clientIndex] = level;
    return { publicKey, clientIndex };
  });
}

/**
 * The plan for another number of clients, with counts that differ by at most one and the fewest possible moves: the
 * clients that hold most keys are those that may keep one more. Each gives away its last keys in public-key order.
 * @returns all keys, in public-key order
 * @throws UsageError 'invalid-total'
 */
export function reassign(plan: readonly Assignment[], totalClients: number): Assignment[] {
  assertTotal(totalClients);
  const counts = countKeys(
    plan,
    plan.reduce((total, { clientIndex }) => Math.max(total, clientIndex + 1), totalClients),
  );
  const targets = fewestMovesTargets(counts.slice(0, totalClients), plan.length);
  const kept = targets.map(() => 0);
  const inOrder = plan.toSorted((a, b) => compareBytes(a.publicKey, b.publicKey));
  const isKept = inOrder.map(({ clientIndex }) => {
    const room = (kept[clientIndex] ?? 0) < (targets[clientIndex] ?? 0);
    if (room) kept[clientIndex] = (kept[clientIndex] ?? 0) + 1;
    return room;
  });
  const vacancies = targets.flatMap((target, client) =>
    Array<number>(target - (kept[client] ?? 0)).fill(client),
  );
  let next = 0;
  return inOrder.map((assignment, place) =>
    isKept[place] ? assignment : { publicKey: assignment.publicKey, clientIndex: vacancies[next++] ?? 0 },
  );
}

/** How many keys of `before` have another client in `after`; keys that are in one of them only do not count. */
export function countMoves(before: readonly Assignment[], after: readonly Assignment[]): number {
  const clients = new Map(
    after.map(({ publicKey, clientIndex }) => [Buffer.from(publicKey).toString('hex'), clientIndex]),
  );
  return before.filter(({ publicKey, clientIndex }) => {
    const now = clients.get(Buffer.from(publicKey).toString('hex'));
    return now !== undefined && now !== clientIndex;
  }).length;
}

function fewestMovesTargets(counts: readonly number[], keyCount: number): number[] {
  const base = Math.floor(keyCount / counts.length);
  const targets = counts.map(() => base);
  const byCount = counts
    .keys()
    .toArray()
    .sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
  for (const client of byCount.slice(0, keyCount % counts.length)) targets[client] = base + 1;
  return targets;
}

function countKeys(plan: Iterable<Assignment>, totalClients: number): number[] {
  assertTotal(totalClients);
  const counts = Array<number>(totalClients).fill(0);
  for (const { clientIndex } of plan) counts[clientIndex] = (counts[clientIndex] ?? 0) + 1;
  return counts;
}

function sorted(publicKeys: readonly Uint8Array[]): Uint8Array[] {
  return publicKeys.toSorted(compareBytes);
}

function assertTotal(totalClients: number): void {
  if (Number.isSafeInteger(totalClients) && totalClients >= 1) return;
  throw new UsageError(
    'invalid-total',
    `The number of validator clients must be 1 or more, got ${totalClients}.`,
  );
}
