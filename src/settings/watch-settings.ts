import type { LogFormat } from '../lib/log-format.ts';
import type { RemoteDbSettings } from './remote-db-settings.ts';

/** What a process is told that keeps a command's files in line with the database. */
export interface WatchSettings extends RemoteDbSettings {
  /** The command that watches, for its figures. */
  readonly command: string;
  /** The directory of the files. */
  readonly directory: string;
  /** Time from one look to the next. */
  readonly intervalMs: number;
  /** Where probes and figures are served; undefined where nobody asks for them. */
  readonly probes: { readonly host: string; readonly port: number } | undefined;
  readonly logFormat: LogFormat;
  readonly verbose: boolean;
  /** What must never be printed. */
  readonly secrets: readonly (string | undefined)[];
}
