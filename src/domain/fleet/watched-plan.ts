import { type Hex, toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import type { Assignment } from './assignment.ts';

// Files that are rewritten without anybody's word must not bring a key to a second client. A key that no plan has given to another
// client since the watch began is a new one. One that was another's may still run there: only who has stopped that client knows.

/** A plan that is about to be written, and what the client's files are. */
export interface WatchedPlan {
  readonly assignments: Iterable<Assignment>;
  /** The client whose files are written. */
  readonly clientIndex: number;
  /** Keys that its files have now. */
  readonly present: RecordTable;
  /** Keys that were another client's in a plan that was seen before: {@link keysOfOthers} of that one. */
  readonly others: RecordTable;
}

/**
 * The keys that the plan would bring to the client's files from another client, in the plan's order: none of them may be written by a
 * process that nobody has told that the other client is stopped. What the files have already is nobody's gain: somebody has put it
 * there.
 */
export function findGains({ assignments, clientIndex, present, others }: WatchedPlan): Hex[] {
  const gains: Hex[] = [];
  for (const { publicKey, clientIndex: owner } of assignments)
    if (owner === clientIndex && others.has(publicKey) && !present.has(publicKey))
      gains.push(toHex(publicKey));
  return gains;
}

/**
 * The keys that are, or were, another client's once this plan was seen: what was known before, unless the client's files have the key
 * by now and the plan gives it to the client, and all that the plan gives to others. A key that has left the plan stays: it may come
 * back to another client than the one that had it.
 */
export function keysOfOthers({ assignments, clientIndex, present, others }: WatchedPlan): RecordTable {
  const own = new RecordTable(PUBLIC_KEY_LENGTH);
  const next = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const { publicKey, clientIndex: owner } of assignments) {
    if (owner !== clientIndex) next.add(publicKey);
    else if (present.has(publicKey)) own.add(publicKey);
  }
  for (const publicKey of others) if (!own.has(publicKey)) next.add(publicKey);
  return next;
}
