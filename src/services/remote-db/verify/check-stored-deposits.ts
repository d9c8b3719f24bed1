import type { Session } from '../../../db/database.ts';
import { findDepositData } from '../../../db/deposit-data.ts';
import type { Vault } from '../../../db/vaults.ts';
import { parseDepositData } from '../../../domain/consensus/deposit-data.ts';
import { buildDepositTree } from '../../../domain/protocol/deposit-tree.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import type { UnlockedVault } from '../unlock-vault.ts';
import { findingOf } from './finding-of.ts';

export interface CheckedDeposits {
  /** How many entries the stored document has. */
  readonly count: number;
  readonly findings: readonly string[];
}

/** Compares the stored deposit data with the last upload, and with the validators. */
export async function checkStoredDeposits(
  session: Session,
  vault: Vault,
  publicKeys: readonly Uint8Array[],
  { context }: UnlockedVault,
): Promise<CheckedDeposits> {
  const stored = await findDepositData(session, vault.vaultId);
  if (stored === undefined) {
    return { count: 0, findings: vault.depositDataRoot === null ? [] : ['The deposit data is missing.'] };
  }
  let count = 0;
  const findings: string[] = [];
  const failure = await findingOf(() => {
    const entries = parseDepositData(stored.document);
    count = entries.length;
    const { root } = buildDepositTree(entries, context.vault);
    const isOfUpload = vault.depositDataRoot !== null && equalBytes(root, vault.depositDataRoot);
    if (!isOfUpload || !equalBytes(root, stored.root) || count !== stored.entryCount) {
      findings.push('The deposit data is not that of the last upload.');
    }
    const known = new Set(publicKeys.map(toHex));
    const unknown = entries.filter(entry => !known.has(toHex(entry.publicKey))).length;
    if (unknown > 0) findings.push(`${unknown} keys of the deposit data are not in the remote db.`);
  });
  return { count, findings: [...findings, ...failure] };
}
