import { Counter, createRegistry, Gauge, type Registry } from '../../../lib/metrics.ts';
import type { WatchReport, WatchState } from './watch-state.ts';

/** A process that does nothing for hours is not to be woken a hundred times a second to see that. */
const LAG_EVERY_MS = 1_000;

/**
 * Figures of a watch, read from its state at every scrape; `key_sync_…` for both commands, told apart by the label `command`.
 * @param labels - of every figure
 */
export function createWatchMetrics(
  state: WatchState,
  labels: Readonly<Record<'command' | 'network' | 'vault', string>>,
): Registry {
  const registry = createRegistry(labels, { lagEveryMs: LAG_EVERY_MS });
  const registers = [registry];
  const gauge = (name: string, help: string, read: (report: WatchReport) => number | null) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.remove();
        const value = read(state.report());
        if (value !== null) this.set(value);
      },
    });
  gauge('key_sync_up_to_date', 'Whether the files are those of the database', ({ upToDate }) =>
    Number(upToDate),
  );
  gauge('key_sync_state_since_timestamp_seconds', 'Since when they are up to date, or are not', ({ since }) =>
    seconds(since),
  );
  gauge(
    'key_sync_ready',
    'Whether the files were right at the last look, and the look succeeded',
    ({ ready }) => Number(ready),
  );
  gauge('key_sync_keys_wanted', 'Keys that the files are to have', ({ keysWanted }) => keysWanted);
  gauge('key_sync_keys_written', 'Keys that the files have', ({ keysWritten }) => keysWritten);
  gauge('key_sync_last_look_timestamp_seconds', 'Time of the last look that succeeded', ({ lastLook }) =>
    seconds(lastLook),
  );
  gauge(
    'key_sync_last_rewrite_timestamp_seconds',
    'Time at which files were written last',
    ({ lastRewrite }) => seconds(lastRewrite),
  );
  gauge('key_sync_listening', 'Whether the database tells of changes by itself', ({ listening }) =>
    Number(listening),
  );
  new Gauge({
    name: 'key_sync_problem',
    help: 'Why the files are not known to be right: 1 for the code of the error',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      const { problem } = state.report();
      if (problem !== null) this.set({ code: problem.code }, 1);
    },
  });
  new Counter({
    name: 'key_sync_rewrites_total',
    help: 'How often files were written anew',
    registers,
    collect() {
      this.reset();
      this.inc(state.rewrites);
    },
  });
  new Counter({
    name: 'key_sync_refused_total',
    help: 'How often writing was refused or failed, by the code of the error',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of state.refusals) this.inc({ code }, count);
    },
  });
  return registry;
}

/** Prometheus' own form of a time. */
function seconds(time: string | null): number | null {
  return time === null ? null : Date.parse(time) / 1000;
}
