import { passwordOf } from '../db/database-url.ts';
import type { RemoteDbSettings } from '../settings/remote-db-settings.ts';
import type { WatchSettings } from '../settings/watch-settings.ts';
import type { WATCH_FILES_OPTIONS } from './flags/watch-files.ts';
import { logFormatOf } from './log-format.ts';
import type { Resolved } from './options/option.ts';

type Given = RemoteDbSettings &
  Resolved<typeof WATCH_FILES_OPTIONS> & { readonly outputDir: string; readonly verbose: boolean };

/**
 * How a command watches, of its options.
 * @param command.argv - its command line, which says how the log is written
 * @param command.secrets - what must never be printed, beside the password of the database
 */
export function watchSettings(
  given: Given,
  command: Pick<WatchSettings, 'command' | 'secrets'> & { readonly argv: readonly string[] },
): WatchSettings {
  const { vault, network, dataDir, dbUrl, dbSchema, healthPort } = given;
  return {
    vault,
    network,
    dataDir,
    dbUrl,
    dbSchema,
    command: command.command,
    directory: given.outputDir,
    intervalMs: given.watchInterval,
    probes: healthPort === undefined ? undefined : { host: given.healthHost, port: healthPort },
    logFormat: logFormatOf(command.argv),
    verbose: given.verbose,
    secrets: [passwordOf(dbUrl.url), ...command.secrets],
  };
}
