import { activateUpload } from '../../../src/db/activate-upload.ts';
import type { Session } from '../../../src/db/database.ts';
import type { NewKeypair } from '../../../src/db/keypairs.ts';
import { ManifestMac } from '../../../src/domain/keys/manifest.ts';
import type { OracleSet } from '../../../src/domain/protocol/oracle-config.ts';
import { compareBytes, concatBytes } from '../../../src/lib/bytes.ts';
import type { UnlockedVault, VaultRef } from '../../../src/services/remote-db/unlock-vault.ts';
import type { WorkerPool } from '../../../src/workers/pool.ts';

/** Item i of flat records. */
export function recordAt(flat: Uint8Array, i: number, width: number): Uint8Array {
  return flat.subarray(i * width, (i + 1) * width);
}

/** Keys as an upload seals them, without the keystores that it would decrypt first. */
export async function sealRawKeys(
  pool: WorkerPool,
  { context, vault, dataKey }: UnlockedVault,
  keys: { readonly secretKeys: Uint8Array; readonly publicKeys: Uint8Array },
  { hash, threshold, publicKeys: oracles }: OracleSet,
): Promise<NewKeypair[]> {
  const count = oracles.length;
  const oracleSet = { hash, threshold, count };
  const sealed = await pool.sealKeypairs({
    ...context,
    ...keys,
    dataKey,
    dataKeyId: vault.dataKeyId,
    oracleSet,
  });
  return Array.from({ length: keys.secretKeys.length / 32 }, (_, i) => ({
    publicKey: recordAt(keys.publicKeys, i, 48),
    secret: { nonce: recordAt(sealed.nonces, i, 12), ciphertext: recordAt(sealed.ciphertexts, i, 48) },
    shares: Array.from({ length: count }, (_, share) => ({
      publicKey: recordAt(sealed.sharePublicKeys, i * count + share, 48),
      nonce: recordAt(sealed.shareNonces, i * count + share, 12),
      ciphertext: recordAt(sealed.shareCiphertexts, i * count + share, 48),
    })),
  }));
}

/** The end of an upload of these keypairs, which are stored: readers see them. */
export async function activateRawKeys(
  session: Session,
  { vault, encryptionKey, context }: UnlockedVault,
  { network }: VaultRef,
  oracleSet: OracleSet,
  keypairs: readonly NewKeypair[],
): Promise<void> {
  const publicKeys = keypairs.map(keypair => keypair.publicKey).sort(compareBytes);
  await activateUpload(session, {
    vaultId: vault.vaultId,
    expectedManifestCounter: vault.manifestCounter,
    publicKeys: concatBytes(publicKeys),
    oracleSet,
    startManifest: head => new ManifestMac(encryptionKey, context, head),
    assignNewKeys: () => [],
    audit: {
      actor: 'tester',
      command: 'fill',
      network: network.name,
      vault: context.vault,
      counts: { keypairs: publicKeys.length },
    },
  });
}
