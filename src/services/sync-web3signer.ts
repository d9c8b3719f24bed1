import type { SignerClient } from '../clients/signer-client.ts';
import type { Database } from '../db/database.ts';
import { countVisibleKeys } from '../db/keypairs.ts';
import { type Hex, toHex } from '../lib/bytes.ts';
import { ExternalError, OperatorError } from '../lib/errors.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import type { WorkerPool } from '../workers/pool.ts';
import { openKeys } from './open-keys.ts';
import { type SyncKeyFilesOptions, type SyncKeyFilesResult, syncKeyFiles } from './sync-key-files.ts';
import { unlockVault, type VaultRef } from './unlock-vault.ts';

export interface SyncWeb3SignerDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  /** Signers to reload and to compare with, one by one. */
  readonly signers: readonly SignerClient[];
  readonly progress: ProgressReporter;
  /** Lines of the manual. */
  readonly say: (line: string) => void;
  readonly warn: (line: string) => void;
}

export interface SyncWeb3SignerOptions
  extends Pick<SyncKeyFilesOptions, 'directory' | 'layout' | 'removals' | 'adopt' | 'check' | 'attributes'> {
  readonly ref: VaultRef;
  readonly encryptKey: string;
  readonly reloadTimeoutMs: number;
}

export interface SyncWeb3SignerResult {
  readonly files: SyncKeyFilesResult;
  readonly signers: readonly { readonly url: string; readonly keys: number; readonly foreignKeys: number }[];
}

/**
 * Brings a Web3Signer key directory to what the database has for the vault, and has the signers read it.
 * @throws OperatorError when any row is not what was written; DifferencesError when too many keys would go;
 *   ExternalError 'signer-lacks-keys'
 */
export async function syncWeb3Signer(
  deps: SyncWeb3SignerDeps,
  options: SyncWeb3SignerOptions,
): Promise<SyncWeb3SignerResult> {
  using unlocked = await unlockVault(deps.database, options.ref, options.encryptKey);
  deps.say('Fetching keypairs from the remote db...');
  const count = await countVisibleKeys(deps.database, unlocked.vault.vaultId);
  if (count === 0 && unlocked.vault.manifestCounter === 0n) {
    throw new OperatorError('no-keypairs', 'No keypairs found in the remote db.', {
      hint: 'Run "remote-db upload-keypairs" first.',
    });
  }
  deps.say(`Decrypting ${count} keystores...`);
  const bar = deps.progress.start('Decrypting keystores', count);
  using opened = await openKeys(deps, unlocked, bar);
  bar.finish();
  const { facts, secretKeys } = opened;
  deps.say(`Saving ${facts.length} private keys to ${options.directory}...`);
  const files = await syncKeyFiles({
    ...options,
    network: options.ref.network.name,
    vault: options.ref.address,
    keys: facts.map(({ publicKey }, index) => ({
      publicKey,
      secretKey: secretKeys.subarray(32 * index, 32 * (index + 1)),
    })),
  });
  for (const warning of files.warnings) deps.warn(warning);
  const wanted = new Set(facts.map(({ publicKey }) => toHex(publicKey)));
  const signers = options.check ? [] : await reloadSigners(deps, options, wanted);
  return { files, signers };
}

async function reloadSigners(
  deps: SyncWeb3SignerDeps,
  options: SyncWeb3SignerOptions,
  wanted: ReadonlySet<Hex>,
): Promise<SyncWeb3SignerResult['signers']> {
  const { reloadTimeoutMs } = options;
  const signers: SyncWeb3SignerResult['signers'][number][] = [];
  for (const signer of deps.signers) {
    const url = signer.urls.join(', ');
    const outcomes = await signer.reload({ reloadTimeoutMs });
    const loaded = await signer.listPublicKeys();
    const trouble = outcomes.find(({ status }) => status !== 'completed');
    const end = trouble?.lastError ?? trouble?.status ?? 'completed';
    const missing = [...wanted].filter(publicKey => !loaded.has(publicKey));
    if (missing.length > 0) {
      throw new ExternalError(
        'signer-lacks-keys',
        `${url} lacks ${missing.length} of ${wanted.size} keys after its reload (${end}), first ${missing[0]}.`,
        { hint: 'Check that it reads this directory and may read its files (--file-mode, --owner).' },
      );
    }
    if (trouble !== undefined) {
      deps.warn(`${url} has all keys of this vault, but its reload ended with: ${end}.`);
    }
    const foreign = [...loaded].filter(publicKey => !wanted.has(publicKey));
    for (const publicKey of foreign.slice(0, 10))
      deps.warn(`${url} also has ${publicKey}, which is not a key of this vault.`);
    if (foreign.length > 10)
      deps.warn(`${url} has ${foreign.length - 10} more keys that are not of this vault.`);
    signers.push({ url, keys: loaded.size, foreignKeys: foreign.length });
  }
  return signers;
}
