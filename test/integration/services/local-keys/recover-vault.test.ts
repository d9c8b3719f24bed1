import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { BeaconValidator } from '../../../../src/clients/beacon/beacon-node.ts';
import { deriveSecretKey, publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../../src/domain/keys/mnemonic.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { lockVaultDirectory } from '../../../../src/services/local-keys/lock-vault.ts';
import { readKeystores } from '../../../../src/services/local-keys/read-keystores.ts';
import {
  type PresentConfig,
  type RecoverVaultOptions,
  recoverVault,
} from '../../../../src/services/local-keys/recover-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { it } from '../../../support/fixtures.ts';
import {
  silentProgress,
  TEST_VAULT,
  testSecretKey,
  writeTestKeystores,
} from '../../../support/scenes/signing-fixtures.ts';

/** The mnemonic of the recorded runs. */
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const OTHER =
  'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art';
const seed = mnemonicToSeed(MNEMONIC);
const keyAt = (index: number) => publicKeyOf(deriveSecretKey(seed, index));

let pool: WorkerPool;
let vaultDirectory: string;
let registered: Uint8Array[];
let exited: Set<string>;
let said: string[];
let warned: string[];
beforeAll(() => {
  pool = createWorkerPool({ size: 2 });
});
afterAll(() => pool[Symbol.asyncDispose]());
it.beforeEach(({ directory }) => {
  vaultDirectory = join(directory, 'not-made-yet');
  // As recorded: indexes 1, 2 and 5 are active, 4 has exited.
  registered = [4, 1, 5, 2].map(keyAt);
  exited = new Set([toHex(keyAt(4))]);
  [said, warned] = [[], []];
});

const configPath = () => join(vaultDirectory, 'config.json');
const keystoresDir = () => join(vaultDirectory, 'keystores');

function recover({ present, ...options }: Partial<RecoverVaultOptions> & { present?: PresentConfig } = {}) {
  return recoverVault(
    {
      pool,
      progress: silentProgress,
      fetchRegistered: async () => registered,
      say: line => void said.push(line),
      warn: line => void warned.push(line),
      node: {
        fetchValidators: async publicKeys =>
          new Map(
            publicKeys.map(publicKey => {
              const status = exited.has(toHex(publicKey)) ? 'exited_unslashed' : 'active_ongoing';
              return [toHex(publicKey), { publicKey, status } as BeaconValidator];
            }),
          ),
      },
      lock: () => lockVaultDirectory(vaultDirectory, line => void warned.push(line)),
      findConfig: async () => present,
      saveConfig: async config => writeFileSync(configPath(), String(config.mnemonicNextIndex)),
    },
    {
      vault: TEST_VAULT,
      vaultDirectory,
      mnemonic: MNEMONIC,
      perKeystorePassword: false,
      kdf: 'pbkdf2',
      searchLimit: 20,
      ...options,
    },
  );
}

async function recoveredKeys(): Promise<string[]> {
  const location = { keystoresDir: keystoresDir(), passwordFiles: [join(keystoresDir(), 'password.txt')] };
  const files = await readKeystores(location, () => undefined);
  const inputs = files.map(({ path, keystore, password }) => ({
    name: path,
    text: JSON.stringify(keystore),
    password,
  }));
  return (await pool.decryptKeystores(inputs)).map(key => toHex(publicKeyOf(key)));
}
const active = () => [1, 2, 5].map(index => toHex(keyAt(index))).sort();

describe('recovering', () => {
  it('recoverVault writes keystores of the active validators and an index beyond the highest key', async () => {
    const result = await recover();
    expect(result).toMatchObject({ registered: 4, exited: 1, notFound: 0, mnemonicNextIndex: 6 });
    expect(result.recovered.map(({ index }) => index)).toEqual([1, 2, 5]);
    expect((await recoveredKeys()).sort()).toEqual(active());
    expect(readFileSync(configPath(), 'utf8')).toBe('6');
    expect(said).toContain('Found 4 validators, recovering...');
    expect(warned).toEqual([]);
  });

  it('recoverVault puts the old keystores aside, never away', async () => {
    await writeTestKeystores(keystoresDir(), [testSecretKey(9)]);
    const present = { firstPublicKey: keyAt(0), mnemonicNextIndex: 11 };
    const result = await recover({ present, perKeystorePassword: true });
    expect(result.mnemonicNextIndex).toBe(11);
    expect(result.previousKeystoresDir).toBe(`${keystoresDir()}.before-recover-1`);
    expect(readdirSync(result.previousKeystoresDir ?? '')).toHaveLength(2);
    expect(readdirSync(keystoresDir()).filter(name => name.endsWith('.txt'))).toHaveLength(3);
    expect((await recoveredKeys()).sort()).toEqual(active());
    expect((await recover({ present })).previousKeystoresDir).toBe(`${keystoresDir()}.before-recover-2`);
  });

  it('recoverVault says where the search ended and what was not found', async () => {
    registered.push(new Uint8Array(48).fill(1));
    expect(await recover()).toMatchObject({ notFound: 1 });
    expect(warned).toEqual([
      "1 of the vault's validators are not among the first 26 keys of the mnemonic; the search ended after 20 keys in a row without one (--search-limit).",
    ]);
  });

  it('recoverVault searches as far as it is told', async () => {
    registered = [keyAt(0), keyAt(4)];
    expect(await recover({ searchLimit: 3 })).toMatchObject({ notFound: 1, mnemonicNextIndex: 1 });
    expect(await recover({ searchLimit: 4 })).toMatchObject({ notFound: 0 });
  });
});

describe('recoveries that are refused', () => {
  it.each([
    ['the mnemonic of nobody here', { mnemonic: OTHER }, 'wrong-mnemonic'],
    [
      'the mnemonic of another vault',
      { present: { firstPublicKey: keyAt(3), mnemonicNextIndex: 0 } },
      'wrong-mnemonic',
    ],
  ])('recoverVault touches nothing with %s', async (_, options, code) => {
    await expect(recover(options)).rejects.toMatchObject({ code });
    expect(existsSync(vaultDirectory)).toBe(false);
  });

  it('recoverVault touches nothing for a vault without registered validators', async () => {
    registered = [];
    await expect(recover()).rejects.toMatchObject({ code: 'no-registered-validators' });
    expect(existsSync(vaultDirectory)).toBe(false);
  });
});
