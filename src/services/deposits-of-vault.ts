import {
  assertUniqueDeposits,
  type DepositDataEntry,
  depositDataRoot,
  depositOfVault,
  vaultCredentials,
} from '../domain/consensus/deposit-data.ts';
import { equalBytes, fromHex, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { VaultRef } from './unlock-vault.ts';

/**
 * Checks what deposit data says of itself: each key once, and credentials, fork version and deposit data root of every entry
 * those of this vault, where the entry names them.
 * @param file.path - for messages
 * @throws OperatorError deposit-data-duplicate, deposit-data-other-vault, deposit-data-other-network,
 *   deposit-data-bad-root
 */
export function assertDepositsOfVault(
  ref: VaultRef,
  { entries, path }: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
): void {
  const vault = fromHex(ref.address, 20);
  assertUniqueDeposits(entries, path);
  for (const entry of entries) assertOfVault(ref, vault, entry, path);
}

/** What the file says of itself, where it says so; the tree is made for this vault whatever it says. */
function assertOfVault(ref: VaultRef, vault: Uint8Array, entry: DepositDataEntry, path: string): void {
  const { json, publicKey } = entry;
  const differs = (field: string, expected: Uint8Array) => {
    const value = json[field];
    return typeof value === 'string' && !isHexOf(value, expected);
  };
  if (differs('withdrawal_credentials', vaultCredentials(vault))) {
    throw new OperatorError(
      'deposit-data-other-vault',
      `${path}: the withdrawal credentials of ${toHex(publicKey)} are ${String(json.withdrawal_credentials)}, not those of vault ${ref.address}.`,
    );
  }
  if (differs('fork_version', ref.network.genesisForkVersion)) {
    throw new OperatorError(
      'deposit-data-other-network',
      `${path}: the fork version of ${toHex(publicKey)} is ${String(json.fork_version)}, not that of ${ref.network.name}.`,
    );
  }
  if (differs('deposit_data_root', depositDataRoot(depositOfVault(entry, vault)))) {
    throw new OperatorError(
      'deposit-data-bad-root',
      `${path}: the deposit data root of ${toHex(publicKey)} is not that of its deposit to vault ${ref.address}.`,
      { hint: 'Create the deposit data again for this vault and network.' },
    );
  }
}

function isHexOf(text: string, expected: Uint8Array): boolean {
  try {
    return equalBytes(fromHex(text), expected);
  } catch {
    return false;
  }
}
