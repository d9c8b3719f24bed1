// Kill −9 of `./operator recover` after every request on the HTTP wire and every change at node:fs: the keystores that
// were there before are all there, whole and by name, config.json is the old or the new one, and the next run completes.
// That run is made once for every distinct tree of files that a kill leaves.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../src/domain/keys/mnemonic.ts';
import { type BeaconNode, startBeaconNode } from '../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { decryptKeystoreV4 } from '../devnet/keystore-v4.ts';
import {
  forEveryPoint,
  type LauncherKillPoint,
  runLauncherKilledAt,
} from '../support/faults/killed-process.ts';
import { temporaryDirectory } from '../support/programs/cli.ts';
import { type StandingProgram, startStandingPrograms } from '../support/programs/standing-program.ts';
import {
  credentialsOf,
  EXIT_CHAIN,
  testSecretKey,
  writeTestKeystores,
} from '../support/scenes/signing-fixtures.ts';

const LANES = 3;
const MNEMONIC = `${'abandon '.repeat(23)}art`;
const seed = mnemonicToSeed(MNEMONIC);
const keyAt = (index: number) => publicKeyOf(deriveSecretKey(seed, index));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const REGISTERED = [keyAt(1), keyAt(2)];

const resources = new AsyncDisposableStack();
const folder = resources.use(temporaryDirectory());
const networkFile = join(folder.path, 'network.json');
const mnemonicFile = join(folder.path, 'mnemonic');
let devnet: Devnet;
let beacon: BeaconNode;
let programs: StandingProgram;
beforeAll(async () => {
  programs = resources.use(startStandingPrograms(1));
  devnet = resources.use(await startDevnet({ name: 'kill-recover', oracles: 3, threshold: 2 }));
  beacon = resources.use(await startBeaconNode(EXIT_CHAIN));
  await devnet.writeNetworkFile(networkFile);
  await devnet.emitRegistrations(REGISTERED);
  const withdrawalCredentials = credentialsOf(devnet.addresses.vault);
  for (const publicKey of REGISTERED) beacon.addValidator(publicKey, { withdrawalCredentials });
  writeFileSync(mnemonicFile, MNEMONIC, { mode: 0o600 });
  // Keystores of a key that the chain does not know, as after create-keys.
  mkdirSync(oldDirectory(), { recursive: true });
  await writeTestKeystores(join(oldDirectory(), 'keystores'), [testSecretKey(9)]);
  const config = { network: networkFile, mnemonic_next_index: 1, first_public_key: `0x${hexOf(keyAt(0))}` };
  writeFileSync(join(oldDirectory(), 'config.json'), JSON.stringify(config));
});
afterAll(() => resources.disposeAsync());

const vaultName = () => devnet.addresses.vault.toLowerCase();
const oldDirectory = () => join(folder.path, 'old', vaultName());
const argsFor = (dataDir: string, [execution = '', consensus = '']: readonly string[]) => [
  'recover',
  '--vault',
  devnet.addresses.vault,
  '--data-dir',
  dataDir,
  '--network',
  networkFile,
  '--mnemonic-file',
  mnemonicFile,
  '--execution-endpoints',
  execution,
  '--consensus-endpoints',
  consensus,
  '--kdf',
  'pbkdf2',
  '--search-limit',
  '5',
  '--pool-size',
  '1',
  '--no-confirm',
];

type Point = Pick<LauncherKillPoint, 'kind' | 'when'>;
const CHANGES: readonly Point[] = [{ kind: 'file change', when: 'after' }];
const ALL_POINTS: readonly Point[] = [{ kind: 'request', when: 'after' }, ...CHANGES];

describe.each([
  { name: 'into an empty data directory', points: CHANGES, hasOld: false },
  { name: 'over an older directory', points: ALL_POINTS, hasOld: true },
])('recover $name, killed', ({ name, points, hasOld }) => {
  const continued = new Set<string>();

  it.each(points)(
    'recover killed $when each $kind in turn loses no keystore, and its next run completes',
    { timeout: 300_000 },
    async point => {
      const servers = [devnet.rpcUrl, beacon.url];
      const continuedBefore = continued.size;
      let between = 0;
      const count = await forEveryPoint(LANES, async number => {
        const dataDir = join(folder.path, `${hasOld}-${point.kind}-${point.when}-${number}`);
        const directory = join(dataDir, vaultName());
        mkdirSync(dataDir);
        if (hasOld) cpSync(oldDirectory(), directory, { recursive: true });
        const args = (urls: readonly string[]) => argsFor(dataDir, urls);
        const run = await runLauncherKilledAt({ ...point, number } as LauncherKillPoint, { servers, args });
        try {
          if (run.killedAt === undefined) {
            expect(run.exitCode, run.stderr).toBe(0);
            expectNew(directory, hasOld);
            return false;
          }
          if (hasOld) expectOldKept(directory);
          if (point.kind === 'request')
            expect(readTree(directory)).toEqual(hasOld ? readTree(oldDirectory()) : {});
          between += Number(!existsSync(join(directory, 'keystores')));
          expectWholeKeystores(directory);
          const tree = JSON.stringify(Object.keys(readTree(directory)).map(nameless).sort());
          if (continued.has(tree)) return true;
          continued.add(tree);
          const next = await programs.run(argsFor(dataDir, servers));
          expect(next.exitCode, next.stderr).toBe(0);
          expectNew(directory, hasOld);
        } catch (error) {
          throw new Error(`killed at ${number}: ${run.killedAt}`, { cause: error });
        } finally {
          rmSync(dataDir, { recursive: true, force: true });
        }
        return true;
      });
      console.log(
        `recover ${name}: killed ${point.when} ${count} × ${point.kind}, ${between} without keystores in their place, continued from ${continued.size - continuedBefore} more states`,
      );
      expect(count).toBeGreaterThan(point.kind === 'request' ? 3 : 10);
    },
  );
});

/** Contents by path below the directory. */
function readTree(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    paths
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .map(path => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}

/** A path without the process and the moment that made the file. */
function nameless(path: string): string {
  return path.replace(/\d+\.[0-9a-f]{16}\.stakewise-tmp$/, '').replace(/-\d{9,}\.json/, '.json');
}

/** The old keystores are in their place, or whole under the name that they were given. */
function expectOldKept(directory: string): void {
  const old = readTree(join(oldDirectory(), 'keystores'));
  const places = readdirSync(directory).filter(entry => entry.startsWith('keystores'));
  expect(places.map(place => readTree(join(directory, place)))).toContainEqual(old);
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  expect([1, 3]).toContain(config.mnemonic_next_index);
}

/** What stands in the keystores' place is one whole set. */
function expectWholeKeystores(directory: string): void {
  const files = readTree(join(directory, 'keystores'));
  const names = Object.keys(files);
  if (names.length === 0) return;
  expect(names).toContain('password.txt');
  const keys = names.filter(name => name.endsWith('.json')).map(name => JSON.parse(files[name] ?? '').pubkey);
  const sets = [[testSecretKey(9)].map(publicKeyOf), REGISTERED].map(set => set.map(hexOf).sort());
  expect(sets).toContainEqual(keys.sort());
}

function expectNew(directory: string, hasOld: boolean): void {
  expect(openKeystores(directory)).toEqual(REGISTERED.map(hexOf).sort());
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  expect(config).toMatchObject({ mnemonic_next_index: 3, first_public_key: `0x${hexOf(keyAt(0))}` });
  if (hasOld) expectOldKept(directory);
  const leftovers = Object.keys(readTree(directory)).filter(path => /recovering|stakewise-tmp/.test(path));
  expect(leftovers).toEqual([]);
}

function openKeystores(directory: string): string[] {
  const keystores = join(directory, 'keystores');
  const password = readFileSync(join(keystores, 'password.txt'), 'utf8');
  return readdirSync(keystores)
    .filter(name => basename(name).endsWith('.json'))
    .map(name => decryptKeystoreV4(readFileSync(join(keystores, name), 'utf8'), password))
    .map(({ publicKey }) => hexOf(publicKey))
    .sort();
}
