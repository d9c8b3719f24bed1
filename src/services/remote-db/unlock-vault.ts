import type { Session } from '../../db/database.ts';
import {
  findVault,
  findVaultFacts,
  type Vault,
  type VaultFacts,
  type VaultIdentity,
  vaultNotSetUp,
  vaultOtherChain,
} from '../../db/vaults.ts';
import type { ManifestEntry } from '../../domain/fleet/key-facts.ts';
import { parseEncryptionKey, unwrapDataKey } from '../../domain/keys/envelope.ts';
import type { VaultContext } from '../../domain/keys/key-context.ts';
import { isSameMac, ManifestMac, verifyManifestMac } from '../../domain/keys/manifest.ts';
import { fromHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { Network } from '../../networks/network.ts';

/** The vault a command works on. */
export interface VaultRef {
  readonly network: Network;
  /** Checksummed address. */
  readonly address: string;
}

/** A vault whose encryption key was right. Disposing of it overwrites the keys. */
export interface UnlockedVault extends Disposable {
  readonly vault: Vault;
  readonly context: VaultContext;
  /** The user's 32 bytes, for the manifest's MAC. */
  readonly encryptionKey: Uint8Array;
  /** 32 bytes that seal this vault's rows. */
  readonly dataKey: Uint8Array;
}

/** What encrypted things of the vault are bound to. */
export function vaultContext({ network, address }: VaultRef): VaultContext {
  return { chainId: network.chainId, vault: fromHex(address, ADDRESS_LENGTH) };
}

/**
 * The vault's row, without its data key: most roles may not read that.
 * @throws OperatorError 'vault-not-set-up'; 'vault-other-chain' when a network of this name had another chain id
 */
export async function requireVault(session: Session, ref: VaultRef): Promise<VaultFacts> {
  return checkFound(ref, await findVaultFacts(session, identityOf(ref)));
}

function identityOf({ network, address }: VaultRef): VaultIdentity {
  return { network: network.name, address: fromHex(address, ADDRESS_LENGTH) };
}

function checkFound<V extends VaultFacts>(ref: VaultRef, vault: V | undefined): V {
  if (vault === undefined) {
    const hint = 'Run "remote-db setup", or check --vault, --network and --db-schema.';
    throw vaultNotSetUp(ref.address, ref.network.name, hint);
  }
  if (vault.chainId !== ref.network.chainId) throw vaultOtherChain(ref.address, vault.chainId, ref.network);
  return vault;
}

/**
 * Checks the encryption key before any work, also for a vault without keypairs.
 * @param encryptKey - the user's base64 text
 * @throws OperatorError 'invalid-encryption-key' and those of {@link requireVault}
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
