import { depositOfVault } from '../../domain/consensus/deposit.ts';
import type { DepositDataEntry } from '../../domain/consensus/deposit-data.ts';
import { findInvalidDeposits } from '../../domain/consensus/deposit-signature.ts';
import { depositRootAt, hashDeposits, rootOf } from '../../domain/protocol/deposit-nodes.ts';
import { equalBytes, type Hex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { assertDepositRoots, assertDepositsOfVault } from './deposits-of-vault.ts';
import { type VaultRef, vaultContext } from './unlock-vault.ts';

/**
 * Checks deposit data before it goes to the database, and returns the root of its tree.
 * @param entries - the file's
 * @param onChain - root that the chain has for the vault, 32 bytes; null when none is set
 * @param path - the file, for messages
 * @throws OperatorError those of {@link assertDepositsOfVault} and {@link assertDepositRoots}, deposit-data-bad-signature, deposit-data-root-mismatch
 */
export function checkDepositData(
  ref: VaultRef,
  file: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
  onChain: Uint8Array | null,
): Uint8Array {
  const { entries, path } = file;
  const { vault } = vaultContext(ref);
  assertDepositsOfVault(ref, file);
  const [invalid] = findInvalidDeposits(
    entries.map(entry => depositOfVault(entry, vault)),
    ref.network.genesisForkVersion,
  );
  const entry = invalid === undefined ? undefined : entries[invalid];
  if (entry !== undefined) {
    throw new OperatorError(
      'deposit-data-bad-signature',
      `${path}: the deposit signature of ${toHex(entry.publicKey)} is not valid for vault ${ref.address} on ${ref.network.name}.`,
      { hint: 'Such a deposit would be lost. Create the deposit data again for this vault and network.' },
    );
  }
  const hashed = hashDeposits(entries, vault);
  assertDepositRoots(ref, file, index => depositRootAt(hashed, index));
  const root = rootOf(hashed);
  if (onChain !== null && !equalBytes(root, onChain)) {
    throw new OperatorError(
      'deposit-data-root-mismatch',
      `${path} has the validators root ${toHex(root)}, but the chain has ${toHex(onChain)} for vault ${ref.address}.`,
      {
        hint: 'Upload this deposit data to the vault first, or name the right file with --deposit-data-file.',
      },
    );
  }
  return root;
}

/**
 * Checks that every key of the deposit data is at hand: the operator stops at the first one that is not.
 * @throws OperatorError 'deposit-data-other-keys'
 */
export function assertKeysAtHand(
  file: { readonly path: string; readonly entries: readonly DepositDataEntry[] },
  publicKeys: ReadonlySet<Hex>,
): void {
  const missing = file.entries.filter(entry => !publicKeys.has(toHex(entry.publicKey)));
  const [first] = missing;
  if (first === undefined) return;
  throw new OperatorError(
    'deposit-data-other-keys',
    `${file.path} does not match the keystores: ${missing.length} of its ${file.entries.length} public keys have neither a keystore nor a row in the remote db, first ${toHex(first.publicKey)}.`,
    { hint: 'Add the missing keystores, or name the right file with --deposit-data-file.' },
  );
}
