import type { Database } from '../../../db/database.ts';
import { readV3Tables, type V3Counts, type V3Snapshot } from '../../../db/v3-operator-tables.ts';
import { parseDepositData } from '../../../domain/consensus/deposit-data.ts';
import {
  type DepositList,
  DepositListBuilder,
  depositListOf,
} from '../../../domain/consensus/deposit-list.ts';
import { DepositPieces } from '../../../domain/consensus/deposit-pieces.ts';
import { DifferencesError, OperatorError } from '../../../lib/errors.ts';
import { GrowingBytes } from '../../../lib/growing-bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { countOf } from '../../../lib/plural.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { VaultRef } from '../unlock-vault.ts';

/** How messages call the deposit data of that database. */
const STORED_DEPOSITS = "the deposit data in the Python operator's database";

/** What the Python operator's database has of a vault: 96 bytes of memory a validator, and the text of the deposit data. */
export interface V3Database {
  readonly counts: V3Counts;
  /** Public keys of the validators, by the places of {@link records}. */
  readonly publicKeys: RecordTable;
  /** Records of `v3-key-record.ts`, encrypted as they are. */
  readonly records: Uint8Array;
  /** Public keys, as they stand there, of rows that are none: of another length, or no hex. */
  readonly malformed: readonly string[];
  /** Undefined where none is stored, or it was not asked for. */
  readonly depositData: DepositList | undefined;
}

/**
 * Reads what the Python operator has stored of a vault, in one read-only transaction.
 * @param options.takesRowsWithoutVault - the user has said that rows which name no vault are this vault's
 * @param options.readsDepositData - false when another file is to be used
 * @throws OperatorError 'v3-tables-missing', 'v3-tables-ambiguous', 'v3-no-keys'; DifferencesError 'v3-rows-without-vault'; those of deposit data
 *   that cannot be read
 */
export function readV3Database(
  database: Database,
  options: {
    readonly ref: VaultRef;
    /** Schema of the tables; undefined for the only one that has them. */
    readonly schema: string | undefined;
    readonly takesRowsWithoutVault: boolean;
    readonly readsDepositData: boolean;
  },
): Promise<V3Database> {
  const { ref, schema, takesRowsWithoutVault: ofNoVault } = options;
  const tables = { network: ref.network.name, vault: ref.address, schema };
  return readV3Tables(database, tables, async snapshot => {
    const { counts } = snapshot;
    requireRows(ref, counts, ofNoVault);
    const publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
    const records = new GrowingBytes();
    const malformed: string[] = [];
    for await (const page of snapshot.pageKeys({ ofNoVault })) {
      for (const row of page) {
        if ('malformed' in row) {
          malformed.push(row.malformed);
          continue;
        }
        const known = publicKeys.length;
        publicKeys.add(row.publicKey);
        // A key can stand twice only where one row names no vault: that of the vault came first.
        if (publicKeys.length === known) continue;
        records.append(row.publicKey);
        records.append(row.nonce);
        records.append(row.ciphertext);
      }
    }
    const depositData = options.readsDepositData ? await readDepositData(snapshot) : undefined;
    return { counts, publicKeys, records: records.subarray(), malformed, depositData };
  });
}

function requireRows(ref: VaultRef, { ofVault, ofNoVault, ofOthers }: V3Counts, isAllowed: boolean): void {
  if (ofNoVault > 0 && !isAllowed) {
    throw new DifferencesError(
      'v3-rows-without-vault',
      `${countOf(ofNoVault, 'key')} in the Python operator's database name no vault, as versions 4 and 5 store them: they may be those of another vault. Nothing was changed.`,
      {
        hint: `If all of them are of vault ${ref.address}, repeat with --rows-without-vault.`,
      },
    );
  }
  if (ofVault + ofNoVault > 0) return;
  const others = ofOthers === 0 ? 'none at all' : `only ${countOf(ofOthers, 'key')} of other vaults`;
  throw new OperatorError(
    'v3-no-keys',
    `The Python operator's database has no key of vault ${ref.address} on ${ref.network.name}, and ${others}.`,
    { hint: 'Check --vault, --network and --from-db-url.' },
  );
}

/** The deposit data that is stored, piece by piece: only its text is kept, and no entry as an object. */
async function readDepositData(snapshot: V3Snapshot): Promise<DepositList | undefined> {
  const builder = new DepositListBuilder(STORED_DEPOSITS);
  const text: Uint8Array[] = [];
  const pieces = new DepositPieces(entries => void text.push(builder.add(entries)));
  let isThere = false;
  let isRead = true;
  for await (const piece of snapshot.depositData()) {
    isThere = true;
    isRead = pieces.add(piece);
    if (!isRead) break;
  }
  if (!isThere) return undefined;
  if (!isRead || !pieces.end()) return await readWhole(snapshot);
  text.push(builder.end());
  return builder.build(() => text);
}

/** What pieces cannot tell is found here: what is wrong in the text, and where. */
async function readWhole(snapshot: V3Snapshot): Promise<DepositList> {
  const pieces: Uint8Array[] = [];
  for await (const piece of snapshot.depositData()) pieces.push(piece);
  const entries = parseDepositData(Buffer.concat(pieces).toString(), STORED_DEPOSITS);
  return depositListOf({ path: STORED_DEPOSITS, entries });
}
