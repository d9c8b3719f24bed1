// What results of commands are made of, by the one rule that docs/schemas/README.md tells: the same thing has the same name,
// and is written in the same way, in each of them.
import { z } from 'zod';

/** What `run` of a command whose result has this schema returns: lists may be such as nobody changes. */
export type ResultOf<S extends z.ZodType> = Unchanging<z.input<S>>;

type Unchanging<T> = T extends readonly (infer E)[]
  ? readonly Unchanging<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Unchanging<T[K]> }
    : T;

/** A count, an index, a nonce, or a number that things are called by. */
export const number = (description: string) => z.int().min(0).describe(description);

export const text = (description: string) => z.string().describe(description);

export const yesOrNo = (description: string) => z.boolean().describe(description);

/** Bytes as hex digits, lower case. */
export const hex = (length: number, description: string) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${2 * length}}$`))
    .describe(description);

export const address = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/)
    .describe(description);

export const vault = address('Address of the vault, with checksum.');

/** The public key of a validator: BLS, 48 bytes. */
export const publicKey = (description: string) => hex(48, description);

export const vaultPublicKey = hex(
  32,
  'Key that the statements of the vault are verified with, for --vault-public-key; absent where nothing is signed.',
).optional();

export const keystoresDir = text('Directory of the keystores.');
export const depositDataFile = text('Path of the deposit data file.');
export const remoteSignerConfigFile = text('Path of remote_signer_config.json, which the operator reads.');

export const migrations = z
  .array(text('Name of a migration.'))
  .describe('Migrations that this run has applied, in their order.');

export const changed = yesOrNo('Whether this run has changed anything.');

/** What a run has done with keys of files that validator clients and signers read. */
export const writtenKeys = {
  keys: number('How many keys the files have now.'),
  removedKeys: number('How many keys the files had before and have no more.'),
  keptKeys: number('How many keys are in the files still, though the database has them no more.'),
  retiredKeys: number(
    'How many keys of exited validators are left out, which "remote-db prune" has retired.',
  ),
  changed,
};

export const dryRun = yesOrNo(
  'Whether this was a --dry-run, true then: nothing was changed, and the rest says what would be. Absent otherwise.',
).optional();

const transaction = {
  id: number('Number of the transaction in the database, for --id.'),
  kind: text('What the transaction is for, such as "harvest".'),
  nonce: number('Nonce of the wallet that sends the transaction.'),
};

const REQUESTS = ['bump', 'cancel'] as const;

export const replacement = z.strictObject({
  ...transaction,
  request: z.enum(REQUESTS).describe('What the operator has been asked to do with the transaction.'),
  dryRun,
});

export const listedTransaction = z
  .strictObject({
    ...transaction,
    state: z
      .enum(['intended', 'sent', 'confirmed', 'reverted', 'cancelled', 'abandoned'])
      .describe('How far the transaction has come.'),
    hash: hex(
      32,
      'Hash of the form that is in a block, else of the latest one; absent before anything was signed.',
    ).optional(),
    valueWei: z
      .string()
      .regex(/^\d+$/)
      .describe('What the transaction sends along of the chain’s currency, in wei.'),
    maxFeePerGasGwei: z
      .string()
      .regex(/^\d+\.\d{3}$/)
      .describe('What the latest form offers per gas at most, in gwei, cut to three decimals.')
      .optional(),
    attempts: number('How many forms of the transaction have been signed.'),
    request: z
      .enum(REQUESTS)
      .describe('What the operator has been asked to do with the transaction; absent without a request.')
      .optional(),
    reason: text('Why the transaction ended as it did, where there is something to say.').optional(),
    block: number('Number of the block that has the transaction; absent before it is in one.').optional(),
    updatedAt: z.iso.datetime().describe('When the row of the transaction last changed.'),
  })
  .describe('One transaction.');
