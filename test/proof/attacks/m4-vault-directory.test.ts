// Commands that change one vault's directory at the same time, in containers of their own on one volume.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { readKeystores } from '../../../src/services/local-keys/read-keystores.ts';
import { createWorkerPool, type WorkerPool } from '../../../src/workers/pool.ts';
import { type BeaconNode, startBeaconNode } from '../../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { PROJECT_ROOT, runOnTerminal, temporaryDirectory } from '../../support/programs/cli.ts';
import { inContainer, requireNamespaces } from '../../support/programs/namespaces.ts';
import { runProcess } from '../../support/programs/run-process.ts';
import {
  RECORDED_MNEMONIC,
  recordedSecretKeys,
  writeKeystores,
} from '../../support/recorded/recorded-vault.ts';
import { credentialsOf, EXIT_CHAIN } from '../../support/scenes/signing-fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';

const OPERATOR = join(PROJECT_ROOT, 'operator');
/** The keys of the mnemonic, the first two of which are the vault's when a test begins. */
const secretKeys = recordedSecretKeys(16);
const names = secretKeys.map(key => toHex(publicKeyOf(key)));

const resources = new AsyncDisposableStack();
let devnet: Devnet;
let beacon: BeaconNode;
let signer: Keymanager;
let pool: WorkerPool;
let folder: ReturnType<typeof temporaryDirectory>;
let vaultFolder: string;
let mnemonicFile: string;
beforeAll(async () => {
  requireNamespaces();
  devnet = resources.use(await startDevnet({ oracles: 3, threshold: 2 }));
  beacon = resources.use(await startBeaconNode(EXIT_CHAIN));
  pool = resources.use(createWorkerPool({ size: 1 }));
  const registered = secretKeys.slice(0, 2).map(publicKeyOf);
  await devnet.emitRegistrations(registered);
  const withdrawalCredentials = credentialsOf(devnet.addresses.vault);
  for (const publicKey of registered) beacon.addValidator(publicKey, { withdrawalCredentials });
});
afterAll(() => resources.disposeAsync());
beforeEach(async () => {
  signer = await startKeymanager(EXIT_CHAIN);
  folder = temporaryDirectory();
  const networkFile = join(folder.path, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  mnemonicFile = join(folder.path, 'mnemonic');
  writeFileSync(mnemonicFile, RECORDED_MNEMONIC, { mode: 0o600 });
  vaultFolder = join(folder.path, devnet.addresses.vault.toLowerCase());
  writeKeystores(keystoresFolder(), secretKeys.slice(0, 2));
  const config = { network: networkFile, mnemonic_next_index: 2, first_public_key: names[0] };
  writeFileSync(join(vaultFolder, 'config.json'), JSON.stringify(config));
});
afterEach(async () => {
  folder[Symbol.dispose]();
  await signer[Symbol.asyncDispose]();
});

const keystoresFolder = () => join(vaultFolder, 'keystores');
const vaultArgs = () => ['--vault', devnet.addresses.vault, '--data-dir', folder.path];
const mnemonic = () => ['--mnemonic-file', mnemonicFile, '--pool-size', '1'];
const createKeys = (count: number) => [
  OPERATOR,
  'create-keys',
  ...vaultArgs(),
  ...mnemonic(),
  '--count',
  String(count),
  '--kdf',
  'pbkdf2',
];
const recover = () => [
  'recover',
  ...vaultArgs(),
  ...mnemonic(),
  '--kdf',
  'pbkdf2',
  '--search-limit',
  '5',
  '--network',
  join(folder.path, 'network.json'),
  '--execution-endpoints',
  devnet.rpcUrl,
  '--consensus-endpoints',
  beacon.url,
];
const inUse = (holder: string) =>
  `Error: The vault directory ${vaultFolder} is in use by ${holder} on ${hostname()}.\nWait for the other command to end, then run this one again.\n`;
const nextIndex = () =>
  JSON.parse(readFileSync(join(vaultFolder, 'config.json'), 'utf8')).mnemonic_next_index as number;
const keystoreNames = () => readdirSync(keystoresFolder()).filter(name => name.endsWith('.json'));

/** The public keys of all keystores, each opened by its password. */
async function openKeystores(): Promise<string[]> {
  const location = {
    keystoresDir: keystoresFolder(),
    passwordFiles: [join(keystoresFolder(), 'password.txt')],
  };
  const files = await readKeystores(location, () => undefined);
  const inputs = files.map(({ path, keystore, password }) => ({
    name: path,
    text: JSON.stringify(keystore),
    password,
  }));
  return (await pool.decryptKeystores(inputs)).map(key => toHex(publicKeyOf(key))).sort();
}

/** "create-keys" of some keys, standing still after it has written a few of them. */
async function stoppedCreateKeys(): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const [program = '', ...args] = createKeys(14);
  const child = spawn(program, args, { cwd: PROJECT_ROOT, stdio: 'ignore' });
  const ended = once(child, 'close');
  const isWriting = () => {
    if (child.exitCode !== null) throw new Error(`create-keys ended with ${child.exitCode}`);
    return keystoreNames().length >= 4;
  };
  await waitUntil('create-keys to begin to write', isWriting, { everyMs: 5, lastSeen: keystoreNames });
  child.kill('SIGSTOP');
  expect(keystoreNames().length, 'keystores when it was stopped').toBeLessThan(16);
  return { child, ended };
}

describe('M4 · two commands at work in one vault directory', () => {
  const question = 'Remove the keystores from the local filesystem? [Y/n]: ';
  const setup = () => [
    'remote-signer-setup',
    ...vaultArgs(),
    '--split',
    '--pool-size',
    '1',
    '--remote-signer-url',
    signer.url,
  ];

  it('another container: makes keys while remote-signer-setup waits for an answer → refused; later they have a password', async () => {
    const [program, ...args] = inContainer(createKeys(1));
    let second: { status: number | null; stdout: string; stderr: string } | undefined;
    const first = await runOnTerminal(setup(), [
      {
        on: question,
        type: () => {
          second = spawnSync(program, args, { cwd: PROJECT_ROOT, encoding: 'utf8' });
          return 'y\r';
        },
      },
    ]);
    expect(first.exitCode, first.screen).toBe(0);
    expect(second).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Error: .* is in use by process \d+ on /),
    });
    expect(readdirSync(keystoresFolder())).toEqual([]);
    expect(new Set(signer.keys.keys())).toEqual(new Set(names.slice(0, 2)));

    expect(await runProcess(createKeys(1))).toMatchObject({ exitCode: 0 });
    expect(await openKeystores()).toEqual([names[2]]);
  });

  it('local user: copies a keystore to the others while remote-signer-setup waits for an answer → its password stays', async () => {
    const first = await runOnTerminal(setup(), [
      {
        on: question,
        type: () => {
          writeKeystores(keystoresFolder(), secretKeys.slice(0, 3));
          return 'y\r';
        },
      },
    ]);
    expect(first.exitCode, first.screen).toBe(0);
    expect(first.screen).toContain(`The password file of ${keystoresFolder()} stays: 1 keystores are left`);
    expect(await openKeystores()).toEqual([names[2]]);
  });

  it('another container: recovers while create-keys writes → refused, every keystore opens, and a later recover runs', async () => {
    const { child, ended } = await stoppedCreateKeys();
    const second = await runProcess(inContainer([OPERATOR, ...recover(), '--no-confirm']));
    expect(second).toMatchObject({ exitCode: 1, stderr: inUse(`process ${child.pid}`) });
    child.kill('SIGCONT');
    await ended;
    expect(child.exitCode).toBe(0);
    expect(await openKeystores()).toEqual([...names].sort());
    expect(nextIndex()).toBe(16);

    expect(await runProcess([OPERATOR, ...recover(), '--no-confirm'])).toMatchObject({ exitCode: 0 });
    expect(await openKeystores()).toEqual(names.slice(0, 2).sort());
    expect(nextIndex()).toBe(16);
  });

  it('another container: makes keys while recover waits for an answer → recover does not set the index back', async () => {
    const [program, ...args] = inContainer(createKeys(3));
    let made: number | null = null;
    const recovered = await runOnTerminal(recover(), [
      {
        on: 'Continue? [y/N]: ',
        type: () => {
          made = spawnSync(program, args, { cwd: PROJECT_ROOT }).status;
          return 'y\r';
        },
      },
    ]);
    expect(recovered.exitCode, recovered.screen).toBe(0);
    expect(made).toBe(0);
    expect(nextIndex()).toBe(5);
  });

  it('another container: merges deposit data into the vault’s while create-keys appends → refused, no entry is lost', async () => {
    expect(await runProcess(createKeys(1))).toMatchObject({ exitCode: 0 });
    const file = join(vaultFolder, 'deposit_data.json');
    const copy = join(folder.path, 'copy.json');
    writeFileSync(copy, readFileSync(file));
    const { child, ended } = await stoppedCreateKeys();
    const merge = [OPERATOR, 'merge-deposit-data', '-d', file, '-d', copy, '-m', file];
    expect(await runProcess(inContainer(merge))).toMatchObject({
      exitCode: 1,
      stderr: inUse(`process ${child.pid}`),
    });
    child.kill('SIGCONT');
    await ended;
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveLength(15);
  });

  it('another container: makes keys after kill -9 of create-keys → the directory is free at once, and all open', async () => {
    const { child, ended } = await stoppedCreateKeys();
    child.kill('SIGKILL');
    await ended;
    const second = await runProcess(inContainer(createKeys(14)));
    expect(second).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('Watching') });
    expect(await openKeystores()).toEqual([...names].sort());
  });
});
