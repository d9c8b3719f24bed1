import type { Database } from '../../db/database.ts';
import { countVaultRows, deleteVault, type VaultCounts } from '../../db/delete-vault.ts';
import { auditActor } from './audit-actor.ts';
import { requireVault, type VaultRef, vaultContext } from './vault-ref.ts';

/** What {@link cleanUpVault} would remove. @throws OperatorError 'vault-not-set-up' */
export async function countVault(database: Database, ref: VaultRef): Promise<VaultCounts> {
  const vault = await requireVault(database, ref);
  return countVaultRows(database, vault.vaultId);
}

/** Removes every row of this vault, its encryption key included, and of no other. @returns what was removed */
export async function cleanUpVault(database: Database, ref: VaultRef): Promise<VaultCounts | undefined> {
  const vault = await requireVault(database, ref);
  return deleteVault(database, {
    vaultId: vault.vaultId,
    audit: {
      actor: auditActor(),
      command: 'remote-db cleanup',
      network: ref.network.name,
      vault: vaultContext(ref).vault,
    },
  });
}
