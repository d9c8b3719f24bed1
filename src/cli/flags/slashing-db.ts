import { parseDatabaseUrl, postgresUrl } from '../../db/database-url.ts';
import { UsageError } from '../../lib/errors.ts';
import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import { type OptionSource, optional } from '../options/option.ts';
import { hasPassword } from './remote-db.ts';

/** `--slashing-db-url`: the database that Web3Signer's slashing protection works with. */
export const slashingDbUrl = optional<DatabaseSettings['dbUrl']>({
  description:
    "Web3Signer's slashing protection database (Postgres), in which it is looked, and nothing written, for validators of these keys that are disabled; exits with 3 when there are any.",
  env: 'SLASHING_DB_URL',
  value: { placeholder: 'URL', parse: readSlashingDbUrl },
  secret: text => hasPassword(postgresUrl(text)),
});

/** Kept as text, which is read again from its file after the password has changed. @throws UsageError 'invalid-db-url' */
function readSlashingDbUrl(text: string, source: OptionSource): DatabaseSettings['dbUrl'] {
  const url = postgresUrl(text);
  if (parseDatabaseUrl(url).kind !== 'postgres') {
    throw new UsageError(
      'invalid-db-url',
      'Web3Signer keeps its slashing protection in a Postgres database.',
      {
        hint: 'Use postgresql://username:pass@hostname/dbname.',
      },
    );
  }
  return { url, file: source.kind === 'file' ? source.path : undefined };
}
