// Kill −9 of `./operator remote-signer-setup --remove-existing-keys` for a new oracle set, after every request on the HTTP
// wire and every change at node:fs: the configuration is the old or the new one and all its keys are in the signer;
// a keystore or an old key goes only when the new configuration is written and each of its keys has proven itself; the
// next run completes.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRemoteSignerConfig } from '../../src/domain/fleet/remote-signer-document.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../devnet/keymanager.ts';
import {
  forEveryPoint,
  type LauncherKillPoint,
  runLauncherKilledAt,
} from '../support/faults/killed-process.ts';
import { temporaryDirectory } from '../support/programs/cli.ts';
import { type StandingProgram, startStandingPrograms } from '../support/programs/standing-program.ts';
import { createCheapKeystore } from '../support/scenes/bad-input/keystore.ts';
import { EXIT_CHAIN, testSecretKey } from '../support/scenes/signing-fixtures.ts';

const LANES = 3;
const ORACLES = 3;
const secretKeys = [testSecretKey(1), testSecretKey(2)];
const KEYS = secretKeys.length * ORACLES;

const resources = new AsyncDisposableStack();
const folder = resources.use(temporaryDirectory());
let devnet: Devnet;
let programs: StandingProgram;
/** What the signer has before each run. */
let oldKeys: Keymanager['keys'];
beforeAll(async () => {
  programs = resources.use(startStandingPrograms(1));
  devnet = resources.use(await startDevnet({ name: 'kill-signer', oracles: ORACLES, threshold: 2 }));
  const network = join(folder.path, 'network.json');
  await devnet.writeNetworkFile(network);
  writeKeystores(join(vaultIn(oldDataDir), 'keystores'));
  const first = toHex(publicKeyOf(testSecretKey(1)));
  const config = { network, mnemonic_next_index: 2, first_public_key: first };
  writeFileSync(join(vaultIn(oldDataDir), 'config.json'), JSON.stringify(config));
  await using signer = await startKeymanager(EXIT_CHAIN);
  const args = argsFor(oldDataDir, [devnet.rpcUrl, signer.url]);
  const { exitCode, stderr } = await programs.run([...args, '--keep-keystores'], { env: environment() });
  expect(exitCode, stderr).toBe(0);
  oldKeys = new Map(signer.keys);
  await devnet.updateOracles({ count: ORACLES, threshold: 2, replace: true });
});
afterAll(() => resources.disposeAsync());

const oldDataDir = join(folder.path, 'old');
const vaultIn = (dataDir: string) => join(dataDir, devnet.addresses.vault.toLowerCase());
const argsFor = (dataDir: string, [execution = '', signer = '']: readonly string[]) => [
  'remote-signer-setup',
  '--vault',
  devnet.addresses.vault,
  '--data-dir',
  dataDir,
  '--pool-size',
  '1',
  '--execution-endpoints',
  execution,
  '--remote-signer-url',
  signer,
];
const environment = (ipfs = devnet.ipfs.url) => ({ IPFS_FETCH_ENDPOINTS: ipfs });

/** Keystores that cost nothing to open. */
function writeKeystores(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const secret = { mode: 0o600 };
  writeFileSync(join(directory, 'password.txt'), 'a password', secret);
  for (const [index, secretKey] of secretKeys.entries()) {
    const keystore = createCheapKeystore(secretKey, toHex(publicKeyOf(secretKey)).slice(2), 'a password');
    writeFileSync(join(directory, `keystore-${index}.json`), JSON.stringify(keystore), secret);
  }
}

const POINTS = [
  { kind: 'request', when: 'after' },
  { kind: 'file change', when: 'after' },
] as const;

describe('remote-signer-setup, killed', () => {
  it.each(POINTS)(
    'remote-signer-setup killed $when each $kind in turn loses no key, and its next run completes',
    { timeout: 300_000 },
    async point => {
      let becameNew = 0;
      const count = await forEveryPoint(LANES, async number => {
        await using signer = await startKeymanager(EXIT_CHAIN);
        for (const [name, key] of oldKeys) signer.addKey(name, key);
        const dataDir = join(folder.path, `${point.kind}-${point.when}-${number}`);
        cpSync(oldDataDir, dataDir, { recursive: true });
        const servers = [devnet.rpcUrl, signer.url, devnet.ipfs.url];
        const args = (urls: readonly string[]) => [...argsFor(dataDir, urls), '--remove-existing-keys'];
        const run = await runLauncherKilledAt({ ...point, number } as LauncherKillPoint, {
          servers,
          args,
          env: ([, , ipfs]) => environment(ipfs),
        });
        try {
          if (run.killedAt === undefined) {
            expect(run.exitCode, run.stderr).toBe(0);
            expectNew(vaultIn(dataDir), signer);
            return false;
          }
          becameNew += Number(expectOldOrNew(vaultIn(dataDir), signer));
          const next = await programs.run(args(servers), { env: environment() });
          expect(next.exitCode, next.stderr).toBe(0);
          expectNew(vaultIn(dataDir), signer);
        } catch (error) {
          throw new Error(`killed at ${number}: ${run.killedAt}`, { cause: error });
        } finally {
          rmSync(dataDir, { recursive: true, force: true });
        }
        return true;
      });
      console.log(
        `remote-signer-setup: killed ${point.when} ${count} × ${point.kind}, ${becameNew} with the new configuration`,
      );
      expect(count).toBeGreaterThan(10);
      expect(becameNew).toBeGreaterThan(0);
    },
  );
});

const configOf = (vaultDirectory: string) =>
  readFileSync(join(vaultDirectory, 'remote_signer_config.json'), 'utf8');
const sharesOf = (text: string) =>
  parseRemoteSignerConfig(text, 'config').validators.flatMap(({ shares }) => shares.map(toHex));

/** @returns whether the configuration is the new one */
function expectOldOrNew(vaultDirectory: string, signer: Keymanager): boolean {
  const old = vaultIn(oldDataDir);
  const config = configOf(vaultDirectory);
  const isNew = config !== configOf(old);
  const shares = sharesOf(config);
  expect(shares).toHaveLength(KEYS);
  expect(shares.filter(key => !signer.keys.has(key))).toEqual([]);
  if (isNew) expectProven(shares, signer);
  else expect([...oldKeys.keys()].filter(key => !signer.keys.has(key))).toEqual([]);
  for (const name of readdirSync(join(old, 'keystores'))) {
    const path = join(vaultDirectory, 'keystores', name);
    if (!existsSync(path)) expect(isNew, `${name} is gone`).toBe(true);
    else expect(readFileSync(path, 'utf8')).toBe(readFileSync(join(old, 'keystores', name), 'utf8'));
  }
  return isNew;
}

function expectProven(shares: readonly string[], signer: Keymanager): void {
  const proven = new Set(signer.signed.map(({ publicKey }) => publicKey));
  expect(shares.filter(key => !proven.has(key))).toEqual([]);
  expect(shares.some(key => oldKeys.has(key))).toBe(false);
}

function expectNew(vaultDirectory: string, signer: Keymanager): void {
  const shares = sharesOf(configOf(vaultDirectory));
  expectProven(shares, signer);
  expect([...signer.keys.keys()].sort()).toEqual(shares.sort());
  // A run that was killed between the last keystore and its password leaves a password that opens nothing.
  const names = readdirSync(vaultDirectory, { recursive: true }).map(String).sort();
  expect(names.filter(name => name !== 'keystores/password.txt')).toEqual([
    'config.json',
    'keystores',
    'remote_signer_config.json',
  ]);
}
