import type { PGlite, PGliteTransaction } from 'kysely';
import { messageOf, OperatorError } from '../lib/errors.ts';
import { type BusyMessage, type FileLock, type FileLockOptions, lockFile } from '../lib/locks/file-lock.ts';
import { translateQueryError } from './errors.ts';
import { makePrivate, resolveDatabaseDirectory } from './pglite-directory.ts';
import { BIGINT, NUMERIC } from './type-oids.ts';

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
 * Opens the embedded database in a directory, which is made when it is missing. One process at a time, and nobody but its
 * user.
 * @returns what kysely's dialect takes; its errors are this program's, and closing it gives the directory back
 * @throws OperatorError 'db-in-use', 'db-open-failed', 'db-is-mount-point', 'not-permitted'; of a query also 'lock-lost'
 */
export async function openPglite(path: string, lockOptions: FileLockOptions = {}): Promise<PGlite> {
  const directory = resolveDatabaseDirectory(path);
  // Two processes at once destroy it.
  const busy: BusyMessage = {
    code: 'db-in-use',
    subject: `The embedded database ${directory}`,
    hint: 'Wait for that process to end, or use a Postgres server: only it can serve several processes.',
  };
  const lock = await lockFile(`${directory}.lock`, busy, lockOptions);
  try {
    makePrivate(directory);
    // Loaded here only: it brings a whole Postgres of 20 MB.
    const { PGlite } = await import('@electric-sql/pglite');
    const pglite = await PGlite.create({
      dataDir: directory,
      parsers: { [BIGINT]: BigInt, [NUMERIC]: BigInt },
      startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap(setting => ['-c', setting])],
    });
    // What it has made just now may be anybody's to read and write.
    makePrivate(directory);
    return guarded(pglite, lock);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(
      'db-open-failed',
      `Cannot open the embedded database ${directory}: ${messageOf(error).replace(/\.$/, '')}.`,
      {
        cause: error,
      },
    );
  }
}

/** The database with this program's errors, and only as long as the lock is held. */
function guarded(pglite: PGlite, lock: FileLock): PGlite {
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
    async close() {
      try {
        // Closing writes: not into files that are another process' now.
        if (isHeld(lock)) await pglite.close();
      } finally {
        await lock[Symbol.asyncDispose]();
      }
    },
    async query(sql, parameters, options) {
      lock.assertHeld();
      return await pglite.query<never>(sql, parameters, options).catch(translate);
    },
    async transaction(callback) {
      lock.assertHeld();
      return await pglite.transaction(inner => callback(guardedTransaction(inner)));
    },
  };

  function guardedTransaction(transaction: PGliteTransaction): PGliteTransaction {
    return {
      rollback: () => transaction.rollback(),
      async query(sql, parameters, options) {
        lock.assertHeld();
        return await transaction.query<never>(sql, parameters, options).catch(translate);
      },
    };
  }
}

function isHeld(lock: FileLock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}
