import type { OracleSet } from '../domain/protocol/oracle-config.ts';
import type { Session } from './database.ts';

/** Stores an oracle set beside those that the vault has; one with the same hash has the same oracles, and stays as it is. */
export async function insertOracleSet({ db }: Session, vaultId: number, set: OracleSet): Promise<void> {
  await db
    .insertInto('oracle_sets')
    .values(toRow(vaultId, set))
    .onConflict(conflict => conflict.doNothing())
    .execute();
}

/** Like {@link insertOracleSet}, and readers are told this document as the one that lists the oracles. */
export async function renewOracleSet({ db }: Session, vaultId: number, set: OracleSet): Promise<void> {
  await db
    .insertInto('oracle_sets')
    .values(toRow(vaultId, set))
    .onConflict(conflict =>
      conflict.columns(['vault_id', 'oracle_set_hash']).doUpdateSet({ config_ipfs_hash: set.configIpfsHash }),
    )
    .execute();
}

/** The oracle set of this hash, undefined when the vault has none such. */
export async function findOracleSet(
  session: Session,
  vaultId: number,
  hash: Uint8Array,
): Promise<OracleSet | undefined> {
  return (await listOracleSets(session, vaultId)).find(set => Buffer.compare(set.hash, hash) === 0);
}

/** Every oracle set of the vault, oldest first. */
export async function listOracleSets({ db }: Session, vaultId: number): Promise<OracleSet[]> {
  const rows = await db
    .selectFrom('oracle_sets')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .orderBy('created_at')
    .orderBy('oracle_set_hash')
    .execute();
  return rows.map(row => ({
    hash: row.oracle_set_hash,
    configIpfsHash: row.config_ipfs_hash,
    threshold: row.threshold,
    publicKeys: cut(row.public_keys, row.share_count),
  }));
}

function toRow(vaultId: number, set: OracleSet) {
  return {
    vault_id: vaultId,
    oracle_set_hash: set.hash,
    config_ipfs_hash: set.configIpfsHash,
    threshold: set.threshold,
    share_count: set.publicKeys.length,
    public_keys: Buffer.concat(set.publicKeys),
  };
}

function cut(bytes: Uint8Array, count: number): Uint8Array[] {
  const length = bytes.length / count;
  return Array.from({ length: count }, (_, index) => bytes.slice(index * length, (index + 1) * length));
}
