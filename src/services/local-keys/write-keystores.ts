import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { validatorKeyPath } from '../../domain/keys/derivation.ts';
import type { KeystoreKdf } from '../../domain/keys/keystore.ts';
import { toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { createFileExclusive, ensureDirectory, SECRET_FILE_MODE } from '../../lib/files.ts';
import { generatePassword } from '../../lib/password.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import { readSecretFile } from '../../lib/secret.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import {
  type KeystoreFile,
  ownPasswordPath,
  readKeystoreDirectory,
  sharedPasswordPath,
} from './keystore-directory.ts';

export interface Keypair {
  readonly index: number;
  /** 32 bytes; wiped by whoever derived it. */
  readonly secretKey: Uint8Array;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
}

export interface WriteKeystoresDeps {
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  readonly warn: (message: string) => void;
  /** Throws when the directory is another process' by now: its password may be another one. */
  readonly assertHeld: () => void;
}

export interface WriteKeystoresOptions {
  readonly keystoresDir: string;
  readonly keypairs: readonly Keypair[];
  readonly perKeystorePassword: boolean;
  readonly kdf: KeystoreKdf;
  /** Label of the progress bar. */
  readonly label?: string | undefined;
}

/** Keystores encrypted before the next ones begin: what a killed run has to do again, per thread. */
const BATCH_PER_THREAD = 4;

/**
 * Writes the keystores that a directory does not have yet, each after the password that opens it. Nothing is overwritten.
 * @returns how many were written
 * @throws OperatorError 'password-missing' when the password of the keystores there is gone
 */
export async function writeKeystores(
  deps: WriteKeystoresDeps,
  options: WriteKeystoresOptions,
): Promise<number> {
  const { keystoresDir, keypairs } = options;
  await ensureDirectory(keystoresDir, { mode: 0o755 });
  const { existing, missing } = await findMissing(options);
  const shared = options.perKeystorePassword
    ? undefined
    : await sharedPassword(deps, keystoresDir, existing, missing);

  const bar = deps.progress.start(options.label ?? 'Exporting validator keystores\t\t', keypairs.length, {
    done: keypairs.length - missing.length,
    lanes: deps.pool.size,
  });
  const batch = deps.pool.size * BATCH_PER_THREAD;
  for (let from = 0; from < missing.length; from += batch) {
    const keys = missing.slice(from, from + batch).map(keypair => ({
      ...keypair,
      path: validatorKeyPath(keypair.index),
      password: shared ?? generatePassword(),
      kdf: options.kdf,
    }));
    const texts = await deps.pool.encryptKeystores(keys, () => bar.advance());
    deps.assertHeld();
    for (const [i, text] of texts.entries()) {
      const { index = 0, password = '' } = keys[i] ?? {};
      const path = join(keystoresDir, keystoreName(index));
      if (options.perKeystorePassword) await createFileExclusive(ownPasswordPath(path), password);
      await createFileExclusive(path, text, { mode: SECRET_FILE_MODE });
    }
  }
  bar.finish();
  return missing.length;
}

/**
 * How many keystores {@link writeKeystores} would write.
 * @throws OperatorError as it does
 */
export async function countMissingKeystores(
  options: Pick<WriteKeystoresOptions, 'keystoresDir' | 'keypairs' | 'perKeystorePassword'>,
): Promise<number> {
  const { keystoresDir, perKeystorePassword } = options;
  if (!existsSync(keystoresDir)) return options.keypairs.length;
  const { existing, missing } = await findMissing(options);
  const path = sharedPasswordPath(keystoresDir);
  if (!perKeystorePassword && missing.length > 0 && !existsSync(path)) assertNoOrphan(path, existing);
  return missing.length;
}

async function findMissing({
  keystoresDir,
  keypairs,
}: Pick<WriteKeystoresOptions, 'keystoresDir' | 'keypairs'>): Promise<{
  readonly existing: readonly KeystoreFile[];
  readonly missing: readonly Keypair[];
}> {
  const existing = await readKeystoreDirectory(keystoresDir);
  const known = new Set(existing.map(({ publicKey }) => toHex(publicKey)));
  return { existing, missing: keypairs.filter(({ publicKey }) => !known.has(toHex(publicKey))) };
}

/** The directory's password, made when there is none and something needs it. */
async function sharedPassword(
  { warn }: WriteKeystoresDeps,
  keystoresDir: string,
  existing: readonly KeystoreFile[],
  missing: readonly Keypair[],
): Promise<string | undefined> {
  if (missing.length === 0) return undefined;
  const path = sharedPasswordPath(keystoresDir);
  if (existsSync(path)) {
    const { value, warnings } = await readSecretFile(path);
    for (const warning of warnings) warn(warning);
    return value;
  }
  assertNoOrphan(path, existing);
  const password = generatePassword();
  await createFileExclusive(path, password);
  return password;
}

/** Insists that no keystore needs the common password, which is not there. */
function assertNoOrphan(path: string, existing: readonly KeystoreFile[]): void {
  const orphan = existing.find(file => file.passwordPath === undefined);
  if (orphan === undefined) return;
  throw new OperatorError(
    'password-missing',
    `${path} is missing, and ${orphan.path} can only be opened with it.`,
    {
      hint: 'Bring the file back, or move the keystores away: the command then writes them anew.',
    },
  );
}

/** The staking deposit CLI's name: path of the key and seconds of its making. */
function keystoreName(index: number): string {
  const path = validatorKeyPath(index).replaceAll('/', '_');
  return `keystore-${path}-${Math.floor(Date.now() / 1000)}.json`;
}
