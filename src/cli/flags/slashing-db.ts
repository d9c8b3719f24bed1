import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import { optional } from '../options/option.ts';
import { foreignDbUrl } from './foreign-db.ts';

/** `--slashing-db-url`: the database that Web3Signer's slashing protection works with. */
export const slashingDbUrl = optional<DatabaseSettings['dbUrl']>({
  description:
    "Web3Signer's slashing protection database (Postgres), in which it is looked, and nothing written, for validators of these keys that are disabled; exits with 3 when there are any.",
  env: 'SLASHING_DB_URL',
  ...foreignDbUrl('Web3Signer keeps its slashing protection in a Postgres database.'),
});
