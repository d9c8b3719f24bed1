import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PGlite, PGliteTransaction } from 'kysely';
import { lockDirectory } from '../lib/directory-lock.ts';
import { messageOf, OperatorError } from '../lib/errors.ts';
import { translateQueryError } from './errors.ts';

const BIGINT = 20;

/**
 * Postgres' own defaults are those of a server: 128 MB of buffers alone, all of it resident. One process with one connection
 * needs a hundredth of that, and nothing for senders, locks and I/O of others; the system's page cache is behind it anyway.
 */
const SETTINGS = [
  'shared_buffers=1MB',
  'max_wal_senders=0',
  'max_replication_slots=0',
  'max_locks_per_transaction=16',
  'max_pred_locks_per_transaction=16',
  'io_max_concurrency=1',
  'wal_buffers=64kB',
  'max_connections=4',
  'max_wal_size=64MB',
  'min_wal_size=32MB',
];

/**
 * Opens the embedded database in a directory, which is made when it is missing. One process at a time.
 * @returns what kysely's dialect takes; its errors are this program's, and closing it gives the directory back
 * @throws OperatorError 'db-in-use', 'db-open-failed'
 */
export async function openPglite(path: string): Promise<PGlite> {
  const directory = resolve(path);
  await mkdir(dirname(directory), { recursive: true });
  // Two processes at once destroy it.
  const lock = await lockDirectory(directory, {
    code: 'db-in-use',
    subject: `the embedded database ${directory}`,
    hint: 'Wait for that process to end, or use a Postgres server: only it can serve several processes.',
  });
  const unlock = async () => lock[Symbol.asyncDispose]();
  try {
    // Loaded here only: it brings a whole Postgres of 20 MB.
    const { PGlite } = await import('@electric-sql/pglite');
    const pglite = await PGlite.create({
      dataDir: directory,
      parsers: { [BIGINT]: BigInt },
      startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap(setting => ['-c', setting])],
    });
    return withTranslatedErrors(pglite, unlock);
  } catch (error) {
    await unlock();
    throw new OperatorError(
      'db-open-failed',
      `cannot open the embedded database ${directory}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

function withTranslatedErrors(pglite: PGlite, unlock: () => Promise<void>): PGlite {
  const translate = (error: unknown) => {
    throw translateQueryError(error, undefined);
  };
  return {
    get closed() {
      return pglite.closed;
    },
    get ready() {
      return pglite.ready;
    },
    waitReady: pglite.waitReady,
    close: () => pglite.close().finally(unlock),
    query: (sql, parameters, options) => pglite.query<never>(sql, parameters, options).catch(translate),
    transaction: callback => pglite.transaction(inner => callback(translated(inner))),
  };

  function translated(transaction: PGliteTransaction): PGliteTransaction {
    return {
      rollback: () => transaction.rollback(),
      query: (sql, parameters, options) =>
        transaction.query<never>(sql, parameters, options).catch(translate),
    };
  }
}
