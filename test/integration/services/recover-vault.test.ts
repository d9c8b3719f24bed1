import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BeaconValidator } from '../../../src/clients/beacon-node.ts';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../src/domain/keys/mnemonic.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { readKeystores } from '../../../src/services/read-keystores.ts';
import { type RecoverVaultOptions, recoverVault } from '../../../src/services/recover-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../src/workers/pool.ts';
import { temporaryDirectory } from '../../support/cli.ts';
import {
  silentProgress,
  TEST_VAULT,
  testSecretKey,
  writeTestKeystores,
} from '../../support/signing-fixtures.ts';

/** That of the recorded runs. */
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
beforeEach(() => {
  vaultDirectory = mkdtempSync(join(tmpdir(), 'recover-'));
  rmSync(vaultDirectory, { recursive: true });
  // As recorded: indexes 1, 2 and 5 are active, 4 has exited.
  registered = [4, 1, 5, 2].map(keyAt);
  exited = new Set([toHex(keyAt(4))]);
  [said, warned] = [[], []];
});
afterEach(() => rmSync(vaultDirectory, { recursive: true, force: true }));

const configPath = () => join(vaultDirectory, 'config.json');
const keystoresDir = () => join(vaultDirectory, 'keystores');

function recover(options: Partial<RecoverVaultOptions> = {}) {
  return recoverVault(
    {
      ...{ pool, progress: silentProgress, fetchRegistered: async () => registered },
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
      saveConfig: async config => writeFileSync(configPath(), String(config.mnemonicNextIndex)),
    },
    {
      ...{ vault: TEST_VAULT, vaultDirectory, mnemonic: MNEMONIC, perKeystorePassword: false },
      ...{ kdf: 'pbkdf2', searchLimit: 20, present: undefined },
      ...options,
    },
  );
}

async function recoveredKeys(): Promise<string[]> {
  const location = { keystoresDir: keystoresDir(), passwordFiles: [join(keystoresDir(), 'password.txt')] };
  const files = await readKeystores(location, () => undefined);
  const inputs = files.map(({ path, keystore, password }) => ({
    ...{ name: path, text: JSON.stringify(keystore), password },
  }));
  return (await pool.decryptKeystores(inputs)).map(key => toHex(publicKeyOf(key)));
}
const active = () => [1, 2, 5].map(index => toHex(keyAt(index))).sort();

describe('recovering', () => {
  it('writes keystores of the active validators and an index beyond the highest key', async () => {
    const result = await recover();
    expect(result).toMatchObject({ registered: 4, exited: 1, notFound: 0, mnemonicNextIndex: 6 });
    expect(result.recovered.map(({ index }) => index)).toEqual([1, 2, 5]);
    expect((await recoveredKeys()).sort()).toEqual(active());
    expect(readFileSync(configPath(), 'utf8')).toBe('6');
    expect(said).toContain('Found 4 validators, recovering...');
    expect(warned).toEqual([]);
  });

  it('puts the old keystores aside, never away', async () => {
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

  it('says where the search ended and what was not found', async () => {
    registered.push(new Uint8Array(48).fill(1));
    expect(await recover()).toMatchObject({ notFound: 1 });
    expect(warned).toEqual([
      "1 of the vault's validators are not among the first 26 keys of the mnemonic; the search ended after 20 keys in a row without one (--search-limit).",
    ]);
  });

  it('searches as far as it is told', async () => {
    registered = [keyAt(0), keyAt(4)];
    expect(await recover({ searchLimit: 3 })).toMatchObject({ notFound: 1, mnemonicNextIndex: 1 });
    expect(await recover({ searchLimit: 4 })).toMatchObject({ notFound: 0 });
  });
});

describe('nothing is touched', () => {
  it.each([
    ['the mnemonic of nobody here', { mnemonic: OTHER }, 'wrong-mnemonic'],
    [
      'the mnemonic of another vault',
      { present: { firstPublicKey: keyAt(3), mnemonicNextIndex: 0 } },
      'wrong-mnemonic',
    ],
  ])('with %s', async (_, options, code) => {
    await expect(recover(options)).rejects.toMatchObject({ code });
    expect(existsSync(vaultDirectory)).toBe(false);
  });

  it('without registered validators', async () => {
    registered = [];
    await expect(recover()).rejects.toMatchObject({ code: 'no-registered-validators' });
    expect(existsSync(vaultDirectory)).toBe(false);
  });
});

describe('killed', () => {
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const [vaultDirectory, killAt, mnemonic, keys] = JSON.parse(process.argv[2]);
    let calls = 0;
    const wrap = (target, name, when = () => true) => {
      const original = target[name];
      target[name] = function (...args) {
        if (when(...args) && ++calls === killAt) process.kill(process.pid, 'SIGKILL');
        return original.apply(this, args);
      };
    };
    const probe = await fs.promises.open('/dev/null');
    for (const name of ['writeFile', 'sync']) wrap(Object.getPrototypeOf(probe), name);
    await probe.close();
    for (const name of ['rename', 'unlink', 'link', 'mkdir', 'rmdir']) wrap(fs.promises, name);
    wrap(fs.promises, 'open', (_path, flags) => flags === 'wx');
    syncBuiltinESMExports();
    const from = path => import(${JSON.stringify(new URL('../../../src/', import.meta.url).href)} + path);
    const { recoverVault } = await from('services/recover-vault.ts');
    const { createVaultConfig, findVaultConfig, updateMnemonicNextIndex } = await from('config.ts');
    const { createWorkerPool } = await from('workers/pool.ts');
    const [dataDir, vault] = [vaultDirectory.replace(/\\/[^/]*$/, ''), '${TEST_VAULT}'];
    const present = await findVaultConfig(dataDir, vault);
    await recoverVault(
      { pool: createWorkerPool({ size: 1 }), progress: { start: () => ({ advance() {}, finish() {} }) }, say() {}, warn() {},
        node: { fetchValidators: async () => new Map() },
        fetchRegistered: async () => keys.map(key => new Uint8Array(Buffer.from(key.slice(2), 'hex'))),
        saveConfig: config => present ? updateMnemonicNextIndex(dataDir, vault, config.mnemonicNextIndex) : createVaultConfig(dataDir, vault, { ...config, network: 'holesky' }) },
      { vault, vaultDirectory, mnemonic, perKeystorePassword: false, kdf: 'pbkdf2', searchLimit: 5, present },
    );
    process.exit(0);
  `;

  async function run(killAt: number, scriptFile: string): Promise<string | null> {
    const keys = [1, 2].map(index => toHex(keyAt(index)));
    const args = [scriptFile, JSON.stringify([vaultDirectory, killAt, MNEMONIC, keys])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    return new Promise((resolve, reject) =>
      child.once('exit', (code, signal) => (code ? reject(new Error(`exit ${code}`)) : resolve(signal))),
    );
  }

  it('at any file operation: the old keystores are all there, and the next run completes', async () => {
    using folder = temporaryDirectory();
    const scriptFile = join(folder.path, 'run.mjs');
    writeFileSync(scriptFile, script);
    vaultDirectory = join(folder.path, TEST_VAULT.toLowerCase());
    const start = join(folder.path, 'start');
    await writeTestKeystores(join(start, 'keystores'), [testSecretKey(9)]);
    for (let killAt = 1; ; killAt++) {
      rmSync(vaultDirectory, { recursive: true, force: true });
      mkdirSync(vaultDirectory);
      cpSync(start, vaultDirectory, { recursive: true });
      const signal = await run(killAt, scriptFile);
      const aside = `${keystoresDir()}.before-recover-1`;
      const old = existsSync(aside) ? aside : keystoresDir();
      expect(readdirSync(old).sort(), `killed at ${killAt}`).toEqual(
        readdirSync(join(start, 'keystores')).sort(),
      );
      if (signal === null) {
        expect(killAt).toBeGreaterThan(20);
        return;
      }
      expect(await run(0, scriptFile)).toBe(null);
      expect((await recoveredKeys()).sort()).toEqual([1, 2].map(index => toHex(keyAt(index))).sort());
      expect(JSON.parse(readFileSync(configPath(), 'utf8'))).toMatchObject({ mnemonic_next_index: 3 });
      expect(existsSync(`${keystoresDir()}.recovering`)).toBe(false);
    }
  }, 240_000);
});
