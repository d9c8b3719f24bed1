import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** Everything that a database holds, by `schema.table`: each row as Postgres writes it, in the order of that text. */
export type DatabaseDump = Readonly<Record<string, readonly string[]>>;

/** Reads every table of a database with the `pg` driver alone, past the code under test. */
export async function dumpDatabase(url: string): Promise<DatabaseDump> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const tables = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    const dump: Record<string, readonly string[]> = {};
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ line: string }>(
        `select t::text as line from ${name} t order by t::text collate "C"`,
      );
      dump[name] = rows.map(row => row.line);
    }
    return dump;
  } finally {
    await client.end();
  }
}

/** What lies below the directories, by path: kind, mode, owner and hash of the content. Times are left out. */
export function listTree(...directories: readonly string[]): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const directory of directories) visit(directory, tree);
  return tree;
}

function visit(path: string, tree: Record<string, string>): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    tree[path] = 'missing';
    return;
  }
  const attributes = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`;
  if (stats.isDirectory()) {
    tree[path] = `directory ${attributes}`;
    for (const name of readdirSync(path).sort()) visit(join(path, name), tree);
  } else if (stats.isSymbolicLink()) {
    tree[path] = `link ${attributes} ${readlinkSync(path)}`;
  } else {
    tree[path] = `file ${attributes} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  }
}
