import { sql } from 'kysely';
import type { Session } from './database.ts';

/** Name of who accepts oracle sets by uploads: whoever has the vault's encryption key. */
export const ACCEPTED_BY_UPLOADS = 'the encryption key';

/** Who has accepted oracle sets, and for which vault. */
export interface AcceptanceScope {
  readonly chainId: number;
  /** 20 bytes. */
  readonly vault: Uint8Array;
  /** Names the key of the MAC: operators with other wallets have rows of their own. */
  readonly acceptedBy: string;
}

/** A row of accepted oracle sets: to be believed only by its MAC, which this module knows nothing of. */
export interface StoredAcceptance {
  /** 20 bytes. */
  readonly keeper: Uint8Array;
  /** 32 bytes. */
  readonly setHash: Uint8Array;
  readonly configIpfsHash: string;
  readonly eventBlock: bigint;
  /** 32 bytes. */
  readonly eventBlockHash: Uint8Array;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/** Forgets what was accepted last. */
export async function deleteAcceptance(
  { db }: Session,
  { chainId, vault, acceptedBy }: AcceptanceScope,
): Promise<void> {
  await db
    .deleteFrom('accepted_oracle_sets')
    .where('chain_id', '=', BigInt(chainId))
    .where('vault', '=', vault)
    .where('accepted_by', '=', acceptedBy)
    .execute();
}

/** What was accepted last. */
export async function findAcceptance(
  { db }: Session,
  { chainId, vault, acceptedBy }: AcceptanceScope,
): Promise<StoredAcceptance | undefined> {
  const row = await db
    .selectFrom('accepted_oracle_sets')
    .selectAll()
    .where('chain_id', '=', BigInt(chainId))
    .where('vault', '=', vault)
    .where('accepted_by', '=', acceptedBy)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    keeper: row.keeper,
    setHash: row.oracle_set_hash,
    configIpfsHash: row.config_ipfs_hash,
    eventBlock: row.event_block,
    eventBlockHash: row.event_block_hash,
    mac: row.mac,
  };
}

/** Puts an acceptance in the place of the one before. */
export async function storeAcceptance(
  { db }: Session,
  { chainId, vault, acceptedBy }: AcceptanceScope,
  acceptance: StoredAcceptance,
): Promise<void> {
  const facts = {
    keeper: acceptance.keeper,
    oracle_set_hash: acceptance.setHash,
    config_ipfs_hash: acceptance.configIpfsHash,
    event_block: acceptance.eventBlock,
    event_block_hash: acceptance.eventBlockHash,
    mac: acceptance.mac,
  };
  await db
    .insertInto('accepted_oracle_sets')
    .values({ chain_id: BigInt(chainId), vault, accepted_by: acceptedBy, ...facts })
    .onConflict(conflict =>
      conflict
        .columns(['chain_id', 'vault', 'accepted_by'])
        .doUpdateSet({ ...facts, accepted_at: sql`clock_timestamp()` }),
    )
    .execute();
}
