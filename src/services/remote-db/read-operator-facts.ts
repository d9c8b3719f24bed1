import type { Session } from '../../db/database.ts';
import { findOracleSet } from '../../db/oracle-sets.ts';
import { findDocument, pageDocument, pageSharedKeys, type StoredDocument } from '../../db/public-facts.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import { operatorDigestOf } from '../../domain/fleet/fact-digests.ts';
import { countShares, SharedKeys } from '../../domain/fleet/shared-keys.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { equalBytes } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import {
  assertStoredOracleSet,
  noOperatorFacts,
  operatorFactsChanged,
  shareStandsTwice,
  sharesIncomplete,
} from './operator-facts-faults.ts';
import { assertStoredDeposits, type DepositSurvey, surveyDeposits } from './survey-deposits.ts';
import type { VaultRef } from './unlock-vault.ts';

/** What the operator's files are written from. */
export interface ProvenOperatorFacts {
  readonly oracleSet: OracleSet;
  /** The deposit data file's text in UTF-8. */
  readonly document: Uint8Array;
  readonly keys: SharedKeys;
}

interface ReadOptions {
  readonly ref: VaultRef;
  /**
   * The operator digest of facts that were found good: of the same ones the deposit data need not be proven again, which
   * takes a second for ten thousand validators.
   */
  readonly checkedBefore?: Uint8Array | undefined;
}

/**
 * What the operator's files are written from, compared with the digest that the last upload stored: no encryption key is
 * needed to see that a row was removed, added, exchanged or changed. Since whoever writes to the database can compute a
 * digest, too, what can be proven without it is proven: the oracle set against its hash, shares against its size, and the
 * deposit data against the vault, its validators and the root of the last upload.
 * @param session - of a transaction
 * @throws OperatorError 'no-remote-signer-config' before the first upload, 'oracle-set-changed', 'oracle-threshold-one',
 *   'operator-facts-changed', 'shares-incomplete', 'deposit-data-changed', and those of a file of deposit data
 */
export async function readOperatorFacts(
  session: Session,
  vault: VaultFacts,
  { ref, checkedBefore }: ReadOptions,
): Promise<ProvenOperatorFacts> {
  const { vaultId, oracleSetHash, operatorDigest } = vault;
  const stored = await findDocument(session, vaultId);
  const oracleSet = oracleSetHash && (await findOracleSet(session, vaultId, oracleSetHash));
  if (!oracleSet || stored === undefined) throw noOperatorFacts();
  assertStoredOracleSet(oracleSet);
  const keys = await readSharedKeys(session, vaultId);
  if (keys === undefined || operatorDigest === null) throw operatorFactsChanged();
  const isChecked = checkedBefore !== undefined && equalBytes(checkedBefore, operatorDigest);
  const { document, deposits } = isChecked
    ? { document: await readDocument(session, vaultId, stored), deposits: undefined }
    : await surveyDocument(session, vaultId, stored, { ref, keys });
  if (!equalBytes(operatorDigestOf({ oracleSet, document }, keys), operatorDigest))
    throw operatorFactsChanged();
  assertShares(oracleSet, keys);
  if (deposits !== undefined) assertStoredDeposits(deposits, vault);
  return { oracleSet, document, keys };
}

async function readSharedKeys(session: Session, vaultId: number): Promise<SharedKeys | undefined> {
  const pages: Uint8Array[] = [];
  for await (const page of pageSharedKeys(session, vaultId)) pages.push(page);
  return SharedKeys.read(pages);
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

async function readDocument(session: Session, vaultId: number, stored: StoredDocument): Promise<Uint8Array> {
  const document = new DocumentBytes(stored.length);
  for await (const piece of pageDocument(session, vaultId)) document.add(piece);
  return document.bytes;
}

/** Looks at the entries while the text is read. */
async function surveyDocument(
  session: Session,
  vaultId: number,
  stored: StoredDocument,
  { ref, keys }: { readonly ref: VaultRef; readonly keys: SharedKeys },
): Promise<{ readonly document: Uint8Array; readonly deposits: DepositSurvey }> {
  const publicKeys = RecordTable.from(
    Iterator.from(keys).map(({ publicKey }) => publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const document = new DocumentBytes(stored.length);
  const deposits = await surveyDeposits(session, vaultId, stored, {
    ref,
    publicKeys,
    onPiece: piece => document.add(piece),
  });
  return { document: document.bytes, deposits };
}

/** A text of known length that comes in pieces. */
class DocumentBytes {
  readonly bytes: Uint8Array;
  #length = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  /** @throws OperatorError 'operator-facts-changed' when the text is longer than it was said to be */
  add(piece: Uint8Array): void {
    if (this.#length + piece.length > this.bytes.length) throw operatorFactsChanged();
    this.bytes.set(piece, this.#length);
    this.#length += piece.length;
  }
}
