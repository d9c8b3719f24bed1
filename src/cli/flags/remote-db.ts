import { parseDatabaseUrl, passwordOf } from '../../db/database-url.ts';
import { readEnvironment } from '../../settings/environment.ts';
import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import {
  flagName,
  type Option,
  type OptionSource,
  type OptionSpec,
  optional,
  required,
} from '../options/option.ts';
import { address, text } from '../options/value-kinds.ts';
import type { GroupOptions } from '../route.ts';
import { logFormat } from './global.ts';
import { keystoresDir } from './keystores.ts';
import { verbose } from './nodes.ts';
import { duration } from './timeout.ts';
import { networkOfVault, newDataDir } from './vault.ts';

const DB_URL: OptionSpec<DatabaseSettings['dbUrl']> = {
  description:
    'The Postgres DB connection URL, for example postgresql://username:pass@hostname/dbname, of several hosts as libpq ' +
    'takes them (host1:5432,host2:5432, target_session_attrs); pglite:PATH for the embedded database.',
  env: 'REMOTE_DB_URL',
  value: { placeholder: 'URL', parse: readDatabaseUrl },
  secret: hasPassword,
};

/** `--db-url` of commands that work without a remote database, too. */
export const optionalDbUrl = optional<DatabaseSettings['dbUrl']>(DB_URL);

const WAIT_FOR_DB =
  'How long to wait for a database server that does not accept connections yet, such as 60s or 5m.';

/** `--wait-for-db`: the program that starts the database often starts this one at the same time. */
export function waitForDb(otherwise = 'Default is not to wait.'): Option<number | undefined> {
  return optional({ description: `${WAIT_FOR_DB} ${otherwise}`, env: 'WAIT_FOR_DB', value: duration });
}

/** Heading of the group's options in help. */
export const REMOTE_DB_GROUP = 'REMOTE-DB';

/** Options of `remote-db` itself, accepted before and after the subcommand. Asked in this order. */
export const REMOTE_DB_OPTIONS = {
  vault: required({
    description: 'The vault address.',
    env: 'VAULT',
    value: address,
    prompt: 'Enter your vault address',
  }),
  network: networkOfVault,
  dbUrl: required({
    ...DB_URL,
    prompt: 'Enter the Postgres DB connection URL (e.g. postgresql://username:pass@hostname/dbname)',
  }),
  dbSchema: optional({
    description: 'The Postgres schema of the tables. Default is stakewise_operator.',
    env: 'REMOTE_DB_SCHEMA',
    value: text,
  }),
  waitForDb: waitForDb(),
  dataDir: newDataDir,
  keystoresDir,
  verbose,
} as const;

/** What may stand between `remote-db` and its subcommand. */
export function groupOptions(): GroupOptions {
  const valued = new Set<string>();
  const switches = new Set<string>(['--json']);
  for (const [key, option] of Object.entries<Option<unknown>>({ ...REMOTE_DB_OPTIONS, logFormat })) {
    const words = option.presence === 'switch' ? switches : valued;
    words.add(`--${flagName(key)}`);
    if (option.char !== undefined) words.add(`-${option.char}`);
    if (option.secret) words.add(`--${flagName(key)}-file`);
  }
  return { valued, switches };
}

/** Kept as text, which is read again from its file after the password has changed. @throws UsageError 'invalid-db-url' */
function readDatabaseUrl(text: string, source: OptionSource): DatabaseSettings['dbUrl'] {
  const url = text.trim();
  const defaults = libpqDefaults();
  parseDatabaseUrl(url, defaults);
  return { url, file: source.kind === 'file' ? source.path : undefined, defaults };
}

/** Those of libpq's variables that pg does not read itself. */
function libpqDefaults(): DatabaseSettings['dbUrl']['defaults'] {
  return {
    passfile: readEnvironment('PGPASSFILE'),
    target_session_attrs: readEnvironment('PGTARGETSESSIONATTRS'),
  };
}

/** Whether a text has a password in it, also where something else of it is wrong. */
export function hasPassword(text: string): boolean {
  try {
    return passwordOf(text.trim()) !== undefined;
  } catch {
    return URL.canParse(text) && new URL(text).password !== '';
  }
}
