import { vaultCredentials } from '../../domain/consensus/deposit.ts';
import {
  assertUniqueDeposits,
  type DepositDataEntry,
  depositDuplicate,
} from '../../domain/consensus/deposit-data.ts';
import type { DepositList } from '../../domain/consensus/deposit-list.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { VaultRef } from './unlock-vault.ts';

/**
 * Checks what deposit data says of itself: each key once, credentials and fork version of every entry those of this
 * vault and network, where the entry names them.
 * @param file.path - for messages
 * @throws OperatorError deposit-data-duplicate, deposit-data-other-vault, deposit-data-other-network
 */
export function assertDepositsOfVault(
  ref: VaultRef,
  { entries, path }: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
): void {
  const credentials = vaultCredentials(fromHex(ref.address, ADDRESS_LENGTH));
  assertUniqueDeposits(entries, path);
  for (const entry of entries) assertOfVault(ref, credentials, entry, path);
}

/** {@link assertDepositsOfVault} of deposit data that is kept flat. */
export function assertDepositListOfVault(ref: VaultRef, { path, duplicate, claims }: DepositList): void {
  const credentials = vaultCredentials(fromHex(ref.address, ADDRESS_LENGTH));
  if (duplicate !== undefined) throw depositDuplicate(duplicate, path);
  for (const claim of claims) assertOfVault(ref, credentials, claim, path);
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

/** What the file says of itself, where it says so; the tree is made for this vault whatever it says. */
function assertOfVault(
  ref: VaultRef,
  credentials: Uint8Array,
  entry: Pick<DepositDataEntry, 'publicKey' | 'json'>,
  path: string,
): void {
  const { json, publicKey } = entry;
  if (differs(entry, 'withdrawal_credentials', credentials)) {
    throw new OperatorError(
      'deposit-data-other-vault',
      `${path}: the withdrawal credentials of ${toHex(publicKey)} are ${String(json.withdrawal_credentials)}, not those of vault ${ref.address}.`,
    );
  }
  if (differs(entry, 'fork_version', ref.network.genesisForkVersion)) {
    throw new OperatorError(
      'deposit-data-other-network',
      `${path}: the fork version of ${toHex(publicKey)} is ${String(json.fork_version)}, not that of ${ref.network.name}.`,
    );
  }
}

/** Whether the entry has such a member, and with another value. */
function differs({ json }: Pick<DepositDataEntry, 'json'>, field: string, expected: Uint8Array): boolean {
  const value = json[field];
  return typeof value === 'string' && !isHexOf(value, expected);
}

function isHexOf(text: string, expected: Uint8Array): boolean {
  try {
    return equalBytes(fromHex(text), expected);
  } catch {
    return false;
  }
}
