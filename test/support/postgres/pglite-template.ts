import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/**
 * An embedded database that has been migrated, to be copied to where a program or a test opens it. It is made once for each
 * checkout and each state of what it is made by: to make one takes seven seconds of CPU, to copy it one.
 */
export async function pgliteTemplate(): Promise<{ copyTo(path: string): void }> {
  const template = join(ROOT, 'node_modules', '.cache', 'stakewise-tests', `pglite-${stateOfMakers()}`);
  if (!existsSync(template)) await make(template);
  return { copyTo: path => cpSync(template, path, { recursive: true, errorOnExist: true, force: false }) };
}

function stateOfMakers(): string {
  const hash = createHash('sha256');
  const sources = globSync(['migrations/*.ts', 'src/db/migrat*.ts', 'src/db/pglite*.ts'], {
    cwd: ROOT,
  }).sort();
  for (const source of sources) hash.update(`${source}\n`).update(readFileSync(join(ROOT, source)));
  const manifest = join(
    dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite')),
    '..',
    'package.json',
  );
  return hash.update(readFileSync(manifest)).digest('hex').slice(0, 16);
}

/** Another process may make it at the same time: the first that is ready counts. */
async function make(template: string): Promise<void> {
  const own = `${template}.${process.pid}-${randomBytes(4).toString('hex')}`;
  mkdirSync(dirname(template), { recursive: true });
  try {
    const path = join(own, 'db');
    {
      await using database = await openDatabase({ url: `pglite:${path}` });
      await migrateDatabase(database, { programVersion: '1.0.0' });
    }
    try {
      renameSync(path, template);
    } catch (error) {
      if (!existsSync(template)) throw error;
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
