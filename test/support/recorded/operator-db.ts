// The `operator.db` of the Python operator: its tables as versions 4 and 5 make them, by the statements of that program's schema.
import { DatabaseSync } from 'node:sqlite';

export interface OperatorDbRow {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly block: number;
}

/** Writes an `operator.db` with these validators of a network. @param after - statements that are executed at the end */
export function writeOperatorDb(
  path: string,
  network: string,
  rows: readonly OperatorDbRow[],
  after: readonly string[] = [],
): void {
  using database = new DatabaseSync(path);
  const validators = 'public_key VARCHAR(98) UNIQUE NOT NULL, block_number INTEGER NOT NULL';
  database.exec(`create table ${network}_network_validators (${validators})`);
  database.exec(`create table ${network}_vault_validators (${validators})`);
  database.exec(`create table ${network}_checkpoints (name TEXT NOT NULL UNIQUE, block INTEGER NOT NULL)`);
  const insert = database.prepare(
    `insert into ${network}_network_validators values (?, ?) on conflict do nothing`,
  );
  database.exec('begin');
  for (const { publicKey, block } of rows) insert.run(`0x${Buffer.from(publicKey).toString('hex')}`, block);
  database.exec('commit');
  for (const statement of after) database.exec(statement);
}
