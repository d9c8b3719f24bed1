import { activateUpload } from '../../../src/db/activate-upload.ts';
import type { Session } from '../../../src/db/database.ts';
import type { NewKeypair } from '../../../src/db/keypairs.ts';
import { depositDataRoot, depositOfVault, vaultCredentials } from '../../../src/domain/consensus/deposit.ts';
import { type DepositDataEntry, formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { depositTextOf } from '../../../src/domain/consensus/deposit-text.ts';
import { ManifestMac } from '../../../src/domain/keys/manifest.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import type { OracleSet } from '../../../src/domain/protocol/oracle-config.ts';
import { compareBytes, concatBytes, toHex } from '../../../src/lib/bytes.ts';
import type { Network } from '../../../src/networks/network.ts';
import { readHistory, signFacts } from '../../../src/services/remote-db/statements/sign-facts.ts';
import { openVaultSigner } from '../../../src/services/remote-db/statements/vault-signing-key.ts';
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

/** Deposit data of a vault as `create-keys` writes them, but for signatures that are none: nothing after an upload looks at them. */
function unsignedDepositData(
  publicKeys: readonly Uint8Array[],
  vault: Uint8Array,
  network: Network,
): DepositDataEntry[] {
  const bare = (bytes: Uint8Array) => toHex(bytes).slice(2);
  return publicKeys.map(publicKey => {
    const signature = new Uint8Array(96).fill(7);
    signature.set(publicKey, 48);
    const deposit = depositOfVault({ publicKey, signature }, vault);
    const json = {
      pubkey: bare(publicKey),
      withdrawal_credentials: bare(vaultCredentials(vault)),
      amount: Number(deposit.amountGwei),
      signature: bare(signature),
      deposit_message_root: bare(publicKey.subarray(16)),
      deposit_data_root: bare(depositDataRoot(deposit)),
      fork_version: bare(network.genesisForkVersion),
      network_name: network.name,
      deposit_cli_version: '2.4.0',
    };
    return { publicKey, signature, json };
  });
}

/** The end of an upload of these keypairs, which are stored, and of deposit data for them: readers see them, signed. */
export async function activateRawKeys(
  session: Session,
  unlocked: UnlockedVault,
  { network }: VaultRef,
  oracleSet: OracleSet,
  keypairs: readonly NewKeypair[],
): Promise<void> {
  const { vault, encryptionKey, context } = unlocked;
  const publicKeys = keypairs.map(keypair => keypair.publicKey).sort(compareBytes);
  const entries = unsignedDepositData(publicKeys, context.vault, network);
  const { signer, fresh } = await openVaultSigner(session, unlocked);
  await activateUpload(session, {
    vaultId: vault.vaultId,
    expectedManifestCounter: vault.manifestCounter,
    publicKeys: concatBytes(publicKeys),
    oracleSet,
    startManifest: head => new ManifestMac(encryptionKey, context, head),
    depositData: {
      root: buildDepositTree(entries, context.vault).root,
      text: depositTextOf([Buffer.from(formatDepositData(entries))]),
      entryCount: entries.length,
    },
    freshSigningKey: fresh,
    signFacts: facts =>
      signFacts(readHistory(signer, context, { before: facts.before, isExpected: false }), facts, null),
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
