import { type BigIntStats, closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { fromHex } from '../lib/bytes.ts';
import { messageOf, OperatorError } from '../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { describeFault, matchSchema } from '../lib/match-schema.ts';
import { RecordTable } from '../lib/record-table.ts';
import { loadSqlite, sqliteResultOf } from '../lib/sqlite.ts';

// The Python operator's own database, `operator.db`: SQLite with `<network>_network_validators` (public_key VARCHAR(98) UNIQUE,
// block_number INTEGER), a row for every public key of the network that has had a valid deposit, with the deposit's block. From
// version 4 on also `<network>_vault_validators` and `<network>_checkpoints`, which say what the vault's own log says.

/** The network's validators as the Python operator has read them. Nothing is proven by it: see `import-v3-scan.ts`. */
export interface V3Scan {
  /** 48 bytes each, all different. */
  readonly publicKeys: RecordTable;
  /** Block of the newest of their deposits. */
  readonly lastBlock: number;
}

const row = z.object({
  publicKey: z
    .string('is no text of 98 characters')
    .regex(/^0x[0-9a-f]{96}$/i, 'is not 0x and 48 bytes of hex'),
  block: z.number('is no number from 0 on'),
});

/** Enough of a text to say that it is none; what is longer never comes into memory. */
const ROWS = (table: string) => `
  select
    case when typeof(public_key) = 'text' and octet_length(public_key) = 98 then public_key end as publicKey,
    case when typeof(block_number) = 'integer' and block_number between 0 and ${Number.MAX_SAFE_INTEGER}
      then block_number end as block
  from ${table}`;

/**
 * Reads the validators of a network out of an `operator.db`. The file is taken for one that nobody changes (`immutable`): no lock is
 * taken, and nothing is written beside it.
 * @throws OperatorError 'operator-db-unreadable' for what is no such database, or one in use; 'operator-db-malformed' for a row that is
 *   no validator
 */
export function readV3Scan(path: string, network: string): V3Scan {
  const before = requireQuietFile(path);
  try {
    using database = openImmutable(path);
    const table = requireTable(database, path, `${network}_network_validators`);
    requireWholePages(database, path, before);
    const scan = readRows(database, path, table);
    const after = statSync(path, { bigint: true });
    if (!isSame(before, after)) throw unreadable(path, 'it has changed while it was read', STOP_FIRST);
    return scan;
  } catch (error) {
    if (sqliteResultOf(error) === undefined) throw error;
    throw unreadable(
      path,
      messageOf(error),
      'Check --operator-db: the file is no SQLite database, or damaged.',
      error,
    );
  }
}

const STOP_FIRST = 'Stop the Python operator, wait until it has ended, and try again.';

/** A regular file with no journal beside it, which would have to be played back. */
function requireQuietFile(path: string): BigIntStats {
  let handle: number;
  try {
    // A pipe of this name must not be waited for.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(path, messageOf(error), 'Check --operator-db and its rights.', error);
  }
  try {
    const stats = fstatSync(handle, { bigint: true });
    if (!stats.isFile()) throw unreadable(path, 'it is no regular file', 'Check --operator-db.');
    for (const suffix of ['-journal', '-wal']) {
      const size = statSync(`${path}${suffix}`, { throwIfNoEntry: false })?.size ?? 0;
      if (size > 0) throw unreadable(path, `${path}${suffix} has changes that are not in it yet`, IN_USE);
    }
    return stats;
  } finally {
    closeSync(handle);
  }
}

const IN_USE =
  'The Python operator is running, or was killed while it wrote. Stop it; where it was killed, start it once more and stop it.';

function openImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    // What stands in the file's schema is the work of whoever made the file.
    database.exec('pragma trusted_schema = off; pragma cell_size_check = on; pragma query_only = on');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What SQLite would fill up with zeros has been cut off. */
function requireWholePages(database: DatabaseSync, path: string, { size }: BigIntStats): void {
  const pageSize = database.prepare('pragma page_size').get()?.page_size;
  if (typeof pageSize !== 'number' || Number(size) % pageSize !== 0)
    throw unreadable(path, `its ${size} bytes are not whole pages: it was cut off`, 'Check --operator-db.');
}

/** A plain table with plain columns of these names: views and generated columns are programs. @returns its name, quoted */
function requireTable(database: DatabaseSync, path: string, name: string): string {
  const kind = database
    .prepare("select type from pragma_table_list where schema = 'main' and name = ?")
    .get(name)?.type;
  if (kind !== 'table')
    throw unreadable(path, `it has no table "${name}"`, 'Check --operator-db and --network.');
  const columns = database.prepare('select name, hidden from pragma_table_xinfo(?)').all(name);
  for (const wanted of ['public_key', 'block_number']) {
    if (!columns.some(column => column.name === wanted && column.hidden === 0))
      throw unreadable(path, `its table "${name}" has no column "${wanted}"`, 'Check --operator-db.');
  }
  const [fault] = database.prepare('pragma quick_check(1)').all();
  if (fault?.quick_check !== 'ok')
    throw unreadable(path, `it is damaged: ${String(fault?.quick_check)}`, 'Check --operator-db.');
  return `main."${name.replaceAll('"', '""')}"`;
}

function readRows(database: DatabaseSync, path: string, table: string): V3Scan {
  const publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
  let lastBlock = 0;
  let count = 0;
  for (const found of database.prepare(ROWS(table)).iterate()) {
    count++;
    const read = matchSchema(row, found);
    if (!read.success) throw malformed(path, count, describeFault(read.fault));
    const known = publicKeys.length;
    publicKeys.add(fromHex(read.data.publicKey, PUBLIC_KEY_LENGTH));
    if (publicKeys.length === known) throw malformed(path, count, 'publicKey: stands there twice');
    lastBlock = Math.max(lastBlock, read.data.block);
  }
  if (count === 0) throw unreadable(path, 'it has no validators yet', 'There is nothing to import.');
  return { publicKeys, lastBlock };
}

function isSame(before: BigIntStats, after: BigIntStats): boolean {
  const facts = ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const;
  return facts.every(fact => before[fact] === after[fact]);
}

function unreadable(path: string, reason: string, hint: string, cause?: unknown): OperatorError {
  return new OperatorError('operator-db-unreadable', `${path} cannot be read as an operator.db: ${reason}.`, {
    hint,
    cause,
  });
}

function malformed(path: string, count: number, what: string): OperatorError {
  return new OperatorError(
    'operator-db-malformed',
    `Row ${count} of ${path} is no validator of the network: ${what}.`,
    {
      hint: 'Leave the import out: "start" reads the validators from the chain.',
    },
  );
}
