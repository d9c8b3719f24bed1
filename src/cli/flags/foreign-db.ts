import { parseDatabaseUrl, postgresUrl } from '../../db/database-url.ts';
import { UsageError } from '../../lib/errors.ts';
import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import type { OptionSpec } from '../options/option.ts';
import { hasPassword } from './remote-db.ts';

/**
 * How the URL of another program's database is read: Postgres only. It is kept as text, which is read again from its file after the
 * password has changed.
 * @param refusal - what is said of an embedded database
 */
export function foreignDbUrl(
  refusal: string,
): Pick<OptionSpec<DatabaseSettings['dbUrl']>, 'value' | 'secret'> {
  return {
    value: {
      placeholder: 'URL',
      parse(text, source) {
        const url = postgresUrl(text);
        if (parseDatabaseUrl(url).kind !== 'postgres') {
          throw new UsageError('invalid-db-url', refusal, {
            hint: 'Use postgresql://username:pass@hostname/dbname.',
          });
        }
        return { url, file: source.kind === 'file' ? source.path : undefined };
      },
    },
    secret: text => hasPassword(postgresUrl(text)),
  };
}
