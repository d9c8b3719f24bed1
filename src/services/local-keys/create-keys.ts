import { join } from 'node:path';
import type { KeystoreKdf } from '../../domain/keys/keystore.ts';
import { mnemonicToSeed } from '../../domain/keys/mnemonic.ts';
import { equalBytes, type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { Network } from '../../networks/network.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { appendDepositData } from './append-deposit-data.ts';
import { depositDataPath } from './deposit-data-file.ts';
import { countMissingKeystores, type Keypair, writeKeystores } from './write-keystores.ts';

export interface CreateKeysDeps {
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  readonly warn: (message: string) => void;
  /** Throws when the vault's directory is another process' by now. */
  readonly assertHeld: () => void;
  /** Stores the index of the key after the last one; called when everything else is on disk. */
  readonly saveNextIndex: (index: number) => Promise<void>;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface CreateKeysOptions {
  readonly mnemonic: string;
  readonly firstIndex: number;
  readonly count: number;
  /** Checksummed. */
  readonly vault: string;
  readonly vaultDirectory: string;
  readonly network: Network;
  /** The first public key of the vault's mnemonic, 48 bytes. */
  readonly firstPublicKey: Uint8Array;
  readonly perKeystorePassword: boolean;
  readonly kdf: KeystoreKdf;
  /** Derives and compares the keys, and writes nothing. */
  readonly check?: boolean | undefined;
}

export interface CreatedKeys {
  readonly vault: string;
  readonly firstIndex: number;
  readonly publicKeys: readonly Hex[];
  readonly keystoresDir: string;
  readonly depositDataFile: string;
  /** How many keystores and deposits were missing and have been added, or with `check` would be. */
  readonly addedKeystores: number;
  readonly addedDeposits: number;
  /** How many entries of other keys the deposit data has, which were made before. */
  readonly earlierDeposits: number;
}

/**
 * Makes the next validator keys of a vault's mnemonic: keystores, passwords and deposit data. Indexes that were made
 * before are completed, never overwritten. A keystore is on disk before the deposit data names it, and the index moves
 * last: killed anywhere, the same command continues.
 * @throws OperatorError 'wrong-mnemonic' for another vault's
 */
export async function createKeys(deps: CreateKeysDeps, options: CreateKeysOptions): Promise<CreatedKeys> {
  const keypairs = await deriveKeypairs(deps, options);
  try {
    const depositData = await appendDepositData(deps, options, keypairs);
    const keystoresDir = join(options.vaultDirectory, 'keystores');
    const keystores = { ...options, keystoresDir, keypairs };
    const { firstIndex, count } = options;
    const nextIndex = firstIndex + count;
    const write = async () => {
      deps.whenInterrupted?.(
        `Keystores that were written already stay in ${keystoresDir}; no deposit data names them, and the next index is still ${firstIndex}. Run the same command again: it keeps them, and makes the others.`,
      );
      const added = await writeKeystores(deps, keystores);
      deps.assertHeld();
      deps.whenInterrupted?.(
        `All keystores are in ${keystoresDir}. If mnemonic_next_index in config.json is ${nextIndex}, the deposit data has them, too, and nothing is left to do; if it is ${firstIndex}, run the same command again, which ends quickly.`,
      );
      await depositData.write();
      await deps.saveNextIndex(nextIndex);
      deps.whenInterrupted?.('All keystores and their deposit data were written; nothing is left to do.');
      return added;
    };
    const addedKeystores = options.check ? await countMissingKeystores(keystores) : await write();
    return {
      vault: options.vault,
      firstIndex: options.firstIndex,
      publicKeys: keypairs.map(({ publicKey }) => toHex(publicKey)),
      keystoresDir,
      depositDataFile: depositDataPath(options.vaultDirectory),
      addedKeystores,
      addedDeposits: depositData.added,
      earlierDeposits: depositData.earlier,
    };
  } finally {
    wipe(keypairs.map(({ secretKey }) => secretKey));
  }
}

async function deriveKeypairs(
  { pool, progress }: CreateKeysDeps,
  options: CreateKeysOptions,
): Promise<Keypair[]> {
  const { mnemonic, firstIndex, count } = options;
  const seed = mnemonicToSeed(mnemonic);
  try {
    await assertMnemonicOfVault(pool, seed, options);
    const bar = progress.start('Creating validator keys:\t\t', count, { lanes: pool.size });
    let shown = 0;
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex, count }, done => {
      bar.advance(done - shown);
      shown = done;
    });
    bar.finish();
    return Array.from({ length: count }, (_, i) => ({
      index: firstIndex + i,
      secretKey: secretKeys.subarray(i * SECRET_KEY_LENGTH, (i + 1) * SECRET_KEY_LENGTH),
      publicKey: publicKeys.subarray(i * PUBLIC_KEY_LENGTH, (i + 1) * PUBLIC_KEY_LENGTH),
    }));
  } finally {
    wipe(seed);
  }
}

async function assertMnemonicOfVault(
  pool: WorkerPool,
  seed: Uint8Array,
  { vault, firstPublicKey }: CreateKeysOptions,
): Promise<void> {
  const first = await pool.deriveKeypairs({ seed, firstIndex: 0, count: 1 });
  wipe(first.secretKeys);
  if (equalBytes(first.publicKeys, firstPublicKey)) return;
  throw new OperatorError(
    'wrong-mnemonic',
    `The mnemonic is not the one of vault ${vault}: its first public key is ${toHex(first.publicKeys)}, config.json has ${toHex(firstPublicKey)}.`,
    { hint: 'Give the mnemonic that "init" printed for this vault.' },
  );
}
