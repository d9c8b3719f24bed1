import { assertClaimOfVault, differs } from '../../domain/consensus/deposit-claims.ts';
import {
  assertUniqueDeposits,
  type DepositDataEntry,
  depositDuplicate,
} from '../../domain/consensus/deposit-data.ts';
import type { DepositList } from '../../domain/consensus/deposit-list.ts';
import { toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { VaultRef } from './unlock-vault.ts';

/**
 * Checks what deposit data says of itself: each key once, credentials and fork version of every entry those of this
 * vault and network, where the entry names them.
 * @param file.path - for messages
 * @throws OperatorError deposit-data-duplicate, deposit-data-compounding, deposit-data-other-vault, deposit-data-other-network
 */
export function assertDepositsOfVault(
  ref: VaultRef,
  { entries, path }: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
): void {
  assertUniqueDeposits(entries, path);
  for (const entry of entries) assertClaimOfVault(ref, entry, path);
}

/** {@link assertDepositsOfVault} of deposit data that is kept flat. */
export function assertDepositListOfVault(ref: VaultRef, { path, duplicate, claims }: DepositList): void {
  if (duplicate !== undefined) throw depositDuplicate(duplicate, path);
  for (const claim of claims) assertClaimOfVault(ref, claim, path);
}

/**
 * Checks the deposit data root of every entry that names one.
 * @param rootAt - that of the same entry's deposit to this vault, 32 bytes
 * @throws OperatorError 'deposit-data-bad-root'
 */
export function assertDepositRoots(
  ref: VaultRef,
  { entries, path }: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
  rootAt: (index: number) => Uint8Array,
): void {
  const entry = entries.find((one, index) => differs(one, 'deposit_data_root', rootAt(index)));
  if (entry !== undefined) throw badDepositRoot(ref, { path, publicKey: entry.publicKey });
}

export function badDepositRoot(
  ref: VaultRef,
  { path, publicKey }: { readonly path: string; readonly publicKey: Uint8Array },
): OperatorError {
  return new OperatorError(
    'deposit-data-bad-root',
    `${path}: the deposit data root of ${toHex(publicKey)} is not that of its deposit to vault ${ref.address}.`,
    { hint: 'Create the deposit data again for this vault and network.' },
  );
}
