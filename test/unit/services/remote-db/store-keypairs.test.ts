import { describe, expect, it } from 'vitest';
import type { KeystoreFacts } from '../../../../src/services/local-keys/keystore-list.ts';
import { keystoreJobs } from '../../../../src/services/remote-db/keystore-source.ts';
import { KnownRows } from '../../../../src/services/remote-db/known-rows.ts';
import { sealKeys } from '../../../../src/services/remote-db/store-keypairs.ts';
import type { UnlockedVault } from '../../../../src/services/remote-db/unlock-vault.ts';
import type { WorkerPool } from '../../../../src/workers/pool.ts';

const KEYSTORES = 20_000;
const ORACLES = 11;
const USUAL_WORK = 2 ** 18;

/** A pool that gives arrays of the right lengths without any cryptography, and keeps how many keystores came together. */
function idlePool() {
  const jobs: number[] = [];
  const pool: Pick<WorkerPool, 'size' | 'sealKeystores'> = {
    size: 2,
    sealKeystores: async ({ target, keystores }) => {
      jobs.push(keystores.length);
      const count = keystores.length;
      const shares = count * (target.oracleSet?.count ?? 0);
      return {
        nonces: new Uint8Array(12 * count),
        ciphertexts: new Uint8Array(48 * count),
        sharePublicKeys: new Uint8Array(48 * shares),
        shareNonces: new Uint8Array(12 * shares),
        shareCiphertexts: new Uint8Array(48 * shares),
      };
    },
  };
  return { pool: pool as WorkerPool, jobs };
}

function target() {
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
  return { unlocked, oracleSet, known: new KnownRows() };
}

function keystoresOf(work: number, count: number): KeystoreFacts[] {
  const publicKey = new Uint8Array(48);
  const facts = { path: 'keystore.json', password: 'password', publicKey, memoryBytes: 0, work };
  return Array.from({ length: count }, () => facts);
}

describe('sealKeys', () => {
  it('sealKeys seals the keys of 20,000 keystores for eleven oracles', async () => {
    const { pool, jobs } = idlePool();
    let shown = 0;
    const bar = {
      advance(items = 1) {
        shown += items;
      },
      finish() {},
    };
    const sealed = await sealKeys(pool, target(), keystoreJobs(keystoresOf(1, KEYSTORES)), bar);
    expect(shown).toBe(KEYSTORES);
    expect(sealed).toHaveLength(KEYSTORES);
    expect(sealed.at(-1)?.shares).toHaveLength(ORACLES);
    expect(Math.max(...jobs)).toBe(64);
  });

  it('sealKeys gives a thread one keystore of the usual cost at a time, so that no thread waits for another', async () => {
    const { pool, jobs } = idlePool();
    const keystores = [
      ...keystoresOf(USUAL_WORK, 3),
      ...keystoresOf(1, 65),
      ...keystoresOf(USUAL_WORK / 5, 3),
    ];
    await sealKeys(pool, target(), keystoreJobs(keystores), { advance() {}, finish() {} });
    expect(jobs).toEqual([1, 1, 1, 64, 3, 1]);
  });
});
