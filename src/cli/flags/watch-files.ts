import { CommandLineError } from '../options/command-line-error.ts';
import { defaulted, flag, optional, type Resolved } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';
import { port } from './probes.ts';
import { timeout } from './timeout.ts';

const helpGroup = 'WATCH';

/** Keeping files in line with the database for as long as the process lives. */
export const WATCH_FILES_OPTIONS = {
  watch: flag({
    description:
      'Goes on until SIGTERM: follows the database, writes what has changed, and serves probes and metrics where they are asked for.',
    helpGroup,
  }),
  watchInterval: {
    ...timeout('REMOTE_DB_WATCH_INTERVAL', 5, 'Time from one look of --watch to the next'),
    helpGroup,
  },
  healthHost: defaulted(() => '127.0.0.1', {
    description: 'Where --watch serves probes and metrics. Default is 127.0.0.1.',
    helpGroup,
    env: 'REMOTE_DB_HEALTH_HOST',
    value: text,
  }),
  healthPort: optional({
    description: 'Port of /healthz, /readyz and /metrics of --watch. Default is none.',
    helpGroup,
    env: 'REMOTE_DB_HEALTH_PORT',
    value: port,
  }),
} as const;

/**
 * Refuses what a process that nobody sits at may not do by itself, or cannot.
 * @param given.without - options that need somebody's decision, by name, and whether they were given
 * @throws CommandLineError 'contradiction'
 */
export function checkWatch(
  given: Pick<Resolved<typeof WATCH_FILES_OPTIONS>, 'watch'> & {
    readonly check: boolean;
    readonly removals: string;
  },
  without: Readonly<Record<string, boolean>> = {},
): void {
  if (!given.watch) return;
  const refused = { '--check': given.check, '--removals allow': given.removals === 'allow', ...without };
  for (const [option, isGiven] of Object.entries(refused)) {
    if (!isGiven) continue;
    throw new CommandLineError(
      'contradiction',
      `--watch does not go with ${option}: it writes again and again, and nobody looks on.`,
      { hint: `Run the command once with ${option} and without --watch; a watch goes on from its files.` },
    );
  }
}

/** @throws CommandLineError 'contradiction' */
export function refuseJson(isJson: boolean): void {
  if (isJson)
    throw new CommandLineError('contradiction', '--watch goes on and on, and --json prints one document.', {
      hint: 'Lines of the log are JSON with --log-format json; /readyz answers with a document.',
    });
}
