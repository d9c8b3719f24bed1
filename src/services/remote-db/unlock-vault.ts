import type { Session } from '../../db/database.ts';
import { findVault, type Vault } from '../../db/vaults.ts';
import type { ManifestEntry } from '../../domain/fleet/key-facts.ts';
import { parseEncryptionKey, unwrapDataKey } from '../../domain/keys/envelope.ts';
import type { VaultContext } from '../../domain/keys/key-context.ts';
import { isSameMac, ManifestMac, verifyManifestMac } from '../../domain/keys/manifest.ts';
import { wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { checkFound, identityOf, type VaultRef, vaultContext } from './vault-ref.ts';

export type { VaultRef } from './vault-ref.ts';

/** A vault whose encryption key was right. Disposing of it overwrites the keys. */
export interface UnlockedVault extends Disposable {
  readonly vault: Vault;
  readonly context: VaultContext;
  /** The user's 32 bytes, for the manifest's MAC. */
  readonly encryptionKey: Uint8Array;
  /** 32 bytes that seal this vault's rows. */
  readonly dataKey: Uint8Array;
}

/**
 * Checks the encryption key before any work, also for a vault without keypairs.
 * @param encryptKey - the user's base64 text
 * @throws OperatorError 'invalid-encryption-key' and those of `requireVault`
 */
export async function unlockVault(
  session: Session,
  ref: VaultRef,
  encryptKey: string,
): Promise<UnlockedVault> {
  const encryptionKey = parseEncryptionKey(encryptKey);
  try {
    const vault = checkFound(ref, await findVault(session, identityOf(ref)));
    return unlock(vault, vaultContext(ref), encryptionKey);
  } catch (error) {
    wipe(encryptionKey);
    throw error;
  }
}

/** Whether these are the visible rows that the last upload left. */
export function isManifest(unlocked: UnlockedVault, vault: Vault, entries: Iterable<ManifestEntry>): boolean {
  const manifest = { counter: vault.manifestCounter, depositDataRoot: vault.depositDataRoot, entries };
  const { manifestMac } = vault;
  return (
    manifestMac !== null && verifyManifestMac(unlocked.encryptionKey, unlocked.context, manifest, manifestMac)
  );
}

/**
 * Insists on {@link isManifest}.
 * @throws OperatorError 'manifest-mismatch'
 */
export function assertManifest(
  unlocked: UnlockedVault,
  vault: Vault,
  entries: Iterable<ManifestEntry>,
): void {
  if (!isManifest(unlocked, vault, entries)) throw manifestMismatch();
}

/**
 * {@link assertManifest} of entries that come page by page, each as `ManifestMac` takes it.
 * @throws OperatorError 'manifest-mismatch'
 */
export async function assertManifestPages(
  { encryptionKey, context }: UnlockedVault,
  { manifestCounter: counter, depositDataRoot, manifestMac }: Vault,
  pages: AsyncIterable<Uint8Array>,
): Promise<void> {
  const mac = new ManifestMac(encryptionKey, context, { counter, depositDataRoot });
  for await (const page of pages) mac.update(page);
  if (manifestMac === null || !isSameMac(mac.digest(), manifestMac)) throw manifestMismatch();
}

/** The error of rows that are not those of the manifest. */
export function manifestMismatch(): OperatorError {
  return new OperatorError(
    'manifest-mismatch',
    'The rows of this vault are not those of its manifest: keys were removed, added, exchanged or restored from an older state.',
    { hint: 'Run "remote-db verify" for the details, and restore the database from a backup.' },
  );
}

function unlock(vault: Vault, context: VaultContext, encryptionKey: Uint8Array): UnlockedVault {
  const dataKey = unwrapDataKey(encryptionKey, { ...context, dataKeyId: vault.dataKeyId }, vault.dataKey);
  return {
    vault,
    context,
    encryptionKey,
    dataKey,
    [Symbol.dispose]: () => wipe([encryptionKey, dataKey]),
  };
}
