import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import { optional, required } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';
import { encryptionKey } from './encrypt-key.ts';
import { foreignDbUrl } from './foreign-db.ts';

/** `--from-db-url`: the database that the Python operator has filled. */
export const fromDbUrl = required<DatabaseSettings['dbUrl']>({
  description:
    "The Python operator's database (Postgres), which is read and never written; it may be the one of --db-url.",
  env: 'FROM_DB_URL',
  ...foreignDbUrl('The Python operator keeps its keys in a Postgres database.'),
  prompt: "Enter the connection URL of the Python operator's database",
});

/** `--from-db-schema`. */
export const fromDbSchema = optional<string>({
  description:
    "The Postgres schema of the Python operator's tables. Default is the only one that has such tables.",
  env: 'FROM_DB_SCHEMA',
  value: text,
});

/** `--from-encrypt-key`, `--from-encrypt-key-file` and their variables. */
export const fromEncryptKey = required<string>({
  description: 'The encryption key that the "remote-db setup" of the Python operator has printed.',
  env: 'FROM_ENCRYPT_KEY',
  secret: true,
  hidden: true,
  value: encryptionKey,
  prompt: "Enter the encryption key of the Python operator's database",
});
