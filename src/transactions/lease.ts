import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { findLease, type LeaseScope, releaseLease, renewLease, takeLease } from '../db/leases.ts';
import { fromHex } from '../lib/bytes.ts';
import { messageOf, OperatorError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import type { Logger } from '../lib/logger.ts';

/** The right to act for a vault, held by one process at a time. Disposing of it gives it back at once. */
export interface Lease extends AsyncDisposable {
  /** Grows with every holder; intents carry it. */
  readonly epoch: bigint;
  /** Aborted when the lease is lost, or may be: whatever acts for the vault ends then. */
  readonly signal: AbortSignal;
  /**
   * Whether it can still be held, by this process's own clock: to be asked right before something that cannot be undone.
   * A process that was stopped finds out here, before any timer has run.
   */
  isFresh(): boolean;
}

/** An observer of the lease: who asks for it asks the database every few seconds, whether or not there is work. */
export interface LeaseObserver {
  /** Whether the database has answered the last question about the lease. */
  databaseAnswered(isAnswered: boolean): void;
  /** This process has become the one that acts. */
  leaseTaken(): void;
  /** It has become the one that acts, or goes on being it. */
  leaseRenewed(): void;
}

export interface LeaseDeps {
  readonly database: Database;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly observer?: LeaseObserver | undefined;
}

export interface LeaseOptions {
  readonly chainId: number;
  readonly vault: string;
  /** Names this process, for the others' logs: host and process id. */
  readonly holder: string;
  /** Takes it from whoever holds it, who then stands by and finds out what has become of everything when it is given back. */
  readonly force?: boolean | undefined;
  /** Ends the waiting for the lease; a lease that is held is given back by disposing of it. */
  readonly signal?: AbortSignal | undefined;
  /** How long a holder that is gone keeps the others out. Default 10 s. */
  readonly ttlMs?: number | undefined;
  /** Pause between renewals, and between looks of those that stand by. Default 3 s. */
  readonly renewMs?: number | undefined;
}

const TTL_MS = 10_000;
const RENEW_MS = 3_000;

/**
 * Waits until no other process acts for the vault, and becomes the one that does. All times are those of the database's
 * clock; this process's own is only used to give up in time when the database does not answer.
 * @throws the signal's reason; what the database fails with at the first look
 */
export async function holdLease(deps: LeaseDeps, options: LeaseOptions): Promise<Lease> {
  const { ttlMs = TTL_MS, signal, force, holder } = options;
  const scope = { chainId: options.chainId, vault: fromHex(options.vault, ADDRESS_LENGTH) };
  for (let look = 0; ; look++) {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const epoch = await ask(deps, () => takeLease(deps.database, scope, { holder, ttlMs, force })).catch(
      (error: unknown) => {
        if (look === 0) throw error;
        deps.log.warn({ reason: messageOf(error) }, 'Cannot see who acts for the vault');
        return undefined;
      },
    );
    if (epoch !== undefined) {
      deps.log.info({ epoch: String(epoch) }, 'This process acts for the vault now');
      deps.observer?.leaseTaken();
      deps.observer?.leaseRenewed();
      return keepLease(deps, options, { scope, epoch, startedAt });
    }
    if (look === 0) await tellHolder(deps, scope);
    await pause(options.renewMs ?? RENEW_MS, signal);
  }
}

/** Asks the database, and tells the observer whether it has answered. */
async function ask<T>({ observer }: Pick<LeaseDeps, 'observer'>, question: () => Promise<T>): Promise<T> {
  try {
    const answer = await question();
    observer?.databaseAnswered(true);
    return answer;
  } catch (error) {
    observer?.databaseAnswered(false);
    throw error;
  }
}

async function tellHolder({ database, log }: LeaseDeps, scope: LeaseScope): Promise<void> {
  const holder = (await findLease(database, scope))?.holder;
  log.info({ holder: holder && foreignText(holder) }, 'Another process acts for the vault: standing by');
}

function keepLease(
  { database, log, observer }: LeaseDeps,
  { ttlMs = TTL_MS, renewMs = RENEW_MS }: LeaseOptions,
  { scope, epoch, startedAt }: { scope: LeaseScope; epoch: bigint; startedAt: number },
): Lease {
  const lease = { ...scope, epoch };
  const lost = new AbortController();
  const released = new AbortController();
  // Counted from before the request was sent: the database's own count began later.
  let endsAt = startedAt + ttlMs;
  const lose = (why: string) => {
    if (lost.signal.aborted || released.signal.aborted) return;
    log.warn({ epoch: String(epoch), why }, 'This process no longer acts for the vault');
    lost.abort(leaseLost());
  };
  let timer = setTimeout(lose, ttlMs, 'the lease could not be renewed in time');

  const renew = async (): Promise<void> => {
    while (!released.signal.aborted && !lost.signal.aborted) {
      await pause(renewMs, released.signal).catch(() => undefined);
      if (released.signal.aborted || lost.signal.aborted) return;
      const begunAt = performance.now();
      try {
        const isRenewed = await ask({ observer }, () => renewLease(database, lease, ttlMs));
        if (!isRenewed) return lose('another process took the lease over');
        // An answer that took longer than the term is worth nothing: the timer has said so, or is about to.
        if (performance.now() >= begunAt + ttlMs) continue;
        endsAt = begunAt + ttlMs;
        observer?.leaseRenewed();
        clearTimeout(timer);
        timer = setTimeout(lose, endsAt - performance.now(), 'the lease could not be renewed in time');
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'Cannot renew the lease');
      }
    }
  };
  const renewal = renew();

  return {
    epoch,
    signal: lost.signal,
    isFresh: () => !lost.signal.aborted && !released.signal.aborted && performance.now() < endsAt,
    [Symbol.asyncDispose]: async () => {
      released.abort();
      clearTimeout(timer);
      lost.abort(leaseLost());
      await renewal;
      await releaseLease(database, lease).catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'Cannot give the lease back: it ends by itself');
      });
    },
  };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal });
}

/** Thrown by whatever acts for the vault when this process may not any more. */
export function leaseLost(): OperatorError {
  return new OperatorError('lease-lost', 'Another process acts for the vault now, or may.', {
    hint: 'This one stands by; nothing was lost.',
  });
}
