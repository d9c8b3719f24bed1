import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDepositData } from '../../src/domain/consensus/deposit-data.ts';
import { createDepositData } from '../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { readRemoteSignerFile } from '../support/checkers/operator-files.ts';
import { readSignerKeys } from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import {
  type DialogueStep,
  runCli,
  runOnTerminal,
  temporaryDirectory,
  withoutEscapes,
} from '../support/programs/cli.ts';
import { renderScreen } from '../support/programs/screen.ts';
import { recordedSecretKeys, writeKeystores } from '../support/recorded/recorded-vault.ts';

const FEE_RECIPIENT = '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B';

/** A working directory in which `operator init` and `create-keys` were run for the devnet's vault. */
interface Place extends Disposable {
  readonly path: string;
  readonly network: string;
  readonly vault: string;
  readonly vaultDir: string;
}

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet({ name: 'manual', oracles: 4, threshold: 3 });
});
afterAll(() => devnet.stop());

async function createPlace(): Promise<Place> {
  const directory = temporaryDirectory();
  const { vault } = devnet.addresses;
  const network = join(directory.path, 'network.json');
  const vaultDir = join(directory.path, '.stakewise', vault.toLowerCase());
  await devnet.writeNetworkFile(network);
  mkdirSync(vaultDir, { recursive: true });
  const secretKeys = recordedSecretKeys(3);
  writeKeystores(join(vaultDir, 'keystores'), secretKeys);
  const options = { vault: fromHex(vault, 20), network: resolveNetwork(network) };
  const deposits = secretKeys.map(secretKey => createDepositData({ secretKey, ...options }));
  writeFileSync(join(vaultDir, 'deposit_data.json'), formatDepositData(deposits));
  const config = { network, mnemonic_next_index: 3, first_public_key: deposits[0]?.json.pubkey };
  writeFileSync(join(vaultDir, 'config.json'), JSON.stringify(config));
  await devnet.setDepositDataRoot(buildDepositTree(deposits, options.vault).root);
  return {
    path: directory.path,
    network,
    vault,
    vaultDir,
    [Symbol.dispose]: directory[Symbol.dispose],
  };
}

/** The command lines of the manual's chapter "Remote Postgres database", and what it prints for three keys. */
function manual(place: Place, databaseUrl: string, encryptKey: string) {
  const { vault, network, vaultDir } = place;
  const group = ['remote-db', `--db-url=${databaseUrl}`, `--vault=${vault}`];
  return {
    setup: {
      args: [...group, 'setup'],
      stdout:
        `Successfully configured remote database.\nEncryption key: ${encryptKey}\n` +
        'NB! You must store your encryption in a secure cold storage!\n',
    },
    uploadKeypairs: {
      args: [
        ...group,
        'upload-keypairs',
        `--encrypt-key=${encryptKey}`,
        `--execution-endpoints=${devnet.rpcUrl}`,
      ],
      stdout:
        `Loading keystores from ${vaultDir}/keystores...\nFetching oracles config...\n` +
        'Calculating and encrypting shares for 3 keystores...\nUploading updates to the remote db...\n' +
        `Successfully uploaded keypairs and shares for the ${vault} vault.\n`,
    },
    setupWeb3Signer: {
      args: [
        ...group,
        `--network=${network}`,
        'setup-web3signer',
        `--encrypt-key=${encryptKey}`,
        '--output-dir=./web3signer',
      ],
      stdout:
        'Fetching keypairs from the remote db...\nDecrypting 15 keystores...\nSaving 15 private keys to web3signer...\n' +
        'Successfully retrieved web3signer private keys from the database.\n',
    },
    setupValidator: {
      args: [
        ...group,
        `--network=${network}`,
        'setup-validator',
        '--validator-index=0',
        '--total-validators=3',
        '--web3signer-endpoint=http://localhost:9000',
        `--fee-recipient=${FEE_RECIPIENT}`,
        '--output-dir=./validator0',
      ],
      stdout:
        'Generated configs with 1 keys for validator with index 0.\n' +
        'Validator definitions for Lighthouse saved to validator0/validator_definitions.yml file.\n' +
        'Signer keys for Teku\\Prysm saved to validator0/signer_keys.yml file.\n' +
        'Proposer config for Teku\\Prysm saved to validator0/proposer_config.json file.\n\n' +
        'Successfully created validator configuration files.\n',
    },
    setupOperator: {
      args: [...group, `--network=${network}`, 'setup-operator'],
      stdout:
        `Operator remote signer configuration saved to ${vaultDir}/remote_signer_config.json file.\n` +
        `Operator deposit data saved to ${vaultDir}/deposit_data.json file.\n` +
        'Successfully created operator configuration file.\n',
    },
  };
}

const PLANNED_KEY = 'D/6CbpJen3J0ue0tWcd+d4KKHpT4kaSz3IzG5jz5LFI=';
const ARGV_WARNING =
  /^Warning: --(db-url|encrypt-key) on the command line can be seen by other users and stays in the shell's history; .*\n/gm;

/** One command, on a terminal or without one: what came to stdout, and beside it. */
async function run(place: Place, args: readonly string[], onTerminal: boolean) {
  const options = { program: 'v3-operator', cwd: place.path, env: { HOME: place.path } };
  if (!onTerminal) {
    const { stdout, stderr, exitCode } = await runCli(args, options);
    return { shown: stdout, raw: stdout, beside: stderr, exitCode };
  }
  const { screen, exitCode } = await runOnTerminal(args, [], options);
  const lines = renderScreen(screen).split(/(?<=\n)/);
  const isBeside = (line: string) => /^(?:Warning|Next|Error): /.test(line);
  const shown = lines.filter(line => !isBeside(line)).join('');
  const beside = lines.filter(isBeside).join('');
  return { shown, raw: screen, beside, exitCode };
}

describe.each([
  ['on a terminal', true],
  ['without a terminal', false],
])('the manual’s remote-db chapter %s', (_name, onTerminal) => {
  let database: TestDatabase;
  let place: Place;
  let encryptKey = PLANNED_KEY;
  const step = (name: keyof ReturnType<typeof manual>) => manual(place, database.url, encryptKey)[name];

  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
    place = await createPlace();
  });
  afterAll(async () => {
    place[Symbol.dispose]();
    await database[Symbol.asyncDispose]();
  });

  it('setup, the manual’s step 1, prints what the manual has, and the key once', async () => {
    const { shown, beside, exitCode } = await run(place, step('setup').args, onTerminal);
    encryptKey = /^Encryption key: (\S{44})$/m.exec(shown)?.[1] ?? '';
    expect(shown).toBe(step('setup').stdout);
    expect(beside.replace(ARGV_WARNING, '').replace(/0x[0-9a-f]{64}/, 'PUBLIC KEY')).toBe(
      'Next: remote-db upload-keypairs.\n' +
        'Next: to have only signed facts believed, give setup-validator, setup-operator and start --vault-public-key PUBLIC KEY\n',
    );
    expect(exitCode).toBe(0);
  });

  it('upload-keypairs, the manual’s step 2, prints what the manual has', async () => {
    const { args, stdout } = step('uploadKeypairs');
    const { shown, raw, beside, exitCode } = await run(place, args, onTerminal);
    expect(shown).toBe(stdout);
    expect(raw.includes('Encrypting keypairs')).toBe(onTerminal);
    expect(beside.match(ARGV_WARNING)).toHaveLength(2);
    expect(beside).not.toContain(encryptKey);
    expect(exitCode).toBe(0);
  });

  it('setup-web3signer, of the manual’s step 3, prints what the manual has and writes every key', async () => {
    const { args, stdout } = step('setupWeb3Signer');
    const { shown, raw, exitCode } = await run(place, args, onTerminal);
    expect(shown).toBe(stdout);
    expect(raw.includes('Decrypting keystores')).toBe(onTerminal);
    expect(exitCode).toBe(0);
    expect(readKeyDirectory(join(place.path, 'web3signer')).publicKeys.size).toBe(15);
  });

  it('setup-validator, of the manual’s step 3, prints what the manual has and writes its client’s keys', async () => {
    const { args, stdout } = step('setupValidator');
    const { shown, exitCode } = await run(place, args, onTerminal);
    expect(shown).toBe(stdout);
    expect(exitCode).toBe(0);
    const text = readFileSync(join(place.path, 'validator0/signer_keys.yml'), 'utf8');
    expect(readSignerKeys(text)).toHaveLength(1);
  });

  it('setup-operator, the manual’s step 4, prints what the manual has and writes into the vault’s directory', async () => {
    const { args, stdout } = step('setupOperator');
    rmSync(join(place.vaultDir, 'deposit_data.json'));
    const { shown, exitCode } = await run(place, args, onTerminal);
    expect(shown).toBe(stdout);
    expect(exitCode).toBe(0);
    expect(readdirSync(place.vaultDir).sort()).toEqual([
      'config.json',
      'deposit_data.json',
      'keystores',
      'remote_signer_config.json',
    ]);
    const config = readFileSync(join(place.vaultDir, 'remote_signer_config.json'), 'utf8');
    expect(readRemoteSignerFile(config).shares.size).toBe(3);
  });

  it('verify, which the manual does not have, finds everything as it was uploaded', async () => {
    const { args } = step('setup');
    const verify = [...args.slice(0, -1), 'verify', `--encrypt-key=${encryptKey}`];
    const { shown, raw, exitCode } = await run(place, verify, onTerminal);
    expect(shown).toBe(
      `Opened 3 keypairs and 12 shares of the ${place.vault} vault.\nEverything is as it was uploaded.\n`,
    );
    expect(raw.includes('Verifying rows')).toBe(onTerminal);
    expect(exitCode).toBe(0);
  });
});

describe('questions on a terminal, answered to the end', () => {
  let database: TestDatabase;
  let place: Place;
  let vault: ReturnType<typeof ask>;
  let url: ReturnType<typeof ask>;
  /** The encryption key that setup prints; every later command asks for it. */
  let key: ReturnType<typeof ask>;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
    place = await createPlace();
    vault = ask('Enter your vault address: ', place.vault);
    url = ask(
      'Enter the Postgres DB connection URL (e.g. postgresql://username:pass@hostname/dbname): ',
      database.url,
    );
  });
  afterAll(async () => {
    place[Symbol.dispose]();
    await database[Symbol.asyncDispose]();
  });

  /** Lines as they stand on the screen: the question, then what was typed unless it is hidden. */
  const ask = (question: string, answer: string, hidden = false) => ({
    step: { on: question, type: `${answer}\r` } satisfies DialogueStep,
    line: `${question}${hidden ? '' : answer}\n`,
  });

  async function converse(args: readonly string[], answers: readonly ReturnType<typeof ask>[]) {
    const { screen, exitCode } = await runOnTerminal(
      args,
      answers.map(({ step }) => step),
      { program: 'v3-operator', cwd: place.path, env: { HOME: place.path } },
    );
    const shown = renderScreen(screen);
    const asked = answers.map(({ line }) => line).join('');
    expect(shown.slice(0, asked.length)).toBe(asked);
    expect(exitCode).toBe(0);
    return shown.slice(asked.length);
  }

  it('setup and upload-keypairs ask for what they need; the key that is typed is not shown', async () => {
    const setup = await converse(['remote-db', 'setup'], [vault, url]);
    const encryptKey = /^Encryption key: (\S{44})$/m.exec(setup)?.[1] ?? '';
    key = ask('Enter the encryption key for the remote database: ', encryptKey, true);
    const upload = await converse(
      ['remote-db', 'upload-keypairs'],
      [
        vault,
        url,
        key,
        ask('Enter comma separated list of API endpoints for execution nodes: ', devnet.rpcUrl),
      ],
    );
    // Beside what the manual prints: what the only node decides.
    const oneNode = /^Warning: Only one execution endpoint is given: .*\n/m;
    expect(upload).toMatch(oneNode);
    expect(upload.replace(oneNode, '')).toContain(
      manual(place, database.url, encryptKey).uploadKeypairs.stdout,
    );
    expect(upload).not.toContain(encryptKey);
  });

  it('setup-web3signer and setup-validator ask for what they need, and offer the working directory for their files', async () => {
    const cwd = place.path;
    const keys = await converse(
      ['remote-db', 'setup-web3signer'],
      [vault, url, key, ask(`Enter the folder where web3signer keystores will be saved [${cwd}]: `, 'keys')],
    );
    expect(keys).toContain('Saving 15 private keys to keys...\n');

    const validator = await converse(
      ['remote-db', 'setup-validator'],
      [
        vault,
        url,
        ask('Enter the validator index to generate the configuration files: ', '1'),
        ask('Enter the total number of validators connected to the web3signer: ', '3'),
        ask('Enter the endpoint of the web3signer service: ', 'http://localhost:9000'),
        ask('Enter the recipient address for MEV & priority fees: ', FEE_RECIPIENT),
        ask(`Enter the folder where configuration files will be saved [${cwd}]: `, ''),
      ],
    );
    expect(validator).toContain(`saved to ${cwd}/signer_keys.yml file.\n`);
  });

  it('cleanup asks before it removes anything, and takes no answer for a no', async () => {
    const cleanup = ['remote-db', 'cleanup'];
    const refused = await runOnTerminal(
      cleanup,
      [vault.step, url.step, { on: 'Do you want to continue? [y/N]: ', type: '\r' }],
      { cwd: place.path, env: { HOME: place.path } },
    );
    expect(refused.screen).toContain('this removes 3 keypairs and 12 shares of 1 oracle set of');
    expect(refused.screen).toContain('Aborted!\n');
    expect(refused.exitCode).toBe(1);
    const removed = await runOnTerminal(
      cleanup,
      [vault.step, url.step, { on: 'Do you want to continue? [y/N]: ', type: 'y\r' }],
      { cwd: place.path, env: { HOME: place.path } },
    );
    expect(withoutEscapes(removed.screen)).toContain(
      `Do you want to continue? [y/N]: y\nSuccessfully removed all the entries for the ${place.vault} vault.\n`,
    );
    expect(removed.exitCode).toBe(0);
  });
});

describe('remote-db setup with a key file', () => {
  const setupOf = (url: string, directory: string, ...more: string[]) => [
    'remote-db',
    '--db-url',
    url,
    '--vault',
    devnet.addresses.vault,
    '--network',
    join(directory, 'network.json'),
    'setup',
    ...more,
  ];

  it('setup --if-needed creates its key file for the owner alone, then finds the vault set up', async () => {
    await using database = await createTestDatabase({ migrated: false });
    using directory = temporaryDirectory();
    await devnet.writeNetworkFile(join(directory.path, 'network.json'));
    const keyFile = join(directory.path, 'key');
    const setup = (...more: string[]) => runCli(setupOf(database.url, directory.path, ...more));

    const first = await setup('--if-needed', '--encrypt-key-file', keyFile);
    const key = readFileSync(keyFile, 'utf8').trim();
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(first.stdout).toBe(
      `Successfully configured remote database.\nEncryption key saved to ${keyFile} file.\n` +
        'NB! You must store your encryption in a secure cold storage!\n',
    );
    expect(first.stderr).not.toContain(key);

    const already = 'The remote database is configured already.\n';
    const env = { REMOTE_DB_ENCRYPT_KEY: key };
    const runs = await Promise.all([
      setup('--if-needed'),
      setup('--if-needed', '--encrypt-key-file', keyFile),
      setup('--if-needed', `--encrypt-key=${key}`),
      runCli(setupOf(database.url, directory.path, '--if-needed'), { env }),
    ]);
    for (const run of runs) expect([run.stdout, run.exitCode]).toEqual([already, 0]);
    expect(runs[2]?.stderr).toContain(
      'Warning: --encrypt-key on the command line can be seen by other users',
    );
    expect(runs[3]?.stderr).not.toContain('--encrypt-key');

    const wrong = await setup('--if-needed', '--encrypt-key', PLANNED_KEY);
    expect(wrong.stderr).toContain('Error: Invalid encryption key.\n');
    expect([wrong.stdout, wrong.exitCode]).toEqual(['', 1]);
    const both = await setup('--encrypt-key', key, '--encrypt-key-file', keyFile);
    expect(both.stderr).toContain('use one of them.\n');
    expect(both.exitCode).toBe(2);
    const lost = await setup('--if-needed', '--encrypt-key-file', join(directory.path, 'other'));
    expect(lost.stderr).toContain(`${join(directory.path, 'other')} with its encryption key does not exist`);
    expect(lost.exitCode).toBe(1);
  });

  it('setup of a vault that has a key keeps it, and makes another one only when told so', async () => {
    await using database = await createTestDatabase({ migrated: false });
    using directory = temporaryDirectory();
    await devnet.writeNetworkFile(join(directory.path, 'network.json'));
    const setup = (...more: string[]) => runCli(setupOf(database.url, directory.path, ...more));
    const keyOf = (stdout: string) => /^Encryption key: (\S{44})$/m.exec(stdout)?.[1] ?? '';
    const first = keyOf((await setup()).stdout);
    const keyFile = join(directory.path, 'key');
    for (const more of [[], ['--encrypt-key-file', keyFile], ['--encrypt-key', first]]) {
      const again = await setup(...more);
      expect(again).toMatchObject({ exitCode: 3, stdout: '' });
      expect(again.stderr).toMatch(
        /has an encryption key already, which it keeps\.\n.*--if-needed .*--replace-key /,
      );
    }
    expect(existsSync(keyFile)).toBe(false);
    expect((await setup('--if-needed', '--encrypt-key', first)).exitCode).toBe(0);
    expect(await setup('--if-needed', '--replace-key')).toMatchObject({ exitCode: 2, stdout: '' });
    const second = keyOf((await setup('--replace-key')).stdout);
    expect(second).not.toBe(first);
    expect((await setup('--if-needed', '--encrypt-key', first)).stderr).toContain('Invalid encryption key.');
    expect((await setup('--if-needed', '--encrypt-key', second)).exitCode).toBe(0);
  });
});
