import type { Session } from '../../db/database.ts';
import { findDepositData } from '../../db/deposit-data.ts';
import { listSharedKeys, listVisibleShares } from '../../db/key-shares.ts';
import { listActiveKeypairs } from '../../db/keypairs.ts';
import { findOracleSet } from '../../db/oracle-sets.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import { type DepositDataEntry, parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { type OperatorFacts, operatorDigestOf } from '../../domain/fleet/fact-digests.ts';
import { countShares, type SharedKeys } from '../../domain/fleet/shared-keys.ts';
import { depositRootAt, hashDeposits, rootOf } from '../../domain/protocol/deposit-nodes.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import { assertDepositRoots, assertDepositsOfVault } from './deposits-of-vault.ts';
import {
  assertStoredOracleSet,
  DEPOSIT_DATA,
  noOperatorFacts,
  operatorFactsChanged,
  otherDepositRoot,
  shareStandsTwice,
  sharesIncomplete,
  strangeDeposit,
} from './operator-facts-faults.ts';
import type { VaultRef } from './unlock-vault.ts';

/** What the operator's files are written from. */
export interface ProvenOperatorFacts {
  readonly oracleSet: OracleSet;
  /** The deposit data file's text. */
  readonly document: string;
  /** The document's entries. */
  readonly depositData: readonly DepositDataEntry[];
  readonly keys: SharedKeys;
}

/** The rows as they stand, in lists; undefined before the first upload. Nothing is proven of them. */
export async function findOperatorFacts(
  session: Session,
  vault: VaultFacts,
): Promise<(OperatorFacts & { readonly oracleSet: OracleSet }) | undefined> {
  const found = await findSetAndDocument(session, vault);
  return (
    found && {
      ...found,
      keypairs: await listActiveKeypairs(session, vault.vaultId),
      shares: await listVisibleShares(session, vault.vaultId),
    }
  );
}

async function findSetAndDocument(
  session: Session,
  { vaultId, oracleSetHash }: VaultFacts,
): Promise<{ readonly oracleSet: OracleSet; readonly document: string } | undefined> {
  const depositData = await findDepositData(session, vaultId);
  const oracleSet = oracleSetHash && (await findOracleSet(session, vaultId, oracleSetHash));
  if (!oracleSet || depositData === undefined) return undefined;
  return { oracleSet, document: depositData.document };
}

/**
 * What the operator's files are written from, compared with the digest that the last upload stored: no encryption key is
 * needed to see that a row was removed, added, exchanged or changed. Since whoever writes to the database can compute a
 * digest, too, what can be proven without it is proven: the oracle set against its hash, shares against its size, and the
 * deposit data against the vault, its validators and the root of the last upload.
 * @param options.checkedBefore - the operator digest of facts that were found good: of the same ones the deposit data need
 *   not be proven again, which takes a second for ten thousand validators
 * @throws OperatorError 'no-remote-signer-config' before the first upload, 'oracle-set-changed', 'oracle-threshold-one',
 *   'operator-facts-changed', 'shares-incomplete', 'deposit-data-changed', and those of a file of deposit data
 */
export async function readOperatorFacts(
  session: Session,
  vault: VaultFacts,
  options: { readonly ref: VaultRef; readonly checkedBefore?: Uint8Array | undefined },
): Promise<ProvenOperatorFacts> {
  const found = await findSetAndDocument(session, vault);
  if (found === undefined) throw noOperatorFacts();
  const { oracleSet, document } = found;
  assertStoredOracleSet(oracleSet);
  const keys = await listSharedKeys(session, vault.vaultId);
  if (
    keys === undefined ||
    vault.operatorDigest === null ||
    !equalBytes(operatorDigestOf(found, keys), vault.operatorDigest)
  )
    throw operatorFactsChanged();
  assertShares(oracleSet, keys);
  const depositData = parseDepositData(document, DEPOSIT_DATA);
  const { ref, checkedBefore } = options;
  const isChecked = checkedBefore !== undefined && equalBytes(checkedBefore, vault.operatorDigest);
  if (!isChecked) assertDepositData(ref, vault, keys, depositData);
  return { oracleSet, document, depositData, keys };
}

/** Every validator of the current oracle set has one share for each oracle, and no share stands twice. */
function assertShares(oracleSet: OracleSet, keys: SharedKeys): void {
  for (const key of keys.ofSet(oracleSet.hash)) {
    const count = countShares(key);
    if (count === oracleSet.publicKeys.length) continue;
    throw sharesIncomplete(key.publicKey, count, oracleSet.publicKeys.length);
  }
  if (keys.hasDistinctShares()) return;
  throw shareStandsTwice();
}

function assertDepositData(
  ref: VaultRef,
  vault: VaultFacts,
  keys: SharedKeys,
  entries: readonly DepositDataEntry[],
): void {
  const known = new Set<string>();
  for (const { publicKey } of keys) known.add(toHex(publicKey));
  const stranger = entries.find(entry => !known.has(toHex(entry.publicKey)));
  if (stranger !== undefined) throw strangeDeposit(stranger.publicKey, ref.address);
  const file = { path: DEPOSIT_DATA, entries };
  assertDepositsOfVault(ref, file);
  const hashed = hashDeposits(entries, fromHex(ref.address, ADDRESS_LENGTH));
  assertDepositRoots(ref, file, index => depositRootAt(hashed, index));
  const root = rootOf(hashed);
  if (vault.depositDataRoot !== null && equalBytes(root, vault.depositDataRoot)) return;
  throw otherDepositRoot(root, vault.depositDataRoot);
}
