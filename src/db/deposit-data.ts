import { sql } from 'kysely';
import type { DepositText } from '../domain/consensus/deposit-text.ts';
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

/** Deposit data to be stored. */
export interface NewDepositData extends Omit<StoredDepositData, 'document'> {
  readonly text: DepositText;
}

/** So much text goes in one statement: the driver holds it several times while it is sent. */
const STATEMENT_BYTES = 1024 * 1024;

/**
 * Stores deposit data as the vault's only one. To be called within a transaction: a long text comes in several statements. The
 * database puts it together as a large object, which the same transaction removes: appending to the row would write the text
 * anew each time.
 * @param onPiece - is given the text as it is sent
 */
export async function replaceDepositData(
  session: Session,
  vaultId: number,
  { root, entryCount, text }: NewDepositData,
  onPiece: (piece: Uint8Array) => void,
): Promise<void> {
  const { rows } = await sql<{ object: number }>`select lo_create(0) as object`.execute(session.db);
  const object = sql`${rows[0]?.object}::oid`;
  let sent = 0;
  for await (const piece of inStatements(text.pieces())) {
    onPiece(piece);
    await sql`select lo_put(${object}, ${sent}::bigint, ${piece}::bytea)`.execute(session.db);
    sent += piece.length;
  }
  const columns = { root, entry_count: entryCount };
  await session.db
    .insertInto('deposit_data')
    .values({
      vault_id: vaultId,
      ...columns,
      document: sql<string>`convert_from(lo_get(${object}), 'UTF8')`,
    })
    .onConflict(conflict =>
      conflict.column('vault_id').doUpdateSet({
        ...columns,
        document: sql<string>`excluded.document`,
        updated_at: sql`clock_timestamp()`,
      }),
    )
    .execute();
  await sql`select lo_unlink(${object})`.execute(session.db);
}

/** Pieces joined as long as they fit into a statement. */
async function* inStatements(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let joined: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
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
