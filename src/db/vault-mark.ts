import { createHash } from 'node:crypto';
import { toHex } from '../lib/bytes.ts';
import type { Session } from './database.ts';
import type { VaultIdentity } from './vaults.ts';

/** What tells whether a vault has changed since it was looked at last. */
export interface VaultMark {
  readonly vaultId: number;
  /** SHA-256 over all that commands write files from, in hex: another one after every change of it. */
  readonly state: string;
}

/**
 * The vault's mark, by one small query: the rows themselves are not read, only what is changed with them. A row that somebody
 * changes past the program leaves the mark as it is, and is found by the next full look.
 * @returns undefined when the vault is not set up
 */
export async function readVaultMark(
  { db }: Session,
  { network, address }: VaultIdentity,
): Promise<VaultMark | undefined> {
  const row = await db
    .selectFrom('vaults as v')
    .leftJoin('assignment_plans as p', 'p.vault_id', 'v.vault_id')
    .leftJoin('statements as s', 's.vault_id', 'v.vault_id')
    .select([
      'v.vault_id',
      'v.data_key_id',
      'v.manifest_counter',
      'v.manifest_mac',
      'v.validators_digest',
      'p.total_clients',
      'p.digest as plan_digest',
      's.signature',
    ])
    .where('v.network', '=', network)
    .where('v.address', '=', address)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const parts = [
    row.vault_id,
    row.data_key_id,
    row.manifest_counter,
    hexOf(row.manifest_mac),
    hexOf(row.validators_digest),
    row.total_clients,
    hexOf(row.plan_digest),
    hexOf(row.signature),
  ];
  const state = createHash('sha256').update(parts.join(' ')).digest('hex');
  return { vaultId: row.vault_id, state };
}

function hexOf(bytes: Uint8Array | null): string {
  return bytes === null ? '-' : toHex(bytes);
}
