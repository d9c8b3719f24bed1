import { type RawBuilder, type Selectable, sql } from 'kysely';
import { equalBytes } from '../lib/bytes.ts';
import { type Session, tableOf } from './database.ts';
import { heldLease, type LeaseRef, type LeaseScope } from './leases.ts';
import type { Schema } from './schema.ts';

type TransactionState = Schema['transactions']['state'];

/** One signed form of a transaction: all that share a nonce exclude each other. */
export interface StoredAttempt {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly nonce: bigint;
  /** `cancel` does nothing but take the nonce. */
  readonly purpose: 'call' | 'cancel';
  /** The signed transaction as it is broadcast. */
  readonly raw: Uint8Array;
  readonly maxFeeWei: bigint;
  readonly maxPriorityFeeWei: bigint;
  /** Tag of the operator that recorded it, 32 bytes; undefined from before there were tags. */
  readonly mac: Uint8Array | undefined;
}

/** What a call is. */
interface TransactionFields {
  readonly kind: string;
  readonly key: string;
  /** 20 bytes. */
  readonly sender: Uint8Array;
  readonly nonce: bigint;
  /** 20 bytes. */
  readonly recipient: Uint8Array;
  readonly data: Uint8Array;
  readonly valueWei: bigint;
  readonly gasLimit: bigint;
  /** Unix seconds on the chain's clock. */
  readonly deadline: bigint | undefined;
}

/** What is recorded of a call before anything is signed. */
export interface NewTransaction extends TransactionFields {
  /** What is offered for its gas at most, however often it is replaced. */
  readonly bumpCeilingWei: bigint;
}

export interface StoredTransaction extends TransactionFields {
  readonly id: bigint;
  readonly leaseEpoch: bigint;
  readonly state: TransactionState;
  readonly reason: string | undefined;
  readonly minedHash: Uint8Array | undefined;
  readonly minedBlock: bigint | undefined;
  readonly request: 'bump' | 'cancel' | undefined;
  readonly feeCeilingWei: bigint | undefined;
  /** What is offered for its gas at most; undefined from before there were tags. */
  readonly bumpCeilingWei: bigint | undefined;
  /** Tag of the operator that recorded it, 32 bytes; undefined from before there were tags. */
  readonly mac: Uint8Array | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Oldest first; also those of an earlier try, under another nonce. */
  readonly attempts: readonly StoredAttempt[];
}

/** How a transaction ended. */
export interface TransactionEnd {
  readonly state: Exclude<TransactionState, 'intended' | 'sent'>;
  readonly reason?: string | undefined;
  readonly minedHash?: Uint8Array | undefined;
  readonly minedBlock?: bigint | undefined;
}

const OPEN_STATES = ['intended', 'sent'] as const;

/** The transaction of a key. */
export async function findTransaction(
  session: Session,
  scope: LeaseScope,
  key: string,
): Promise<StoredTransaction | undefined> {
  const rows = await selectOf(session, scope).where('intent_key', '=', key).execute();
  return (await withAttempts(session, rows))[0];
}

/** The transaction with this number. */
export async function findTransactionById(
  session: Session,
  scope: LeaseScope,
  id: bigint,
): Promise<StoredTransaction | undefined> {
  const rows = await selectOf(session, scope).where('transaction_id', '=', id).execute();
  return (await withAttempts(session, rows))[0];
}

/** Transactions that are under way: none, or one. */
export async function listOpenTransactions(
  session: Session,
  scope: LeaseScope,
): Promise<StoredTransaction[]> {
  return withAttempts(session, await selectOf(session, scope).where('state', 'in', OPEN_STATES).execute());
}

/**
 * The transaction in the highest block of those that have succeeded and whose key begins so.
 * @param keyPrefix - without signs that mean something to LIKE
 */
export async function findLastConfirmed(
  session: Session,
  scope: LeaseScope,
  keyPrefix: string,
): Promise<{ readonly key: string; readonly minedBlock: bigint } | undefined> {
  const row = await session.db
    .selectFrom('transactions')
    .select(['intent_key', 'mined_block'])
    .where('chain_id', '=', BigInt(scope.chainId))
    .where('vault', '=', scope.vault)
    .where('state', '=', 'confirmed')
    .where('intent_key', 'like', `${keyPrefix}%`)
    .where('mined_block', 'is not', null)
    .orderBy('mined_block', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined || row.mined_block === null) return undefined;
  return { key: row.intent_key, minedBlock: row.mined_block };
}

/** The latest transactions, the newest first. */
export async function listTransactions(
  session: Session,
  scope: LeaseScope,
  limit: number,
): Promise<StoredTransaction[]> {
  const query = selectOf(session, scope).orderBy('updated_at', 'desc').orderBy('transaction_id', 'desc');
  return withAttempts(session, await query.limit(limit).execute());
}

/**
 * Records a call as the one that is under way, if the lease is held. One that ended without success is begun anew. It has
 * no tag yet: that is over its number, too.
 * @param options.replaces - number of a row of this key that is none of this operator's, whatever it says of its end
 * @returns its number; undefined when the lease is not held, or the key's transaction is under way or was confirmed
 */
export async function recordIntent(
  session: Session,
  lease: LeaseRef,
  intent: NewTransaction,
  { replaces }: { readonly replaces?: bigint | undefined } = {},
): Promise<bigint | undefined> {
  const { kind, key, sender, nonce, recipient, data, valueWei, gasLimit, deadline, bumpCeilingWei } = intent;
  const { rows } = await sql<{ transaction_id: bigint }>`
    with held as ${heldLease(session, lease)}
    insert into ${tableOf(session, 'transactions')} as t (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce,
      recipient, call_data, value_wei, gas_limit, deadline, bump_ceiling_wei, state)
    select ${lease.chainId}::bigint, ${lease.vault}::bytea, ${kind}::text, ${key}::text, ${lease.epoch}::bigint,
      ${sender}::bytea, ${nonce}::bigint, ${recipient}::bytea, ${data}::bytea, ${valueWei}::numeric,
      ${gasLimit}::bigint, ${deadline ?? null}::bigint, ${bumpCeilingWei}::bigint, 'intended'
    from held
    on conflict (chain_id, vault, intent_key) do update set
      kind = excluded.kind, lease_epoch = excluded.lease_epoch, sender = excluded.sender, nonce = excluded.nonce,
      recipient = excluded.recipient, call_data = excluded.call_data, value_wei = excluded.value_wei,
      gas_limit = excluded.gas_limit, deadline = excluded.deadline, bump_ceiling_wei = excluded.bump_ceiling_wei,
      mac = null, state = 'intended', reason = null, mined_hash = null, mined_block = null,
      request = null, fee_ceiling_wei = null, updated_at = clock_timestamp()
      where t.state in ('reverted', 'abandoned', 'cancelled') or t.transaction_id = ${replaces ?? null}::bigint
    returning transaction_id`.execute(session.db);
  return rows[0]?.transaction_id;
}

/**
 * Gives a transaction that is under way its tag, and what may be offered for it at most.
 * @returns false when the lease is not held, or the transaction is not this holder's
 */
export async function authenticateIntent(
  session: Session,
  lease: LeaseRef,
  id: bigint,
  { mac, bumpCeilingWei }: { readonly mac: Uint8Array; readonly bumpCeilingWei: bigint },
): Promise<boolean> {
  const { rows } = await sql`
    with held as ${heldLease(session, lease)}
    update ${tableOf(session, 'transactions')}
    set mac = ${mac}::bytea, bump_ceiling_wei = ${bumpCeilingWei}::bigint, updated_at = clock_timestamp()
    where transaction_id = ${id}::bigint and ${isHeldBy(lease)} and exists (select 1 from held)
    returning 1`.execute(session.db);
  return rows.length > 0;
}

/**
 * Records a signed form of a transaction that this holder of the lease has begun or adopted. Only then it may be sent.
 * @returns false when the lease is not held, or the transaction is not this holder's
 */
export async function recordAttempt(
  session: Session,
  lease: LeaseRef,
  id: bigint,
  attempt: StoredAttempt,
): Promise<boolean> {
  const { hash, nonce, purpose, raw, maxFeeWei, maxPriorityFeeWei, mac } = attempt;
  const { rows } = await sql`
    with held as ${heldLease(session, lease)},
    begun as (
      update ${tableOf(session, 'transactions')} set state = 'sent', request = null, updated_at = clock_timestamp()
      where transaction_id = ${id}::bigint and nonce = ${nonce}::bigint and ${isHeldBy(lease)}
        and exists (select 1 from held)
      returning transaction_id
    )
    insert into ${tableOf(session, 'transaction_attempts')} (hash, transaction_id, lease_epoch, nonce, purpose, raw,
      max_fee_wei, max_priority_fee_wei, mac)
    select ${hash}::bytea, transaction_id, ${lease.epoch}::bigint, ${nonce}::bigint, ${purpose}::text, ${raw}::bytea,
      ${maxFeeWei}::bigint, ${maxPriorityFeeWei}::bigint, ${mac ?? null}::bytea
    from begun
    on conflict (hash) do update set lease_epoch = excluded.lease_epoch, transaction_id = excluded.transaction_id,
      nonce = excluded.nonce, purpose = excluded.purpose, raw = excluded.raw, max_fee_wei = excluded.max_fee_wei,
      max_priority_fee_wei = excluded.max_priority_fee_wei, mac = excluded.mac
    returning 1`.execute(session.db);
  return rows.length > 0;
}

/**
 * Makes a transaction that is under way this holder's, so that an earlier one can record nothing for it any more.
 * @param options.reopen - also one that has ended, because the chain says otherwise now
 * @returns false when the lease is not held
 */
export async function adoptTransaction(
  session: Session,
  lease: LeaseRef,
  id: bigint,
  { reopen = false }: { readonly reopen?: boolean | undefined } = {},
): Promise<boolean> {
  const states = reopen ? sql`('intended', 'sent', 'confirmed', 'abandoned')` : sql`('intended', 'sent')`;
  const { rows } = await sql`
    with held as ${heldLease(session, lease)}
    update ${tableOf(session, 'transactions')}
    set lease_epoch = ${lease.epoch}::bigint, updated_at = clock_timestamp(),
      state = case when state in ('confirmed', 'abandoned') then 'sent' else state end
    where transaction_id = ${id}::bigint and state in ${states} and exists (select 1 from held)
    returning 1`.execute(session.db);
  return rows.length > 0;
}

/**
 * Records how this holder's transaction ended, or that one which had seemed to fail was confirmed after all.
 * @returns false when another holder has adopted it
 */
export async function closeTransaction(
  session: Session,
  lease: LeaseRef,
  id: bigint,
  { state, reason, minedHash, minedBlock }: TransactionEnd,
): Promise<boolean> {
  const { rows } = await sql`
    with held as ${heldLease(session, lease)}
    update ${tableOf(session, 'transactions')}
    set state = ${state}, reason = ${reason ?? null}, mined_hash = ${minedHash ?? null}::bytea,
      mined_block = ${minedBlock ?? null}::bigint, request = null, updated_at = clock_timestamp(),
      lease_epoch = ${lease.epoch}::bigint
    where transaction_id = ${id}::bigint and exists (select 1 from held)
      and (${isHeldBy(lease)} or (state not in ('intended', 'sent') and ${state} = 'confirmed'))
    returning 1`.execute(session.db);
  return rows.length > 0;
}

/** Whether a transaction, as it was read, can still be replaced. */
export function isUnderWay({ state }: Pick<StoredTransaction, 'state'>): boolean {
  return OPEN_STATES.some(open => open === state);
}

/**
 * Asks the operator to replace a transaction that is under way; it does so at its next look.
 * @returns false when it is not under way
 */
export async function requestReplacement(
  session: Session,
  scope: LeaseScope,
  id: bigint,
  {
    request,
    feeCeilingWei,
  }: { readonly request: 'bump' | 'cancel'; readonly feeCeilingWei?: bigint | undefined },
): Promise<boolean> {
  const { numUpdatedRows } = await session.db
    .updateTable('transactions')
    .set({ request, ...(feeCeilingWei !== undefined && { fee_ceiling_wei: feeCeilingWei }) })
    .where('chain_id', '=', BigInt(scope.chainId))
    .where('vault', '=', scope.vault)
    .where('transaction_id', '=', id)
    .where('state', 'in', OPEN_STATES)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** A signed form that is recorded for an account's nonce, by an operator of this vault or of another one. */
interface RecordedForm {
  readonly raw: Uint8Array;
  readonly isOfVault: boolean;
}

/** More were never needed; what else may stand there was not signed by the wallet. */
const MAX_FORMS = 200;

/** The latest forms that are recorded for a nonce. Who has signed them is to be found out from the forms themselves. */
export async function listForms(
  session: Session,
  scope: LeaseScope,
  { sender, nonce }: Pick<NewTransaction, 'sender' | 'nonce'>,
): Promise<RecordedForm[]> {
  const rows = await session.db
    .selectFrom('transaction_attempts as a')
    .innerJoin('transactions as t', 't.transaction_id', 'a.transaction_id')
    .select(['a.raw', 't.vault'])
    .where('t.chain_id', '=', BigInt(scope.chainId))
    .where('t.sender', '=', sender)
    .where('a.nonce', '=', nonce)
    .orderBy('a.created_at', 'desc')
    .limit(MAX_FORMS)
    .execute();
  return rows.map(({ raw, vault }) => ({ raw, isOfVault: equalBytes(vault, scope.vault) }));
}

function isHeldBy({ epoch }: LeaseRef): RawBuilder<unknown> {
  return sql`state in ('intended', 'sent') and lease_epoch = ${epoch}::bigint`;
}

function selectOf({ db }: Session, { chainId, vault }: LeaseScope) {
  return db
    .selectFrom('transactions')
    .selectAll()
    .where('chain_id', '=', BigInt(chainId))
    .where('vault', '=', vault);
}

type Row = Selectable<Schema['transactions']>;

async function withAttempts({ db }: Session, rows: readonly Row[]): Promise<StoredTransaction[]> {
  if (rows.length === 0) return [];
  const attempts = await db
    .selectFrom('transaction_attempts')
    .selectAll()
    .where(
      'transaction_id',
      'in',
      rows.map(row => row.transaction_id),
    )
    .orderBy('created_at')
    .execute();
  return rows.map(row => ({
    id: row.transaction_id,
    kind: row.kind,
    key: row.intent_key,
    leaseEpoch: row.lease_epoch,
    sender: row.sender,
    nonce: row.nonce,
    recipient: row.recipient,
    data: row.call_data,
    gasLimit: row.gas_limit,
    deadline: row.deadline ?? undefined,
    state: row.state,
    reason: row.reason ?? undefined,
    request: row.request ?? undefined,
    minedHash: row.mined_hash ?? undefined,
    minedBlock: row.mined_block ?? undefined,
    feeCeilingWei: row.fee_ceiling_wei ?? undefined,
    valueWei: row.value_wei,
    bumpCeilingWei: row.bump_ceiling_wei ?? undefined,
    mac: row.mac ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    attempts: attempts
      .filter(attempt => attempt.transaction_id === row.transaction_id)
      .map(one => ({
        hash: one.hash,
        nonce: one.nonce,
        purpose: one.purpose,
        raw: one.raw,
        maxFeeWei: one.max_fee_wei,
        maxPriorityFeeWei: one.max_priority_fee_wei,
        mac: one.mac ?? undefined,
      })),
  }));
}
