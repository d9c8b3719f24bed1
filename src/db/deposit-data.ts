import { sql } from 'kysely';
import { concatBytes } from '../lib/bytes.ts';
import type { Session } from './database.ts';

/** The vault's deposit data file, as `setup-operator` writes it. */
export interface StoredDepositData {
  /** Root of its tree, 32 bytes. */
  readonly root: Uint8Array;
  /** The file's text. */
  readonly document: string;
  readonly entryCount: number;
}

/** The vault's current deposit data, undefined before the first upload. */
export async function findDepositData(
  { db }: Session,
  vaultId: number,
): Promise<StoredDepositData | undefined> {
  const row = await db
    .selectFrom('deposit_data')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
  return row && { root: row.root, document: row.document, entryCount: row.entry_count };
}

/** Deposit data to be stored, its text in UTF-8 and in pieces. */
export interface NewDepositData extends Omit<StoredDepositData, 'document'> {
  readonly document: readonly Uint8Array[];
}

/** So much text goes in one statement: the driver holds it twice while it is sent. */
const STATEMENT_BYTES = 16 * 1024 * 1024;

/** Stores deposit data as the vault's only one. To be called within a transaction: a long text takes several statements. */
export async function replaceDepositData(
  { db }: Session,
  vaultId: number,
  data: NewDepositData,
): Promise<void> {
  const [first = new Uint8Array(0), ...others] = inStatements(data.document);
  const columns = { root: data.root, document: textOf(first), entry_count: data.entryCount };
  await db
    .insertInto('deposit_data')
    .values({ vault_id: vaultId, ...columns })
    .onConflict(conflict =>
      conflict.column('vault_id').doUpdateSet({ ...columns, updated_at: sql`clock_timestamp()` }),
    )
    .execute();
  for (const piece of others) {
    await db
      .updateTable('deposit_data')
      .set({ document: sql<string>`document || ${textOf(piece)}` })
      .where('vault_id', '=', vaultId)
      .execute();
  }
}

function textOf(bytes: Uint8Array) {
  return sql<string>`convert_from(${bytes}::bytea, 'UTF8')`;
}

/** Pieces joined as long as they fit into a statement. Each of them is whole text. */
function* inStatements(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let joined: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    if (length > 0 && length + piece.length > STATEMENT_BYTES) {
      yield concatBytes(joined);
      joined = [];
      length = 0;
    }
    joined.push(piece);
    length += piece.length;
  }
  yield concatBytes(joined);
}
