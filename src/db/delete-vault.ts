import { sql } from 'kysely';
import { ACCEPTED_BY_UPLOADS, deleteAcceptance } from './accepted-oracle-sets.ts';
import { type AuditEntry, appendAuditEntry } from './audit-log.ts';
import { inTransaction, type Session, tableOf } from './database.ts';
import type { TableName } from './schema.ts';
import { lockVault } from './vaults.ts';

/** Rows of one vault. */
export interface VaultCounts {
  readonly validators: number;
  readonly shares: number;
  readonly secrets: number;
  readonly oracleSets: number;
  readonly depositData: number;
  readonly assignments: number;
}

/** What {@link deleteVault} would remove. */
export async function countVaultRows(session: Session, vaultId: number): Promise<VaultCounts> {
  const count = (name: TableName) =>
    sql`(select count(*)::int from ${tableOf(session, name)} where vault_id = ${vaultId})`;
  const { rows } = await sql<VaultCounts>`select
    ${count('keypairs')} as validators, ${count('key_shares')} as shares, ${count('key_secrets')} as secrets,
    ${count('oracle_sets')} as "oracleSets", ${count('deposit_data')} as "depositData",
    ${count('assignments')} as assignments`.execute(session.db);
  const [counts] = rows;
  if (counts === undefined) throw new Error('count(*) gave no row');
  return counts;
}

// Those that reference first. The vault's own references to the last two are checked at the end of the transaction.
const TABLES = [
  'retired_keys',
  'statements',
  'signing_keys',
  'assignments',
  'assignment_plans',
  'deposit_data',
  'key_secrets',
  'key_shares',
  'keypairs',
  'oracle_sets',
  'data_keys',
] as const;

/**
 * Removes a vault with all its rows, and no other vault's; the audit log stays and gets the entry.
 * @param audit - written in the same transaction, with the counts
 * @returns what was removed, undefined when the vault is not there
 */
export function deleteVault(
  session: Session,
  options: { vaultId: number; audit: Omit<AuditEntry, 'counts'> },
): Promise<VaultCounts | undefined> {
  const { vaultId } = options;
  return inTransaction(session, async transaction => {
    const { db } = transaction;
    const vault = await lockVault(transaction, vaultId);
    if (vault === undefined) return undefined;
    const counts = await countVaultRows(transaction, vaultId);
    for (const table of TABLES) await db.deleteFrom(table).where('vault_id', '=', vaultId).execute();
    await db.deleteFrom('vaults').where('vault_id', '=', vaultId).execute();
    // What an operator has accepted is its own: its key goes on.
    const { chainId, address } = vault;
    await deleteAcceptance(transaction, { chainId, vault: address, acceptedBy: ACCEPTED_BY_UPLOADS });
    await appendAuditEntry(transaction, { ...options.audit, counts: { ...counts } });
    return counts;
  });
}
