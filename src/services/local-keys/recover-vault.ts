import { existsSync } from 'node:fs';
import { readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BeaconNode } from '../../clients/beacon/beacon-node.ts';
import type { KeystoreKdf } from '../../domain/keys/keystore.ts';
import { mnemonicToSeed } from '../../domain/keys/mnemonic.ts';
import { type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { asFileError, ensureDirectory, removeLeftovers, syncDirectoryEntry } from '../../lib/files.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import type { FileLock } from '../../lib/locks/file-lock.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { type Keypair, type WriteKeystoresDeps, writeKeystores } from './write-keystores.ts';

export interface RecoverVaultDeps {
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  readonly say: (line: string) => void;
  readonly warn: (message: string) => void;
  readonly node: Pick<BeaconNode, 'fetchValidators'>;
  /** Public keys of the vault's validators on the chain. */
  readonly fetchRegistered: () => Promise<readonly Uint8Array[]>;
  /** Takes the vault's directory for this process; called when all is found and nothing has been changed. */
  readonly lock: () => Promise<FileLock>;
  /** What config.json says now; that of another mnemonic is refused. */
  readonly findConfig: () => Promise<PresentConfig | undefined>;
  /** Replaces or makes config.json. */
  readonly saveConfig: (config: {
    readonly mnemonicNextIndex: number;
    readonly firstPublicKey: Uint8Array;
  }) => Promise<void>;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface PresentConfig {
  readonly firstPublicKey: Uint8Array;
  readonly mnemonicNextIndex: number;
}

export interface RecoverVaultOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly vaultDirectory: string;
  readonly mnemonic: string;
  readonly perKeystorePassword: boolean;
  readonly kdf: KeystoreKdf;
  /** Keys in a row that are none of the vault's before the search ends. */
  readonly searchLimit: number;
  /** Searches and compares, and writes nothing. */
  readonly check?: boolean | undefined;
}

export interface RecoveredVault {
  readonly vault: string;
  readonly registered: number;
  /** Keys of active validators, by their index in the mnemonic. */
  readonly recovered: readonly { readonly index: number; readonly publicKey: Hex }[];
  /** Number of exited validators, which need no keystore. */
  readonly exited: number;
  /** Number of registered validators whose keys are not the mnemonic's. */
  readonly notFound: number;
  readonly mnemonicNextIndex: number;
  readonly keystoresDir: string;
  /** Directory that the keystores of before were moved to. */
  readonly previousKeystoresDir: string | undefined;
}

/** Keys derived at a time while searching. */
const SEARCH_CHUNK = 500;

/**
 * Makes a vault's directory anew from its mnemonic: keystores of the active validators, and config.json. The mnemonic is
 * proven first, by keys of the vault on the chain. New keystores are written into a directory of their own, which takes
 * the old one's place when all are there; the old one is kept under another name. Killed anywhere, the same command
 * continues.
 * @throws OperatorError 'no-registered-validators', 'wrong-mnemonic', 'vault-in-use'; nothing is touched then
 */
export async function recoverVault(
  deps: RecoverVaultDeps,
  options: RecoverVaultOptions,
): Promise<RecoveredVault> {
  const { say, warn } = deps;
  const { vault } = options;
  say('Fetching registered validators...');
  const registered = await deps.fetchRegistered();
  say(`Fetched ${registered.length} registered validators`);
  if (registered.length === 0) {
    throw new OperatorError('no-registered-validators', `Vault ${vault} has registered no validators.`, {
      hint: 'There is nothing to prove the mnemonic by: use "init" and "create-keys". Check vault and network otherwise.',
    });
  }
  say('Fetching validators statuses...');
  const statuses = await deps.node.fetchValidators(registered);
  say('Fetched statuses for registered validators');

  const seed = mnemonicToSeed(options.mnemonic);
  const found = await searchKeys(deps, options, seed, registered).finally(() => wipe(seed));
  try {
    const isExited = ({ publicKey }: Keypair) =>
      /^(exited|withdrawal)/.test(statuses.get(toHex(publicKey))?.status ?? '');
    const active = found.keypairs.filter(keypair => !isExited(keypair));
    const exited = found.keypairs.length - active.length;
    say(`Found ${registered.length} validators, recovering...`);
    const notFound = registered.length - found.keypairs.length;
    if (notFound > 0) {
      warn(
        `${notFound} of the vault's validators are not among the first ${found.searched} keys of the mnemonic; the search ended after ${options.searchLimit} keys in a row without one (--search-limit).`,
      );
    }
    await using lock = options.check ? undefined : await deps.lock();
    // Read again: another command may have made keys while these were searched.
    const present = await deps.findConfig();
    assertSameMnemonic(vault, present?.firstPublicKey, found.firstPublicKey);
    const mnemonicNextIndex = Math.max(
      (found.keypairs.at(-1)?.index ?? -1) + 1,
      present?.mnemonicNextIndex ?? 0,
    );
    const write = async () => {
      const assertHeld = () => lock?.assertHeld();
      const beside = besideDirectory(options.vaultDirectory);
      const { whenInterrupted } = deps;
      whenInterrupted?.(
        `The vault's files are as they were. Recovered keystores that were written already stay in ${beside}: run the same command again, and it goes on with the others.`,
      );
      await writeBeside({ ...deps, assertHeld }, options, active);
      assertHeld();
      whenInterrupted?.(
        `All recovered keystores are written. If ${beside} is still there, run the same command again, which puts them in their place; if not, nothing is left to do.`,
      );
      // Before the exchange: what a killed run leaves to do is then only that.
      await deps.saveConfig({ mnemonicNextIndex, firstPublicKey: found.firstPublicKey });
      const exchanged = await exchangeKeystores(options.vaultDirectory);
      whenInterrupted?.('The vault is recovered; nothing is left to do.');
      return exchanged;
    };
    const swap = options.check ? await previewExchange(options.vaultDirectory) : await write();
    return {
      vault,
      registered: registered.length,
      exited,
      notFound,
      mnemonicNextIndex,
      ...swap,
      recovered: active.map(({ index, publicKey }) => ({ index, publicKey: toHex(publicKey) })),
    };
  } finally {
    wipe(found.keypairs.map(keypair => keypair.secretKey));
  }
}

interface FoundKeys {
  /** Keypairs of the vault's validators, by index. */
  readonly keypairs: readonly Keypair[];
  readonly firstPublicKey: Uint8Array;
  readonly searched: number;
}

async function searchKeys(
  { pool, progress, findConfig }: RecoverVaultDeps,
  { vault, searchLimit }: RecoverVaultOptions,
  seed: Uint8Array,
  registered: readonly Uint8Array[],
): Promise<FoundKeys> {
  const wanted = new Set(registered.map(toHex));
  const keypairs: Keypair[] = [];
  const bar = progress.start('Searching validator keys\t\t', wanted.size);
  let firstPublicKey: Uint8Array = new Uint8Array();
  let searched = 0;
  let lastHit = -1;
  while (keypairs.length < wanted.size && searched - lastHit - 1 < searchLimit) {
    const count = Math.min(SEARCH_CHUNK, searchLimit - (searched - lastHit - 1));
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: searched, count });
    if (searched === 0) {
      firstPublicKey = publicKeys.slice(0, PUBLIC_KEY_LENGTH);
      assertSameMnemonic(vault, (await findConfig())?.firstPublicKey, firstPublicKey);
    }
    for (let i = 0; i < count; i++) {
      const publicKey = publicKeys.slice(i * PUBLIC_KEY_LENGTH, (i + 1) * PUBLIC_KEY_LENGTH);
      if (!wanted.has(toHex(publicKey))) continue;
      const secretKey = secretKeys.slice(i * SECRET_KEY_LENGTH, (i + 1) * SECRET_KEY_LENGTH);
      keypairs.push({ index: searched + i, secretKey, publicKey });
      lastHit = searched + i;
      bar.advance();
    }
    wipe(secretKeys);
    searched += count;
  }
  bar.finish();
  if (keypairs.length > 0) return { keypairs, firstPublicKey, searched };
  throw new OperatorError(
    'wrong-mnemonic',
    `None of the ${wanted.size} validators of vault ${vault} is among the first ${searched} keys of the mnemonic; nothing was changed.`,
    { hint: 'Check mnemonic, vault and network; --search-limit searches further.' },
  );
}

function assertSameMnemonic(vault: string, expected: Uint8Array | undefined, actual: Uint8Array): void {
  if (expected === undefined || toHex(expected) === toHex(actual)) return;
  throw new OperatorError(
    'wrong-mnemonic',
    `The mnemonic is not the one of vault ${vault}: its first public key is ${toHex(actual)}, config.json has ${toHex(expected)}.`,
    { hint: 'Give the mnemonic of the vault, or move its directory away to begin anew.' },
  );
}

/** Writes all keystores into a directory beside that of the old ones. */
async function writeBeside(
  deps: WriteKeystoresDeps,
  { vaultDirectory, perKeystorePassword, kdf }: RecoverVaultOptions,
  keypairs: readonly Keypair[],
): Promise<void> {
  const keystoresDir = besideDirectory(vaultDirectory);
  await ensureDirectory(vaultDirectory, { mode: 0o755 });
  await removeLeftovers(keystoresDir);
  const label = 'Generating keystores\t\t\t';
  await writeKeystores(deps, { keystoresDir, keypairs, perKeystorePassword, kdf, label });
}

async function exchangeKeystores(
  vaultDirectory: string,
): Promise<Pick<RecoveredVault, 'keystoresDir' | 'previousKeystoresDir'>> {
  const keystoresDir = join(vaultDirectory, 'keystores');
  const previousKeystoresDir = await moveAside(keystoresDir);
  try {
    await rename(besideDirectory(vaultDirectory), keystoresDir);
  } catch (error) {
    throw asFileError(error, keystoresDir, 'write');
  }
  await syncDirectoryEntry(vaultDirectory);
  return { keystoresDir, previousKeystoresDir };
}

/** What {@link exchangeKeystores} would do with the keystores that are there. */
async function previewExchange(
  vaultDirectory: string,
): Promise<Pick<RecoveredVault, 'keystoresDir' | 'previousKeystoresDir'>> {
  const keystoresDir = join(vaultDirectory, 'keystores');
  return { keystoresDir, previousKeystoresDir: await nameAside(keystoresDir) };
}

function besideDirectory(vaultDirectory: string): string {
  return join(vaultDirectory, 'keystores.recovering');
}

/** Keystores that are there may be of keys that the chain does not know yet: they are never removed. */
async function moveAside(directory: string): Promise<string | undefined> {
  if (!existsSync(directory)) return undefined;
  const aside = await nameAside(directory);
  try {
    if (aside === undefined) await rmdir(directory);
    else await rename(directory, aside);
    return aside;
  } catch (error) {
    throw asFileError(error, directory, 'write');
  }
}

/** The name that a directory of keystores is kept under; undefined where there is nothing to keep. */
async function nameAside(directory: string): Promise<string | undefined> {
  if (!existsSync(directory)) return undefined;
  try {
    if ((await readdir(directory)).length === 0) return undefined;
  } catch (error) {
    throw asFileError(error, directory, 'read');
  }
  for (let number = 1; ; number++) {
    const aside = `${directory}.before-recover-${number}`;
    if (!existsSync(aside)) return aside;
  }
}
