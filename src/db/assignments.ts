import { sql } from 'kysely';
import type { Assignment } from '../domain/fleet/assignment.ts';
import { planDigest, publicKeysOf } from '../domain/fleet/fact-digests.ts';
import { compareBytes, equalBytes } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { RecordTable } from '../lib/record-table.ts';
import { inTransaction, type Session, tableOf } from './database.ts';
import { intArray, rowsOf } from './flat-bytes.ts';
import { listValidatorPublicKeys, readActiveKeypairs } from './keypairs.ts';
import { readRecords } from './record-pages.ts';
import { lockVault } from './vaults.ts';

/** Length of a client's index in a record of the database. */
const CLIENT_LENGTH = 4;

/** Which validator client has which key. */
export interface AssignmentPlan {
  readonly totalClients: number;
  /** Assignments in the order of the public keys. */
  readonly assignments: readonly Assignment[];
}

export interface StoredPlan extends AssignmentPlan {
  /** Whether the rows are those that were stored; where they are not, a key may seem to be another client's. */
  readonly isIntact: boolean;
}

/** A plan whose assignments need not be there as objects: those of 150,000 keys take 90 MB. */
export interface AssignedKeys {
  readonly totalClients: number;
  /** Assignments in the order of the public keys. */
  readonly assignments: Iterable<Assignment>;
}

/** {@link StoredPlan} as the database gives it. */
export interface StoredPlanRows extends AssignedKeys {
  readonly isIntact: boolean;
}

/**
 * The vault's stored plan, undefined before the first one.
 * @throws OperatorError 'assignments-incomplete' when keys are assigned and the plan's own row is gone
 */
export async function findAssignmentPlan(session: Session, vaultId: number): Promise<StoredPlan | undefined> {
  const plan = await findPlanRows(session, vaultId);
  return plan && { ...plan, assignments: [...plan.assignments] };
}

/**
 * {@link findAssignmentPlan} as rows.
 * @throws OperatorError those of {@link findAssignmentPlan}
 */
async function findPlanRows(session: Session, vaultId: number): Promise<StoredPlanRows | undefined> {
  const row = await session.db
    .selectFrom('assignment_plans')
    .select(['total_clients', 'digest'])
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
  const assignments = await readAssignments(session, vaultId);
  if (row === undefined) {
    if (assignments.length > 0) throw planLost(assignments.length);
    return undefined;
  }
  const plan = { totalClients: row.total_clients, assignments };
  return { ...plan, isIntact: equalBytes(row.digest, planDigest(plan)) };
}

/** The stored assignments in the order of the public keys. */
async function readAssignments(session: Session, vaultId: number): Promise<AssignmentRows> {
  const records = await readRecords(
    session,
    sql`
      select int4send(client_index) || public_key as record, row_number() over (order by public_key) as place
      from ${tableOf(session, 'assignments')} where vault_id = ${sql.lit(vaultId)}`,
  );
  return new AssignmentRows(records);
}

/** Assignments as one byte string, each made when it is asked for, with a view of its public key. */
class AssignmentRows implements Iterable<Assignment> {
  readonly length: number;
  readonly #records: Uint8Array;

  constructor(records: Uint8Array) {
    this.#records = records;
    this.length = records.length / (CLIENT_LENGTH + PUBLIC_KEY_LENGTH);
  }

  *[Symbol.iterator](): Iterator<Assignment> {
    const records = this.#records;
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    const width = CLIENT_LENGTH + PUBLIC_KEY_LENGTH;
    for (let at = 0; at < records.length; at += width) {
      yield { publicKey: records.subarray(at + CLIENT_LENGTH, at + width), clientIndex: view.getInt32(at) };
    }
  }
}

/**
 * The stored plan, and the active validators that it lacks; undefined when there is none.
 * @throws OperatorError of {@link findAssignmentPlan}
 */
export async function findUnassigned(
  transaction: Session,
  vaultId: number,
): Promise<{ readonly stored: StoredPlanRows; readonly fresh: readonly Uint8Array[] } | undefined> {
  const stored = await findPlanRows(transaction, vaultId);
  if (stored === undefined) return undefined;
  const assigned = RecordTable.from(
    Iterator.from(stored.assignments).map(({ publicKey }) => publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const active = publicKeysOf(await readActiveKeypairs(transaction, vaultId));
  const fresh: Uint8Array[] = [];
  for (let at = 0; at < active.length; at += PUBLIC_KEY_LENGTH) {
    const publicKey = active.subarray(at, at + PUBLIC_KEY_LENGTH);
    if (!assigned.has(publicKey)) fresh.push(publicKey);
  }
  return { stored, fresh };
}

/**
 * Reads the plan, lets `decide` make another and stores that, with every other writer of the vault kept out: of two that
 * come at once the second one is given what the first one stored.
 * @param decide - told the stored plan, if any, and the active validators in public-key order; returns the plan to store,
 * or undefined to leave everything as it is. It must not use the database; what it throws undoes everything.
 * @returns the plan that is stored then, and whether it was stored now
 */
export function updateAssignmentPlan(
  session: Session,
  vaultId: number,
  decide: (stored: StoredPlan | undefined, publicKeys: readonly Uint8Array[]) => AssignmentPlan | undefined,
): Promise<{ plan: AssignmentPlan | undefined; updated: boolean }> {
  return inTransaction(session, async transaction => {
    await lockVault(transaction, vaultId);
    const stored = await findAssignmentPlan(transaction, vaultId);
    const plan = decide(stored, await listValidatorPublicKeys(transaction, vaultId));
    if (plan === undefined) return { plan: stored, updated: false };
    await storePlan(transaction, vaultId, plan);
    return { plan: await findAssignmentPlan(transaction, vaultId), updated: true };
  });
}

async function storePlan(transaction: Session, vaultId: number, plan: AssignmentPlan): Promise<void> {
  const assignments = plan.assignments.toSorted((a, b) => compareBytes(a.publicKey, b.publicKey));
  const columns = { total_clients: plan.totalClients, digest: planDigest({ ...plan, assignments }) };
  await transaction.db
    .insertInto('assignment_plans')
    .values({ vault_id: vaultId, ...columns })
    .onConflict(conflict => conflict.column('vault_id').doUpdateSet(columns))
    .execute();
  await transaction.db.deleteFrom('assignments').where('vault_id', '=', vaultId).execute();
  await insertRows(transaction, vaultId, assignments);
}

/**
 * Adds keys to a plan that was read in this transaction; its own keys stay where they are.
 * @returns the digest over the plan as it is then
 * @throws OperatorError 'assignments-changed' when the plan is not as it was stored
 */
export async function extendPlan(
  transaction: Session,
  vaultId: number,
  plan: StoredPlanRows,
  added: readonly Assignment[],
): Promise<Uint8Array> {
  assertIntact(plan);
  const inOrder = added.toSorted((a, b) => compareBytes(a.publicKey, b.publicKey));
  const digest = planDigest({
    totalClients: plan.totalClients,
    assignments: mergeInOrder(plan.assignments, inOrder),
  });
  await insertRows(transaction, vaultId, added);
  await transaction.db
    .updateTable('assignment_plans')
    .set({ digest })
    .where('vault_id', '=', vaultId)
    .execute();
  return digest;
}

/** Both in the order of the public keys. */
function* mergeInOrder(stored: Iterable<Assignment>, added: readonly Assignment[]): Generator<Assignment> {
  let place = 0;
  for (const assignment of stored) {
    for (; place < added.length; place++) {
      const next = added[place];
      if (next === undefined || compareBytes(next.publicKey, assignment.publicKey) > 0) break;
      yield next;
    }
    yield assignment;
  }
  yield* added.slice(place);
}

/** @throws OperatorError 'assignments-changed' when the plan is not as it was stored */
export function assertIntact(plan: Pick<StoredPlan, 'isIntact'>): void {
  if (plan.isIntact) return;
  throw new OperatorError(
    'assignments-changed',
    'The stored plan of validator clients is not as it was written: rows were removed, added or changed.',
    {
      hint: 'Stop the validator clients, then run "remote-db assign --reassign" or restore the database from a backup.',
    },
  );
}

async function insertRows(
  session: Session,
  vaultId: number,
  assignments: readonly Assignment[],
): Promise<void> {
  if (assignments.length === 0) return;
  const keys = rowsOf(
    assignments.map(assignment => assignment.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const clients = intArray(assignments.map(assignment => assignment.clientIndex));
  await sql`
    insert into ${tableOf(session, 'assignments')} (vault_id, public_key, client_index)
    select ${vaultId}::int, k.piece, c.client_index
    from ${keys} k
    join unnest(${clients}) with ordinality as c (client_index, number) on c.number = k.position + 1
    on conflict do nothing`.execute(session.db);
}

/** The public keys of one validator client, in order. */
export async function listClientPublicKeys(
  { db }: Session,
  vaultId: number,
  clientIndex: number,
): Promise<Uint8Array[]> {
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('keypairs', join =>
      join
        .onRef('keypairs.vault_id', '=', 'assignments.vault_id')
        .onRef('keypairs.public_key', '=', 'assignments.public_key'),
    )
    .select('assignments.public_key')
    .where('assignments.vault_id', '=', vaultId)
    .where('client_index', '=', clientIndex)
    .where('keypairs.active', '=', true)
    .orderBy('assignments.public_key')
    .execute();
  return rows.map(row => row.public_key);
}

/** A fresh plan in its place could give a key to a second client. */
function planLost(keys: number): OperatorError {
  return new OperatorError(
    'assignments-incomplete',
    `The plan of validator clients is gone from the database, while ${keys} keys are assigned by it.`,
    { hint: 'Rows were lost: restore the database from a backup.' },
  );
}
