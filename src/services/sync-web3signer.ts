import type { SignerClient } from '../clients/signer-client.ts';
import type { Database } from '../db/database.ts';
import { countVisibleKeys } from '../db/keypairs.ts';
import { toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import type { WorkerPool } from '../workers/pool.ts';
import { openKeys } from './open-keys.ts';
import { type ReloadedSigner, reloadSigners } from './reload-signers.ts';
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
  readonly signers: readonly ReloadedSigner[];
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
  const signers = options.check
    ? []
    : await reloadSigners(deps, { wanted, reloadTimeoutMs: options.reloadTimeoutMs });
  return { files, signers };
}
