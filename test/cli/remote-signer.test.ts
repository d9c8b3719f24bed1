// A vault's keys on their way through the launcher: into a remote signer, out of it as exits, and back from the mnemonic.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { type BeaconNode, startBeaconNode } from '../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../devnet/keymanager.ts';
import { decryptKeystoreV4 } from '../devnet/keystore-v4.ts';
import { type DialogueStep, runCli, runOnTerminal, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { renderScreen } from '../support/programs/screen.ts';
import { RECORDED_MNEMONIC, recordedSecretKeys, writeKeystores } from '../support/recorded/recorded-vault.ts';
import { credentialsOf, EXIT_CHAIN } from '../support/scenes/signing-fixtures.ts';

const ORACLES = 3;
const secretKeys = recordedSecretKeys(2);
const publicKeys = secretKeys.map(publicKeyOf);
const names = publicKeys.map(toHex);
const DONE = 'Done. Successfully configured operator to use remote signer for 2 public key(s)!';
/** A progress bar at its end. */
const bar = (label: string, count: number) => `${label}  [${'#'.repeat(36)}]  ${count}/${count}`;

let devnet: Devnet;
let signer: Keymanager;
let folder: ReturnType<typeof temporaryDirectory>;
let vaultFolder: string;
let networkFile: string;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: ORACLES, threshold: 2 });
});
afterAll(() => devnet.stop());
beforeEach(async () => {
  signer = await startKeymanager(EXIT_CHAIN);
  folder = temporaryDirectory();
  networkFile = join(folder.path, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  vaultFolder = join(folder.path, devnet.addresses.vault.toLowerCase());
  writeKeystores(join(vaultFolder, 'keystores'), secretKeys);
  const config = { network: networkFile, mnemonic_next_index: 2, first_public_key: names[0] };
  writeFileSync(join(vaultFolder, 'config.json'), JSON.stringify(config));
});
afterEach(async () => {
  folder[Symbol.dispose]();
  await signer[Symbol.asyncDispose]();
});

const vault = () => ['--vault', devnet.addresses.vault, '--data-dir', folder.path];
const execution = () => ['--execution-endpoints', devnet.rpcUrl];
const remote = () => ['--remote-signer-url', signer.url];
const keystores = () => readdirSync(join(vaultFolder, 'keystores'));
const isImport = ({ method, path }: { method: string; path: string }) =>
  method === 'POST' && path === '/eth/v1/keystores';

/** What the terminal shows in the end, line by line, without the spaces after a line. */
async function onTerminal(args: readonly string[], dialogue: readonly DialogueStep[]) {
  const { screen, exitCode } = await runOnTerminal(args, dialogue);
  const lines = renderScreen(screen)
    .split('\n')
    .map(line => line.trimEnd());
  return { lines, exitCode };
}

function sharesInConfig(): Record<string, string[]> {
  return JSON.parse(readFileSync(join(vaultFolder, 'remote_signer_config.json'), 'utf8')).pubkeys_to_shares;
}

it('remote-signer-setup asks before it removes keystores: "n" keeps them, Enter means yes', async () => {
  const question = 'Remove the keystores from the local filesystem? [Y/n]: ';
  const setup = ['remote-signer-setup', ...vault(), ...remote(), ...execution()];
  const kept = await onTerminal(setup, [{ on: question, type: 'n\r' }]);
  expect(kept.exitCode).toBe(0);
  expect(keystores()).toHaveLength(3);
  expect(signer.keys.size).toBe(2 * ORACLES);

  const removed = await onTerminal(setup, [{ on: question, type: '\r' }]);
  expect(removed).toEqual({
    exitCode: 0,
    lines: [
      expect.stringMatching(/^Warning: Only one execution endpoint is given: /),
      bar('Decrypting keystores\t\t\t', 2),
      'Successfully generated 6 key shares for 2 private key(s)!',
      bar('Importing keys into remote signer\t', 6),
      bar('Proving keys in remote signer\t\t', 6),
      'Successfully imported 6 key shares into remote signer.',
      question.trimEnd(),
      'Removed keystores from local filesystem.',
      DONE,
      '',
    ],
  });
  expect(keystores()).toEqual([]);
  expect(signer.requests.filter(isImport)).toHaveLength(1);
  expect(Object.keys(sharesInConfig())).toEqual(names);
});

it('remote-signer-setup --split asks for no execution node, and imports the keys themselves', async () => {
  const setup = ['remote-signer-setup', ...vault(), ...remote(), '--split', '--keep-keystores'];
  const { exitCode, lines } = await onTerminal(setup, []);
  expect(exitCode).toBe(0);
  expect(lines.slice(-3)).toEqual(['Successfully imported 2 private keys into remote signer.', DONE, '']);
  expect(new Set(signer.keys.keys())).toEqual(new Set(names));
  expect(sharesInConfig()).toEqual(Object.fromEntries(names.map(name => [name, []])));
  expect(keystores()).toHaveLength(3);
});

it('remote-signer-setup --json counts what it has imported', async () => {
  const setup = ['remote-signer-setup', ...vault(), ...remote(), '--split', '--keep-keystores', '--json'];
  const { stdout, exitCode } = await runCli(setup);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    validators: 2,
    keys: 2,
    importedKeys: 2,
    removedKeystores: 0,
    removedKeys: 0,
    remoteSignerConfigFile: join(vaultFolder, 'remote_signer_config.json'),
  });
});

/** Takes the keys into the remote signer, and their keystores away. */
async function moveKeysToSigner(): Promise<void> {
  const setup = await runCli(['remote-signer-setup', ...vault(), ...remote(), ...execution()]);
  expect(setup).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Removed keystores') });
}

/** A beacon node that knows the validators of the vault. */
async function startBeaconOfVault(): Promise<BeaconNode> {
  const beacon = await startBeaconNode(EXIT_CHAIN);
  const withdrawalCredentials = credentialsOf(devnet.addresses.vault);
  for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
  return beacon;
}

it('a key that went into the remote signer exits from there', async () => {
  await moveKeysToSigner();
  await using beacon = await startBeaconOfVault();
  const exit = await runCli([
    'validators-exit',
    ...vault(),
    ...remote(),
    '--consensus-endpoints',
    beacon.url,
    '--yes',
    '--indexes',
    '101',
  ]);
  expect(exit).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('(1 of 1)') });
  expect(beacon.pool).toEqual(new Set([101n]));
});

it('recover brings keys that went into the remote signer back from the mnemonic', async () => {
  await moveKeysToSigner();
  await using beacon = await startBeaconOfVault();
  await devnet.emitRegistrations(publicKeys);
  const mnemonicFile = join(folder.path, 'mnemonic');
  writeFileSync(mnemonicFile, RECORDED_MNEMONIC, { mode: 0o600 });
  const recover = [
    'recover',
    ...vault(),
    ...execution(),
    '--consensus-endpoints',
    beacon.url,
    '--network',
    networkFile,
    '--kdf',
    'pbkdf2',
    '--mnemonic-file',
    mnemonicFile,
  ];
  const question = /Vault directory \S+ exists already\..*Continue\? \[y\/N\]: /;
  const before = readdirSync(vaultFolder);
  const aborted = await onTerminal(recover, [{ on: question, type: '\r' }]);
  expect(aborted.exitCode).toBe(1);
  expect(readdirSync(vaultFolder)).toEqual(before);

  const recovered = await onTerminal(recover, [{ on: question, type: 'y\r' }]);
  const directory = join(vaultFolder, 'keystores');
  expect(recovered.exitCode).toBe(0);
  expect(recovered.lines.slice(1)).toEqual([
    'Fetching registered validators...',
    'Fetched 2 registered validators',
    'Fetching validators statuses...',
    'Fetched statuses for registered validators',
    bar('Searching validator keys\t\t', 2),
    'Found 2 validators, recovering...',
    bar('Generating keystores\t\t\t', 2),
    '',
    `Keystores for vault ${devnet.addresses.vault} successfully recovered to ${directory}`,
    '',
  ]);
  const password = readFileSync(join(directory, 'password.txt'), 'utf8');
  const back = keystores()
    .filter(name => name.endsWith('.json'))
    .map(name => decryptKeystoreV4(readFileSync(join(directory, name), 'utf8'), password).secretKey);
  expect(new Set(back.map(toHex))).toEqual(new Set(secretKeys.map(toHex)));
  expect(JSON.parse(readFileSync(join(vaultFolder, 'config.json'), 'utf8'))).toMatchObject({
    network: networkFile,
    mnemonic_next_index: 2,
    first_public_key: names[0],
  });
});

it('remote-signer-setup has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
