import { sql } from 'kysely';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { inTransaction, retryLostConnection, type Session, tableOf } from './database.ts';
import { pieceAt } from './flat-bytes.ts';

/** The deposit contract of a chain. */
export interface RegistryRef {
  readonly chainId: number;
  /** 20 bytes. */
  readonly depositContract: Uint8Array;
}

/** How far a chain's deposits have been read. */
export interface DepositCursor {
  readonly registryId: number;
  /** All deposits up to this block are in. */
  readonly syncedBlock: number;
  /** Validators that are stored. */
  readonly validatorCount: bigint;
  /** Index of the next deposit, and the block of the last one; null when none has been seen yet. */
  readonly nextDepositIndex: bigint | null;
  readonly lastDepositBlock: number | null;
}

/** A step of reading: what was found up to a block. */
export interface DepositStep {
  readonly registryId: number;
  readonly toBlock: number;
  /** Public keys of validators, 48 bytes each; those that are stored do no harm. */
  readonly publicKeys: readonly Uint8Array[];
  readonly nextDepositIndex: bigint | null;
  readonly lastDepositBlock: number | null;
}

/** Bytes of a public key that are stored. */
const PREFIX_LENGTH = 20;
/** Rows of one statement: a parameter of 200 kB. */
const CHUNK = 10_000;

/** Where reading has got to; undefined before the first time. */
export function findDepositCursor(
  session: Session,
  { chainId, depositContract }: RegistryRef,
): Promise<DepositCursor | undefined> {
  return retryLostConnection(session, async () => {
    const row = await session.db
      .selectFrom('deposit_registries')
      .selectAll()
      .where('chain_id', '=', BigInt(chainId))
      .where('deposit_contract', '=', depositContract)
      .executeTakeFirst();
    return (
      row && {
        registryId: row.registry_id,
        syncedBlock: Number(row.synced_block),
        validatorCount: row.validator_count,
        nextDepositIndex: row.next_deposit_index,
        lastDepositBlock: row.last_deposit_block === null ? null : Number(row.last_deposit_block),
      }
    );
  });
}

/**
 * Begins with the validators of a snapshot, or with none, all in one transaction; changes nothing when another process has
 * begun.
 * @param start.syncedBlock - one before the first block to be read
 * @param start.publicKeys - 48 bytes each, in pieces, so that not all of them need to be there at once
 * @param start.position - number of the next deposit, and block of the last one, where they are known
 * @returns whether this was the beginning
 */
export function insertDepositCursor(
  session: Session,
  { chainId, depositContract }: RegistryRef,
  start: {
    readonly syncedBlock: number;
    readonly publicKeys: Iterable<readonly Uint8Array[]>;
    readonly position?: { readonly nextDepositIndex: bigint; readonly lastDepositBlock: number } | undefined;
  },
): Promise<boolean> {
  return inTransaction(session, async transaction => {
    const inserted = await transaction.db
      .insertInto('deposit_registries')
      .values({
        chain_id: BigInt(chainId),
        deposit_contract: depositContract,
        synced_block: BigInt(start.syncedBlock),
        next_deposit_index: start.position?.nextDepositIndex ?? null,
        last_deposit_block: start.position && BigInt(start.position.lastDepositBlock),
      })
      .onConflict(conflict => conflict.columns(['chain_id', 'deposit_contract']).doNothing())
      .returning('registry_id')
      .executeTakeFirst();
    if (inserted === undefined) return false;
    let added = 0;
    for (const publicKeys of start.publicKeys) {
      added += await insertKeys(transaction, inserted.registry_id, publicKeys);
    }
    await transaction.db
      .updateTable('deposit_registries')
      .set({ validator_count: BigInt(added) })
      .where('registry_id', '=', inserted.registry_id)
      .execute();
    return true;
  });
}

/**
 * Stores a step: validators, their count and the cursor in one transaction. Several processes may store the same ones, in
 * whatever order: the cursor goes forward only.
 * @returns how many validators were new
 */
export function storeDepositStep(session: Session, step: DepositStep): Promise<number> {
  return inTransaction(session, async transaction => {
    const registry = tableOf(transaction, 'deposit_registries');
    await sql`select from ${registry} where registry_id = ${step.registryId} for update`.execute(
      transaction.db,
    );
    const added = await insertKeys(transaction, step.registryId, step.publicKeys);
    await sql`
      update ${registry} set
        synced_block = greatest(synced_block, ${step.toBlock}::bigint),
        validator_count = validator_count + ${added}::bigint,
        next_deposit_index = greatest(next_deposit_index, ${step.nextDepositIndex}::bigint),
        last_deposit_block = greatest(last_deposit_block, ${step.lastDepositBlock}::bigint),
        updated_at = clock_timestamp()
      where registry_id = ${step.registryId}`.execute(transaction.db);
    return added;
  });
}

/** Sets the cursor back to a block, because deposits after it have been missed. Nothing else is taken back. */
export async function rewindDepositCursor(
  session: Session,
  registryId: number,
  toBlock: number,
): Promise<void> {
  await session.db
    .updateTable('deposit_registries')
    .set({ synced_block: BigInt(toBlock), updated_at: new Date() })
    .where('registry_id', '=', registryId)
    .where('synced_block', '>', BigInt(toBlock))
    .execute();
}

/** Places of the public keys (48 bytes) that are stored. */
export async function findStoredKeys(
  session: Session,
  registryId: number,
  publicKeys: readonly Uint8Array[],
): Promise<Set<number>> {
  const found = new Set<number>();
  for (let from = 0; from < publicKeys.length; from += CHUNK) {
    const { prefixes, count } = flattenPrefixes(publicKeys.slice(from, from + CHUNK));
    const prefix = pieceAt(prefixes, PREFIX_LENGTH, sql.ref('position'));
    // As one byte string: a row for each costs ten times the memory.
    const { rows } = await retryLostConnection(session, () =>
      sql<{ positions: Uint8Array | null }>`
        select string_agg(int4send(position), ''::bytea) as positions
        from generate_series(0, ${count}::int - 1) as position
        where exists (select from ${tableOf(session, 'network_validators')}
                      where registry_id = ${registryId} and key_prefix = ${prefix})`.execute(session.db),
    );
    const positions = rows[0]?.positions ?? new Uint8Array();
    const view = new DataView(positions.buffer, positions.byteOffset, positions.byteLength);
    for (let at = 0; at < view.byteLength; at += 4) found.add(from + view.getInt32(at));
  }
  return found;
}

async function insertKeys(
  transaction: Session,
  registryId: number,
  publicKeys: readonly Uint8Array[],
): Promise<number> {
  let added = 0;
  for (let from = 0; from < publicKeys.length; from += CHUNK) {
    const { prefixes, count } = flattenPrefixes(publicKeys.slice(from, from + CHUNK));
    const prefix = pieceAt(prefixes, PREFIX_LENGTH, sql.ref('position'));
    // In the order of the index, which is then filled page by page.
    const result = await sql`
      insert into ${tableOf(transaction, 'network_validators')} (registry_id, key_prefix)
      select ${registryId}::smallint, prefix
      from (select ${prefix} as prefix from generate_series(0, ${count}::int - 1) as position) as keys
      order by prefix
      on conflict do nothing`.execute(transaction.db);
    added += Number(result.numAffectedRows ?? 0n);
  }
  return added;
}

function flattenPrefixes(publicKeys: readonly Uint8Array[]): { prefixes: Uint8Array; count: number } {
  const prefixes = Buffer.allocUnsafeSlow(publicKeys.length * PREFIX_LENGTH);
  for (const [i, key] of publicKeys.entries()) {
    if (key.length !== PUBLIC_KEY_LENGTH) {
      throw new RangeError(`expected ${PUBLIC_KEY_LENGTH} bytes, got ${key.length}`);
    }
    prefixes.set(key.subarray(0, PREFIX_LENGTH), i * PREFIX_LENGTH);
  }
  return { prefixes, count: publicKeys.length };
}
