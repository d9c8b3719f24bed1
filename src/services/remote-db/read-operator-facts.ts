import type { Session } from '../../db/database.ts';
import { findDepositData } from '../../db/deposit-data.ts';
import { listVisibleShares } from '../../db/key-shares.ts';
import { listActiveKeypairs } from '../../db/keypairs.ts';
import { findOracleSet } from '../../db/oracle-sets.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import { type DepositDataEntry, parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { type OperatorFacts, operatorDigest } from '../../domain/fleet/fact-digests.ts';
import { buildDepositTree } from '../../domain/protocol/deposit-tree.ts';
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

/** The rows that the operator's files are written from. */
export interface StoredOperatorFacts extends OperatorFacts {
  readonly oracleSet: OracleSet;
}

export interface ProvenOperatorFacts extends StoredOperatorFacts {
  /** The document's entries. */
  readonly depositData: readonly DepositDataEntry[];
}

/** The rows as they stand; undefined before the first upload. Nothing is proven of them. */
export async function findOperatorFacts(
  session: Session,
  { vaultId, oracleSetHash }: VaultFacts,
): Promise<StoredOperatorFacts | undefined> {
  const depositData = await findDepositData(session, vaultId);
  const oracleSet = oracleSetHash && (await findOracleSet(session, vaultId, oracleSetHash));
  if (!oracleSet || depositData === undefined) return undefined;
  return {
    oracleSet,
    document: depositData.document,
    keypairs: await listActiveKeypairs(session, vaultId),
    shares: await listVisibleShares(session, vaultId),
  };
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
  const facts = await findOperatorFacts(session, vault);
  if (facts === undefined) throw noOperatorFacts();
  assertStoredOracleSet(facts.oracleSet);
  if (vault.operatorDigest === null || !equalBytes(operatorDigest(facts), vault.operatorDigest))
    throw operatorFactsChanged();
  assertShares(facts);
  const depositData = parseDepositData(facts.document, DEPOSIT_DATA);
  const { ref, checkedBefore } = options;
  const isChecked = checkedBefore !== undefined && equalBytes(checkedBefore, vault.operatorDigest);
  if (!isChecked) assertDepositData(ref, vault, facts, depositData);
  return {
    oracleSet: facts.oracleSet,
    document: facts.document,
    keypairs: facts.keypairs,
    shares: facts.shares,
    depositData,
  };
}

/** Every validator of the current oracle set has one share for each oracle, and no share stands twice. */
function assertShares({ oracleSet, keypairs, shares }: StoredOperatorFacts): void {
  const seen = new Set<string>();
  let next = 0;
  for (const { publicKey, sharesSetHash } of keypairs) {
    const isCurrent = equalBytes(sharesSetHash, oracleSet.hash);
    let count = 0;
    // Both lists are in the order of the validators.
    for (; ; next++) {
      const share = shares[next];
      if (share === undefined || !equalBytes(share.parentPublicKey, publicKey)) break;
      if (share.shareIndex === count) count++;
      seen.add(Buffer.from(share.publicKey).toString('latin1'));
    }
    if (!isCurrent || count === oracleSet.publicKeys.length) continue;
    throw sharesIncomplete(publicKey, count, oracleSet.publicKeys.length);
  }
  if (seen.size === shares.length) return;
  throw shareStandsTwice();
}

function assertDepositData(
  ref: VaultRef,
  vault: VaultFacts,
  { keypairs }: StoredOperatorFacts,
  entries: readonly DepositDataEntry[],
): void {
  const known = new Set(keypairs.map(({ publicKey }) => toHex(publicKey)));
  const stranger = entries.find(entry => !known.has(toHex(entry.publicKey)));
  if (stranger !== undefined) throw strangeDeposit(stranger.publicKey, ref.address);
  const file = { path: DEPOSIT_DATA, entries };
  assertDepositsOfVault(ref, file);
  assertDepositRoots(ref, file);
  const { root } = buildDepositTree(entries, fromHex(ref.address, ADDRESS_LENGTH));
  if (vault.depositDataRoot !== null && equalBytes(root, vault.depositDataRoot)) return;
  throw otherDepositRoot(root, vault.depositDataRoot);
}
