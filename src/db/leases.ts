import { type RawBuilder, sql } from 'kysely';
import { type Session, tableOf } from './database.ts';

/** The vault whose operators share one lease. */
export interface LeaseScope {
  readonly chainId: number;
  /** 20 bytes. */
  readonly vault: Uint8Array;
}

/** One holding of a lease. */
export interface LeaseRef extends LeaseScope {
  readonly epoch: bigint;
}

// Renewed often enough to have more left; what takes longer than this to be sent must ask again.
const MARGIN = sql`interval '1 second'`;

/**
 * Takes the lease when it is free, by the database's clock. In the embedded database it always is: no other process can
 * have it open.
 * @param options.force - takes it from whoever holds it: what that one has recorded is there, and it can record nothing more
 * @returns the epoch, one more than the last; undefined when another process holds it
 */
export async function takeLease(
  session: Session,
  { chainId, vault }: LeaseScope,
  {
    holder,
    ttlMs,
    force = false,
  }: { readonly holder: string; readonly ttlMs: number; readonly force?: boolean | undefined },
): Promise<bigint | undefined> {
  const isFree = force || session.kind === 'pglite' ? sql`true` : sql`l.expires_at <= clock_timestamp()`;
  const { rows } = await sql<{ epoch: bigint }>`
    insert into ${tableOf(session, 'operator_leases')} as l (chain_id, vault, epoch, holder, expires_at)
    values (${chainId}::bigint, ${vault}, 1, ${holder}, ${expiry(ttlMs)})
    on conflict (chain_id, vault) do update
      set epoch = l.epoch + 1, holder = excluded.holder, expires_at = ${expiry(ttlMs)}
      where ${isFree}
    returning epoch`.execute(session.db);
  return rows[0]?.epoch;
}

/** Prolongs a lease that has neither ended nor been taken over; false when it has. */
export async function renewLease(session: Session, lease: LeaseRef, ttlMs: number): Promise<boolean> {
  const { rows } = await sql`
    update ${tableOf(session, 'operator_leases')} set expires_at = ${expiry(ttlMs)}
    where ${isOf(lease)} and expires_at > clock_timestamp()
    returning 1`.execute(session.db);
  return rows.length > 0;
}

/** Lets the next process take it at once. */
export async function releaseLease(session: Session, lease: LeaseRef): Promise<void> {
  await sql`
    update ${tableOf(session, 'operator_leases')} set expires_at = clock_timestamp()
    where ${isOf(lease)} and expires_at > clock_timestamp()`.execute(session.db);
}

/** A lease as everybody may see it. */
export interface LeaseState {
  /** Who holds it, or held it last. */
  readonly holder: string;
  /** How often it has been taken. */
  readonly epoch: bigint;
  readonly expiresAt: Date;
  /** Whether it has not ended, by the database's clock. */
  readonly isHeld: boolean;
}

/** The lease of a vault's operators; undefined when none has ever taken it. */
export async function findLease(
  session: Session,
  { chainId, vault }: LeaseScope,
): Promise<LeaseState | undefined> {
  return session.db
    .selectFrom('operator_leases')
    .select(['holder', 'epoch', 'expires_at as expiresAt'])
    .select(sql<boolean>`expires_at > clock_timestamp()`.as('isHeld'))
    .where('chain_id', '=', BigInt(chainId))
    .where('vault', '=', vault)
    .executeTakeFirst();
}

/** Whether the lease is held for at least another second. */
export async function isLeaseHeld(session: Session, lease: LeaseRef): Promise<boolean> {
  const { rows } = await sql`
    select 1 from ${tableOf(session, 'operator_leases')}
    where ${isOf(lease)} and expires_at > clock_timestamp() + ${MARGIN}`.execute(session.db);
  return rows.length > 0;
}

/**
 * The lease's row if it is held, locked until the statement's transaction ends: whoever takes the lease over waits, and
 * then sees what the statement wrote. To be joined in every statement that records an intent.
 */
export function heldLease(session: Session, lease: LeaseRef): RawBuilder<unknown> {
  return sql`(
    select 1 from ${tableOf(session, 'operator_leases')}
    where ${isOf(lease)} and expires_at > clock_timestamp() + ${MARGIN}
    for share)`;
}

function isOf({ chainId, vault, epoch }: LeaseRef): RawBuilder<unknown> {
  return sql`chain_id = ${chainId}::bigint and vault = ${vault} and epoch = ${epoch}::bigint`;
}

function expiry(ttlMs: number): RawBuilder<unknown> {
  return sql`clock_timestamp() + ${ttlMs}::float8 * interval '1 millisecond'`;
}
