import { optional } from '../options/option.ts';
import { integer } from '../options/value-kinds.ts';
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
} as const;

/** `--id` of commands that change one. */
export const transactionId = optional({
  description: 'Number of the transaction, as "tx list" shows it. Default is the one that is under way.',
  value: integer({ min: 1 }),
});
