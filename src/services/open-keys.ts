import { type Database, inSnapshot } from '../db/database.ts';
import { pageActiveSecrets, type StoredSecret } from '../db/key-secrets.ts';
import { readVault, type Vault } from '../db/vaults.ts';
import type { ManifestEntry } from '../domain/keys/manifest.ts';
import { concatBytes, wipe } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { ProgressBar } from '../lib/progress.ts';
import type { WorkerPool } from '../workers/pool.ts';
import { assertManifest, type UnlockedVault } from './unlock-vault.ts';

const PAGE_SIZE = 6_000;

/** All visible keys of a vault, proven. Disposing of it overwrites the secrets. */
export interface OpenedKeys extends Disposable {
  readonly vault: Vault;
  /** In public-key order. */
  readonly facts: readonly Pick<StoredSecret, 'kind' | 'publicKey' | 'parentPublicKey'>[];
  /** 32 bytes for each of `facts`, flat. */
  readonly secretKeys: Uint8Array;
}

/**
 * Reads every visible row of the vault in one snapshot, opens it, derives its public key and compares, and checks the
 * whole against the manifest. One bad row stops everything.
 * @throws OperatorError 'row-tampered' naming the public key, 'manifest-mismatch', 'vault-removed'
 */
export function openKeys(
  deps: { readonly database: Database; readonly pool: WorkerPool },
  unlocked: UnlockedVault,
  bar?: ProgressBar,
): Promise<OpenedKeys> {
  return inSnapshot(deps.database, async snapshot => {
    const vault = await readVault(snapshot, unlocked.vault.vaultId);
    if (vault === undefined)
      throw new OperatorError('vault-removed', 'the vault was removed from the database meanwhile');
    const facts: OpenedKeys['facts'][number][] = [];
    const entries: ManifestEntry[] = [];
    const secrets: Uint8Array[] = [];
    try {
      for await (const page of pageActiveSecrets(snapshot, { vaultId: vault.vaultId, pageSize: PAGE_SIZE })) {
        secrets.push(await openPage(deps.pool, unlocked, page));
        for (const { kind, publicKey, parentPublicKey, dataKeyId, nonce } of page) {
          facts.push({ kind, publicKey, parentPublicKey });
          entries.push({ publicKey, dataKeyId, nonce });
        }
        bar?.advance(page.length);
      }
      assertManifest(unlocked, vault, entries);
      const secretKeys = concatBytes(...secrets);
      return { vault, facts, secretKeys, [Symbol.dispose]: () => wipe(secretKeys) };
    } finally {
      wipe(...secrets);
    }
  });
}

/** Opens rows of one vault: secret keys of 32 bytes, flat, in their order; each proven by its public key. */
export function openPage(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: readonly StoredSecret[],
): Promise<Uint8Array> {
  const { context, vault, dataKey } = unlocked;
  return pool.openKeys({
    dataKeys: [{ id: vault.dataKeyId, key: dataKey }],
    rows: rows.map(row => ({
      context: { ...context, ...publicFactsOf(row) },
      nonce: row.nonce,
      ciphertext: row.ciphertext,
    })),
  });
}

function publicFactsOf({
  kind,
  publicKey,
  parentPublicKey,
  oracleSetHash,
  shareIndex,
  dataKeyId,
}: StoredSecret) {
  return { kind, publicKey, parentPublicKey, oracleSetHash, shareIndex, dataKeyId };
}
