import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { OperatorError } from '../lib/errors.ts';
import type { Session } from './database.ts';

// Half of the 64-bit lock number is ours, the other half names the vault.
const LOCK_SPACE = 0x53_57_4f_31;
const POLL_MS = 250;

export interface LockOptions {
  readonly vaultId: number;
  /** How long to wait for another holder. */
  readonly timeoutMs: number;
  /** Is told once, when another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Runs the callback as the only upload of this vault. The lock ends with the callback or with the process; should the
 * connection that holds it break, the manifest's counter still lets only one upload end. It is one of a transaction that does
 * nothing else: one of a session would stay behind with a pooler of transactions (PgBouncer), for ever.
 * PGlite has one process anyway: nothing is locked.
 * @throws OperatorError 'vault-busy' when the time is over
 */
export async function withVaultLock<T>(
  database: Session,
  options: LockOptions,
  callback: () => Promise<T>,
): Promise<T> {
  if (database.kind === 'pglite') return callback();
  const work: { outcome?: PromiseSettledResult<T> | undefined } = {};
  try {
    await database.db.transaction().execute(async db => {
      await acquire({ ...database, db }, options);
      [work.outcome] = await Promise.allSettled([callback()]);
    });
  } catch (error) {
    // A broken connection has given the lock back, and says nothing of what was done meanwhile.
    if (work.outcome === undefined) throw error;
  }
  if (work.outcome?.status === 'fulfilled') return work.outcome.value;
  throw work.outcome?.reason;
}

async function acquire({ db }: Session, { vaultId, timeoutMs, onWait }: LockOptions): Promise<void> {
  await outliveIdleness(db);
  const deadline = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++) {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_xact_lock(${LOCK_SPACE}::int, ${vaultId}::int) as locked`.execute(db);
    if (rows[0]?.locked === true) return;
    if (attempt === 0) onWait?.();
    if (performance.now() >= deadline) throw vaultBusy(timeoutMs);
    await sleep(POLL_MS);
  }
}

/** Servers are told to end transactions that do nothing, or last long; not each knows of both settings. */
async function outliveIdleness(db: Session['db']): Promise<void> {
  await sql`
    select set_config(name, '0', true) from pg_settings
    where name in ('idle_in_transaction_session_timeout', 'transaction_timeout')`.execute(db);
}

function vaultBusy(timeoutMs: number): OperatorError {
  return new OperatorError(
    'vault-busy',
    `Another process has been uploading to this vault for more than ${timeoutMs / 1000} s.`,
    { hint: 'Run the command again when it has ended.' },
  );
}
