import { createHash } from 'node:crypto';
import type { Session } from '../../db/database.ts';
import { findDepositData } from '../../db/deposit-data.ts';
import { pageDocument, type StoredDocument } from '../../db/public-facts.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import {
  assertUniqueDeposits,
  type DepositDataEntry,
  parseDepositData,
} from '../../domain/consensus/deposit-data.ts';
import { DepositPieces } from '../../domain/consensus/deposit-pieces.ts';
import { encodeValidator, hashLeaf, hashTree } from '../../domain/protocol/deposit-leaf.ts';
import { equalBytes, fromHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable, sortRecords } from '../../lib/record-table.ts';
import { assertDepositRoots, assertDepositsOfVault } from './deposits-of-vault.ts';
import { DEPOSIT_DATA, otherDepositRoot, strangeDeposit } from './operator-facts-faults.ts';
import type { VaultRef } from './unlock-vault.ts';

/** What was found of the stored deposit data. */
export interface DepositSurvey {
  readonly stored: StoredDocument;
  /** SHA-256 over the text, as a statement names it. */
  readonly digest: Uint8Array;
  /** How many entries there are; none in a text that is no deposit data. */
  readonly count: number;
  /** How many of them name a key that is no validator's. */
  readonly strangers: number;
  /** @throws OperatorError that tells, under this name, why the text is no deposit data */
  assertDepositData(name: string): void;
  /** @throws OperatorError of the first thing that is wrong with the deposits of this vault's validators */
  assertOfVault(): void;
  /** @throws OperatorError 'deposit-data-empty' */
  root(): Uint8Array;
}

interface SurveyOptions {
  readonly ref: VaultRef;
  /** The validators' public keys. */
  readonly publicKeys: RecordTable;
  /** Given each piece of the text. */
  readonly onPiece: (piece: Uint8Array) => void;
}

/** Reads the stored deposit data once, from its beginning to its end, and holds no more of it than a megabyte; within a transaction. */
export async function surveyDeposits(
  session: Session,
  vaultId: number,
  stored: StoredDocument,
  { onPiece, ...options }: SurveyOptions,
): Promise<DepositSurvey> {
  const hash = createHash('sha256');
  const entries = new EntrySurvey(options);
  const pieces = new DepositPieces(some => entries.add(some));
  let isRead = true;
  for await (const piece of pageDocument(session, vaultId)) {
    hash.update(piece);
    onPiece(piece);
    isRead &&= pieces.add(piece);
  }
  isRead &&= pieces.end();
  const digest = new Uint8Array(hash.digest());
  if (isRead) return { stored, digest, ...entries.result(), assertDepositData: () => undefined };
  const whole = (await findDepositData(session, vaultId))?.document ?? '';
  return { stored, digest, ...surveyWhole(whole, options) };
}

/**
 * Proves the stored deposit data: that it is some, of this vault and its validators, and that of the last upload.
 * @throws OperatorError 'deposit-data-changed', and those of a file of deposit data
 */
export function assertStoredDeposits(
  deposits: DepositSurvey,
  { depositDataRoot }: Pick<VaultFacts, 'depositDataRoot'>,
): void {
  deposits.assertDepositData(DEPOSIT_DATA);
  deposits.assertOfVault();
  const root = deposits.root();
  if (depositDataRoot !== null && equalBytes(root, depositDataRoot)) return;
  throw otherDepositRoot(root, depositDataRoot);
}

/** What cannot be read in pieces: in most cases since it is no deposit data, and it is to be told why. */
function surveyWhole(
  document: string,
  options: Omit<SurveyOptions, 'onPiece'>,
): Omit<DepositSurvey, 'stored' | 'digest'> {
  const entries = new EntrySurvey(options);
  try {
    entries.add(parseDepositData(document));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
  }
  return { ...entries.result(), assertDepositData: name => void parseDepositData(document, name) };
}

/** Looks at entries as they come, and keeps of each no more than the hash of its leaf. */
class EntrySurvey {
  readonly #ref: VaultRef;
  readonly #vault: Uint8Array;
  readonly #publicKeys: RecordTable;
  readonly #seen = new RecordTable(PUBLIC_KEY_LENGTH);
  readonly #leaves = new GrowingBytes();
  #count = 0;
  #strangers = 0;
  /** The first fault of each kind, in the order in which they count. */
  readonly #faults: Partial<
    Record<'stranger' | 'duplicate' | 'ofVault' | 'root', OperatorError | undefined>
  > = {};

  constructor({ ref, publicKeys }: Omit<SurveyOptions, 'onPiece'>) {
    this.#ref = ref;
    this.#vault = fromHex(ref.address, ADDRESS_LENGTH);
    this.#publicKeys = publicKeys;
  }

  add(entries: readonly DepositDataEntry[]): void {
    for (const entry of entries) this.#addEntry(entry);
  }

  result(): Pick<DepositSurvey, 'count' | 'strangers' | 'assertOfVault' | 'root'> {
    const { stranger, duplicate, ofVault, root } = this.#faults;
    const fault = stranger ?? duplicate ?? ofVault ?? root;
    return {
      count: this.#count,
      strangers: this.#strangers,
      assertOfVault() {
        if (fault !== undefined) throw fault;
      },
      root: () => hashTree(sortRecords(this.#leaves.subarray(), HASH_LENGTH)).slice(0, HASH_LENGTH),
    };
  }

  #addEntry(entry: DepositDataEntry): void {
    const { publicKey } = entry;
    const faults = this.#faults;
    const file = { path: DEPOSIT_DATA, entries: [entry] };
    if (!this.#publicKeys.has(publicKey)) {
      this.#strangers += 1;
      faults.stranger ??= strangeDeposit(publicKey, this.#ref.address);
    }
    const seen = this.#seen.length;
    this.#seen.add(publicKey);
    if (this.#seen.length === seen)
      faults.duplicate ??= faultOf(() => assertUniqueDeposits([entry, entry], DEPOSIT_DATA));
    faults.ofVault ??= faultOf(() => assertDepositsOfVault(this.#ref, file));
    const validator = encodeValidator(entry, this.#vault);
    // Computed once for both: it is most of the work.
    faults.root ??= faultOf(() =>
      assertDepositRoots(this.#ref, file, () => validator.subarray(-HASH_LENGTH)),
    );
    this.#leaves.append(hashLeaf(validator, this.#count));
    this.#count += 1;
  }
}

/** What a check throws; undefined when it passes. */
function faultOf(check: () => void): OperatorError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}
