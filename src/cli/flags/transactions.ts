import type { OperatorDatabaseSettings } from '../../settings/operator-settings.ts';
import type { VaultSettings } from '../../settings/vault-settings.ts';
import { optional, type Resolved } from '../options/option.ts';
import { integer } from '../options/value-kinds.ts';
import { waitForDb } from './remote-db.ts';
import { START_OPTIONS } from './start.ts';
import { vault } from './vault.ts';

const { network, dataDir, databaseDir, dbUrl, dbSchema } = START_OPTIONS;

/** Where the transactions of an operator are recorded: the options of `start` that say so. */
export const TRANSACTION_OPTIONS = {
  vault: vault('Enter your vault address'),
  network,
  dataDir,
  databaseDir,
  dbUrl,
  dbSchema,
  waitForDb: waitForDb(),
} as const;

/** Which operator's transactions, of these options. */
export function transactionStoreSettings(given: Resolved<typeof TRANSACTION_OPTIONS>): {
  readonly vault: VaultSettings;
  readonly database: OperatorDatabaseSettings;
} {
  const { vault, network, dataDir } = given;
  return { vault: { vault, network, dataDir }, database: operatorDatabase(given) };
}

/** Where an operator keeps its state: the remote database when it is named, else the embedded one. */
export function operatorDatabase(
  given: Pick<
    Resolved<typeof TRANSACTION_OPTIONS>,
    'dbUrl' | 'dbSchema' | 'waitForDb' | 'databaseDir' | 'dataDir'
  >,
): OperatorDatabaseSettings {
  const { dbUrl, dbSchema, waitForDb, databaseDir, dataDir } = given;
  if (dbUrl === undefined) return { kind: 'embedded', directory: databaseDir ?? dataDir };
  return { kind: 'remote', remote: { dbUrl, dbSchema, waitForDb } };
}

/** `--id` of commands that change one. */
export const transactionId = optional({
  description: 'Number of the transaction, as "tx list" shows it. Default is the one that is under way.',
  value: integer({ min: 1 }),
});
