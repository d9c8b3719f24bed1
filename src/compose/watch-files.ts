import { ChangeFeed } from '../db/change-feed.ts';
import type { Database } from '../db/database.ts';
import { UsageError } from '../lib/errors.ts';
import { createServiceLogger, type Logger } from '../lib/logger.ts';
import { createScrubber } from '../lib/scrub.ts';
import { listenForStop } from '../lib/stop-signals.ts';
import { runTask, SYSTEM_CLOCK } from '../operator/loop/run-task.ts';
import { startHealthServer } from '../operator/probes/probe-server.ts';
import { DiskState } from '../services/fleet/watch/disk-state.ts';
import { FilesWatcher, type WatchedFiles } from '../services/fleet/watch/files-watcher.ts';
import { WakeableClock } from '../services/fleet/watch/wakeable-clock.ts';
import { createWatchMetrics } from '../services/fleet/watch/watch-metrics.ts';
import { WatchState } from '../services/fleet/watch/watch-state.ts';
import type { VaultRef } from '../services/remote-db/vault-ref.ts';
import type { RemoteDbSettings } from '../settings/remote-db-settings.ts';
import type { WatchSettings } from '../settings/watch-settings.ts';
import { embeddedDatabaseDirectory, openRemoteDb } from './remote-db.ts';

/** Longest time from the first signal to the end: files are whole at any moment, so whatever is under way may be left. */
const STOP_MS = 9_000;

/** What the files of a command are written with. */
export interface WatchedHandles {
  readonly database: Database;
  readonly ref: VaultRef;
  /** Warns, of the same thing once until it is over. */
  readonly warn: (line: string) => void;
  /** Tells how many keys the files are to have, before they have them. */
  readonly wants: (keys: number) => void;
}

/**
 * Keeps files in line with the database until SIGTERM or SIGINT, whatever fails meanwhile: a database that is down, a brake and a
 * signer that does not answer are told, shown by the probes, and tried again.
 * @param open - how the command writes its files
 * @throws UsageError of settings that cannot be used, and for an embedded database: nobody else can change it meanwhile
 */
export async function watchFiles(
  settings: WatchSettings,
  { programVersion }: { readonly programVersion: string },
  open: (handles: WatchedHandles) => WatchedFiles,
): Promise<void> {
  refuseEmbedded(settings);
  const scrub = createScrubber(settings.secrets);
  const log = createServiceLogger({
    level: settings.verbose ? 'DEBUG' : 'INFO',
    format: settings.logFormat,
    scrub,
  });
  const ended = new AbortController();
  using stop = listenForStop({
    graceMs: STOP_MS,
    lateMs: STOP_MS,
    onStop: name => {
      log.info(`Received ${name}, stopping...`);
      state.stopping();
      ended.abort();
    },
    onForce: why => log.warn(`Ends at once: ${why}`),
  });
  let feed: ChangeFeed | undefined;
  const state = new WatchState({
    now: () => new Date(),
    scrub,
    isListening: () => feed?.isListening ?? false,
  });
  await using stack = new AsyncDisposableStack();
  const { command, directory, vault, network, intervalMs } = settings;
  if (settings.probes !== undefined) {
    const registry = createWatchMetrics(state, { command, network: network ?? '', vault });
    const options = { ...settings.probes, name: 'health', status: state, registry };
    const server = stack.use(await startHealthServer(options));
    log.info(`Probes at ${server.url}/healthz and ${server.url}/readyz, figures at ${server.url}/metrics`);
  }
  log.info(`Watching vault ${vault} for ${directory}, every ${intervalMs / 1000} s`);
  const clock = new WakeableClock(SYSTEM_CLOCK);
  const warnings = new Warnings(log);
  let watcher: FilesWatcher | undefined;
  let usageError: UsageError | undefined;

  /** Opened at the first look that can: a server that is down is waited for as later. */
  const openWatcher = async (): Promise<FilesWatcher> => {
    const remote = stack.use(
      await openRemoteDb({ ...settings, warn: warnings.tell }, programVersion).catch((error: unknown) => {
        state.failed(error, { isWrite: false });
        throw error;
      }),
    );
    const { database, ref } = remote;
    const { now } = SYSTEM_CLOCK;
    feed = stack.use(
      new ChangeFeed(database, {
        now,
        onChange: vaultId => {
          if (watcher?.concerns(vaultId) ?? true) clock.wake();
        },
        onLost: () => clock.wake(),
      }),
    );
    const wants = (keys: number) => state.wants(keys);
    const files = open({ database, ref, warn: warnings.tell, wants });
    const disk = new DiskState(directory, now);
    return new FilesWatcher({ database, feed, files: warnings.during(files), disk, state, log, now }, ref);
  };

  const look = async (): Promise<undefined> => {
    try {
      watcher ??= await openWatcher();
      await watcher.look();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      usageError = error;
      ended.abort();
    }
  };
  const observer = { passBegan: () => undefined, passEnded: () => undefined };
  await runTask({ log, observer, clock }, { name: 'watch', intervalMs, run: look }, ended.signal);
  if (usageError !== undefined && !stop.signal.aborted) throw usageError;
  log.info('Stopped');
}

/** @throws UsageError 'contradiction' */
function refuseEmbedded(settings: Pick<RemoteDbSettings, 'dbUrl'>): void {
  const directory = embeddedDatabaseDirectory(settings);
  if (directory === undefined) return;
  throw new UsageError(
    'contradiction',
    `--watch follows a database that others change, and ${directory} is an embedded one, which only one process can open.`,
    { hint: 'Run the command without --watch after each change, or keep the keys in Postgres.' },
  );
}

/** Warnings of writes that come again and again: what the last write has warned of as well is not said again. */
class Warnings {
  readonly #log: Pick<Logger, 'warn'>;
  #before: ReadonlySet<string> = new Set();
  #now = new Set<string>();

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
  }

  readonly tell = (line: string): void => {
    if (!this.#before.has(line) && !this.#now.has(line)) this.#log.warn(line);
    this.#now.add(line);
  };

  /** The same files, each of whose writes begins a new round of warnings. */
  during(files: WatchedFiles): WatchedFiles {
    return {
      compare: files.compare,
      write: async () => {
        this.#before = this.#now;
        this.#now = new Set();
        return await files.write();
      },
    };
  }
}
