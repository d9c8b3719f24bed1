import { randomBytes } from 'node:crypto';
import type { Session } from '../../../src/db/database.ts';
import type { NewKeypair } from '../../../src/db/keypairs.ts';
import type { UploadActivation } from '../../../src/db/upload-activation.ts';
import { insertVault, type Vault } from '../../../src/db/vaults.ts';
import { depositTextOf } from '../../../src/domain/consensus/deposit-text.ts';
import type { OracleSet } from '../../../src/domain/protocol/oracle-config.ts';
import { concatBytes } from '../../../src/lib/bytes.ts';

/** Random bytes in an array of their own. The database knows nothing of keys: any bytes of the right length will do. */
export function randomKey(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(length));
}

export function sealedKey() {
  return { nonce: randomKey(12), ciphertext: randomKey(48) };
}

export function newOracleSet(count: number): OracleSet {
  return {
    hash: randomKey(32),
    configIpfsHash: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
    threshold: Math.ceil(count / 2),
    publicKeys: Array.from({ length: count }, () => randomKey(64)),
  };
}

export function newKeypairs(count: number, shareCount: number): NewKeypair[] {
  return Array.from({ length: count }, () => newKeypair(randomKey(48), shareCount));
}

export function newKeypair(publicKey: Uint8Array, shareCount: number): NewKeypair {
  const share = () => ({ publicKey: randomKey(48), ...sealedKey() });
  return { publicKey, secret: sealedKey(), shares: Array.from({ length: shareCount }, share) };
}

export async function storeVault(session: Session, network = 'devnet'): Promise<Vault> {
  const { vault } = await insertVault(session, {
    network,
    chainId: 31337,
    address: randomKey(20),
    dataKey: sealedKey(),
    manifestMac: randomKey(32),
  });
  return vault;
}

/** Stands in for a manifest's MAC: the counter and how many entries there are. */
function countingMac(counter: number) {
  let entries = 0;
  return {
    update: (page: Uint8Array) => {
      entries += page.length / 64;
    },
    digest: () => new Uint8Array(32).fill(counter + entries),
  };
}

/** The end of an upload of these keys, with a stand-in for the MAC. */
export function activationOf(
  vault: Vault,
  publicKeys: readonly Uint8Array[],
  oracleSet: OracleSet,
  changes: Partial<UploadActivation> = {},
): UploadActivation {
  const { network, address } = vault;
  return {
    vaultId: vault.vaultId,
    expectedManifestCounter: vault.manifestCounter,
    publicKeys: concatBytes(publicKeys),
    oracleSet,
    depositData: {
      root: randomKey(32),
      text: depositTextOf([Buffer.from('[]')]),
      entryCount: publicKeys.length,
    },
    startManifest: ({ counter }) => countingMac(Number(counter)),
    assignNewKeys: (_plan, keys) => keys.map(publicKey => ({ publicKey, clientIndex: 0 })),
    audit: {
      actor: 'tester',
      command: 'upload',
      network,
      vault: address,
      counts: { validators: publicKeys.length },
    },
    ...changes,
  };
}
