import { describe, expect, it } from 'vitest';
import { parseKeystore } from '../../../../src/domain/keys/keystore.ts';
import { sealKeystores } from '../../../../src/services/remote-db/store-keypairs.ts';
import type { UnlockedVault } from '../../../../src/services/remote-db/unlock-vault.ts';
import type { WorkerPool } from '../../../../src/workers/pool.ts';
import { createCheapKeystore } from '../../../support/scenes/bad-input/keystore.ts';

const KEYSTORES = 20_000;
const ORACLES = 11;

/** A pool that gives arrays of the right lengths without any cryptography, and keeps the secret keys that it gave. */
function idlePool() {
  const given: Uint8Array[] = [];
  const pool: Pick<WorkerPool, 'decryptKeystores' | 'sealKeypairs'> = {
    decryptKeystores: async keystores => {
      const secretKeys = keystores.map(() => new Uint8Array(32).fill(7));
      for (const secretKey of secretKeys) given.push(secretKey);
      return secretKeys;
    },
    sealKeypairs: async ({ secretKeys, oracleSet }) => {
      given.push(secretKeys);
      const count = secretKeys.length / 32;
      const shares = count * (oracleSet?.count ?? 0);
      return {
        nonces: new Uint8Array(12 * count),
        ciphertexts: new Uint8Array(48 * count),
        sharePublicKeys: new Uint8Array(48 * shares),
        shareNonces: new Uint8Array(12 * shares),
        shareCiphertexts: new Uint8Array(48 * shares),
      };
    },
  };
  return { pool: pool as WorkerPool, given };
}

describe('sealKeystores', () => {
  it('sealKeystores seals the keys of 20,000 keystores for eleven oracles, and overwrites every one', async () => {
    const { pool, given } = idlePool();
    const text = JSON.stringify(createCheapKeystore(new Uint8Array(32).fill(7), '11'.repeat(48), 'password'));
    const keystore = { path: 'keystore.json', keystore: parseKeystore(text), password: 'password' };
    const unlocked: UnlockedVault = {
      vault: { vaultId: 1, dataKeyId: 1 } as UnlockedVault['vault'],
      context: { chainId: 1, vault: new Uint8Array(20) },
      encryptionKey: new Uint8Array(32),
      dataKey: new Uint8Array(32),
      [Symbol.dispose]: () => undefined,
    };
    const oracleSet = {
      hash: new Uint8Array(32),
      configIpfsHash: '',
      threshold: 7,
      publicKeys: Array.from({ length: ORACLES }, () => new Uint8Array(64)),
    };
    const keystores = Array.from({ length: KEYSTORES }, () => keystore);
    const sealed = await sealKeystores({ pool }, unlocked, oracleSet, keystores);
    expect(sealed).toHaveLength(KEYSTORES);
    expect(sealed.at(-1)?.shares).toHaveLength(ORACLES);
    expect(given.length).toBeGreaterThan(KEYSTORES);
    expect(given.every(secretKey => secretKey.every(byte => byte === 0))).toBe(true);
  });
});
