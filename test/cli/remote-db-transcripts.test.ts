import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import { createTestDatabase, runSql } from '../support/postgres/postgres.ts';
import { runCli, runOnTerminal, temporaryDirectory } from '../support/programs/cli.ts';
import { renderScreen } from '../support/programs/screen.ts';
import {
  fillWithRecordedVault,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedSecretKeys,
  writeKeystores,
} from '../support/recorded/recorded-vault.ts';
import { readRecordedRun, SPELLINGS, spell } from '../support/recorded/remote-db-command-lines.ts';
import { recordedPath } from '../support/recorded/vectors.ts';

const RECORDED_URL = 'postgresql://op:pw@127.0.0.1:55432/op';

let template: DatabaseTemplate;
beforeAll(async () => {
  using keystores = temporaryDirectory();
  writeKeystores(keystores.path, recordedSecretKeys(10));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, keystores.path));
});
afterAll(() => template[Symbol.asyncDispose]());

/** A recorded run against a copy of the recorded database, with paths below the directory. */
function recordedRun(name: string, url: string, directory: string) {
  return readRecordedRun(name, {
    [RECORDED_URL]: url,
    '<DATA>': join(directory, 'data'),
    '<W>': join(directory, 'w'),
  });
}

const modeOf = (...path: string[]) => (statSync(join(...path)).mode & 0o777).toString(8);

/** Files as they were recorded; those of a validator client had no line end at their end there. */
function expectSameFiles(directory: string, recorded: string): void {
  const names = readdirSync(recordedPath(recorded));
  expect(readdirSync(directory).sort()).toEqual(names.sort());
  for (const name of names) {
    const text = readFileSync(join(recordedPath(recorded), name), 'utf8');
    expect(readFileSync(join(directory, name), 'utf8'), name).toBe(text.endsWith('\n') ? text : `${text}\n`);
  }
}

describe.each(SPELLINGS)('the recorded command lines, written %s', spelling => {
  it.each([
    ['3-setup-web3signer'],
    ['4-setup-validator-builder-off'],
    ['5-setup-operator'],
    ['5b-setup-operator-default-dir'],
  ])('the recorded command line %s prints what the Python operator printed', async name => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const { args, output, exitCode } = recordedRun(name, database.url, directory.path);
    const run = await runCli(spell(args, spelling));
    expect(run.stdout).toBe(output);
    expect(run.exitCode).toBe(exitCode);
  });
});

describe('the recorded command lines', () => {
  it.each([
    ['1-setup', 'operator'],
    ['1-setup', 'v3-operator'],
  ])(
    'the recorded command line %s of %s prints a new key once, in the manual’s words',
    async (name, program) => {
      using directory = temporaryDirectory();
      await using database = await createTestDatabase({ migrated: false });
      const { args, output } = recordedRun(name, database.url, directory.path);
      const run = await runCli(args, { program });
      const key = /^Encryption key: ([A-Za-z0-9+/]{43}=)$/m.exec(run.stdout)?.[1] ?? '';
      expect(Buffer.from(key, 'base64')).toHaveLength(32);
      expect(run.stdout.replace(key, RECORDED_SETUP_KEY)).toBe(output);
      expect(run.stderr).not.toContain(key);
      expect(run.exitCode).toBe(0);
    },
  );

  it('recorded command lines write the recorded files, keys for their owner and the others for everybody', async () => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const file = (...path: string[]) => join(directory.path, ...path);
    for (const name of ['3-setup-web3signer', '4-setup-validator-builder-off', '5-setup-operator']) {
      const { args } = recordedRun(name, database.url, directory.path);
      expect((await runCli(args)).exitCode).toBe(0);
    }
    expect(readKeyDirectory(file('w/w3s')).publicKeys.size).toBe(50);
    for (const name of readdirSync(file('w/w3s'))) expect(modeOf(file('w/w3s'), name), name).toBe('600');
    expect(modeOf(file('w/w3s'))).toBe('700');
    expectSameFiles(file('w/val-nob'), '03-remote-db/4-validator-builder-off');
    expect(readFileSync(file('w/op/deposit_data.json'), 'utf8')).toBe(
      readFileSync(recordedPath('03-remote-db/5-operator/deposit_data.json'), 'utf8'),
    );
    for (const folder of ['w/val-nob', 'w/op']) {
      expect(modeOf(file(folder))).toBe('755');
      for (const name of readdirSync(file(folder))) expect(modeOf(file(folder), name), name).toBe('644');
    }
  });

  it.each([
    [
      '2b-setup-again',
      'Error: the remote database is not empty. Please clean up with "cleanup" command first.\n',
    ],
    ['3b-wrong-key', 'Error: Invalid encryption key.\n'],
    ['3c-short-key', 'Error: Invalid encryption key.\n'],
    ['8-upload-wrong-key', 'Error: Invalid encryption key.\n'],
  ])('the recorded command line %s fails with the recorded words and exit code 1', async (name, stderr) => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const { args } = recordedRun(name, database.url, directory.path);
    const data = temporaryVaultDirectory(directory.path);
    const run = await runCli(args);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain(stderr);
    expect(run.exitCode).toBe(1);
    expect(readdirSync(data)).toEqual(['deposit_data.json']);
  });

  it.each([
    ['9b-web3signer-empty', 'Error: No keypairs found in the remote db.\n'],
    ['9e-operator-empty', 'Error: No remote signer configuration found in the remote db.\n'],
  ])(
    'the recorded command line %s fails as recorded for a vault that is set up and has no keys',
    async (name, stderr) => {
      using directory = temporaryDirectory();
      await using database = await createTestDatabase({ migrated: false });
      const { args, output } = recordedRun(name, database.url, directory.path);
      const at = args.findIndex(word => word.startsWith('setup-'));
      const setup = await runCli([...args.slice(0, at), 'setup', '--encrypt-key', RECORDED_ENCRYPT_KEY]);
      expect(setup.exitCode).toBe(0);
      expect(setup.stdout).not.toContain(RECORDED_ENCRYPT_KEY);
      const run = await runCli(args);
      expect(run.stdout).toBe(output.replace(stderr, ''));
      expect(run.stderr).toContain(stderr);
      expect(run.exitCode).toBe(1);
    },
  );

  it('setup-validator refuses an index that is not less than the total, as recorded', async () => {
    using directory = temporaryDirectory();
    const { args, output, exitCode } = recordedRun(
      '4-setup-validator-total3-index3',
      'postgresql://127.0.0.1:1/op',
      directory.path,
    );
    const run = await runCli(args);
    expect(run.stderr).toBe(output.replaceAll('main.py', 'operator'));
    expect([run.stdout, run.exitCode]).toEqual(['', exitCode]);
  });

  it('setup-validator accepts more clients than keys, and says which client has none', async () => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const counts = [];
    for (const index of [0, 11]) {
      const name = `4-setup-validator-total12-index${index}`;
      const run = await runCli(recordedRun(name, database.url, directory.path).args);
      counts.push(
        /Generated configs with (\d+) keys for validator with index (\d+)\./.exec(run.stdout)?.slice(1),
      );
      expect(run.exitCode).toBe(0);
      expect(run.stderr.includes('This client has no keys')).toBe(index === 11);
    }
    expect(counts).toEqual([
      ['1', '0'],
      ['0', '11'],
    ]);
  });

  it('remote-db exits with 2 for a --db-url that is none, and with 1 for an unreachable database', async () => {
    using directory = temporaryDirectory();
    const bad = recordedRun('9c-bad-url', '', directory.path);
    const badRun = await runCli(bad.args);
    expect(badRun.stderr).toMatch(/^Usage: operator remote-db[\s\S]*\nError: Invalid value for '--db-url': /);
    expect(badRun.exitCode).toBe(bad.exitCode);
    const down = readRecordedRun('9d-no-conn', { '<DATA>': directory.path });
    const downRun = await runCli(down.args);
    expect(downRun.stderr).toContain(down.output.replace('Error: ', '').trimEnd());
    expect(downRun.stderr).not.toContain('op:pw');
    expect(downRun.exitCode).toBe(down.exitCode);
  });

  it('cleanup needs --yes without a terminal, and then counts and removes as recorded', async () => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const { args, output, exitCode } = recordedRun('9-cleanup', database.url, directory.path);
    const refused = await runCli(args);
    expect(refused.stderr).toContain("Error: Missing option '--yes'.\n");
    expect([refused.stdout, refused.exitCode]).toEqual(['', 2]);
    const run = await runCli([...args, '--yes']);
    expect(run.stderr).toContain('this removes 10 keypairs and 40 shares of 1 oracle set of');
    expect(run.stderr).toContain('only the mnemonic or a backup brings the keys back');
    expect([run.stdout, run.exitCode]).toEqual([output, exitCode]);
    // A vault without keys has none to mourn.
    await runCli(args.map(word => (word === 'cleanup' ? 'setup' : word)));
    const empty = await runCli([...args, '--yes']);
    expect(empty.stderr).toContain('has no keypairs; its encryption key is removed.');
    expect(empty.stderr).not.toContain('mnemonic');
    expect(empty.exitCode).toBe(0);
  });

  it('setup-web3signer and setup-validator print relative output directories as the manual prints them', async () => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    const group = [
      'remote-db',
      `--db-url=${database.url}`,
      `--vault=${RECORDED_VAULT}`,
      '--network=holesky',
      `--data-dir=${directory.path}`,
    ];
    const keys = await runCli(
      [...group, 'setup-web3signer', `--encrypt-key=${RECORDED_ENCRYPT_KEY}`, '--output-dir=./web3signer'],
      { cwd: directory.path },
    );
    expect(keys.stdout).toContain('Saving 50 private keys to web3signer...\n');
    const validator = await runCli(
      [
        ...group,
        'setup-validator',
        '--validator-index=0',
        '--total-validators=10',
        '--web3signer-endpoint=http://localhost:9000',
        '--output-dir=./validator0',
        '--fee-recipient=0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B',
      ],
      { cwd: directory.path },
    );
    expect(validator.stdout).toBe(
      'Generated configs with 1 keys for validator with index 0.\n' +
        'Validator definitions for Lighthouse saved to validator0/validator_definitions.yml file.\n' +
        'Signer keys for Teku\\Prysm saved to validator0/signer_keys.yml file.\n' +
        'Proposer config for Teku\\Prysm saved to validator0/proposer_config.json file.\n' +
        '\nSuccessfully created validator configuration files.\n',
    );
    expect(readdirSync(join(directory.path, 'validator0')).sort()).toEqual([
      'proposer_config.json',
      'signer_keys.yml',
      'validator_definitions.yml',
    ]);
  });
});

describe('a step that fails on a terminal', () => {
  it('setup-web3signer that fails takes its bar away: the error has a line of its own, the cursor shows', async () => {
    using directory = temporaryDirectory();
    await using database = await template.clone();
    await runSql(
      database.url,
      'update stakewise_operator.key_secrets set ciphertext = set_byte(ciphertext, 0, get_byte(ciphertext, 0) # 1)',
    );
    const { args } = recordedRun('3-setup-web3signer', database.url, directory.path);
    const { screen, exitCode } = await runOnTerminal(args, []);
    expect(exitCode).toBe(1);
    expect(screen).toContain('Decrypting keystores  [');
    expect(screen.lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.lastIndexOf('\u001b[?25l'));
    const lines = renderScreen(screen)
      .split('\n')
      .filter(line => !line.startsWith('Warning: '));
    expect(lines.slice(0, 3)).toEqual([
      'Fetching keypairs from the remote db...',
      'Decrypting 50 keystores...',
      expect.stringMatching(/^Error: .*0x[0-9a-f]{96}/),
    ]);
  });
});

describe('end of input at the first question', () => {
  const group = ['remote-db', '--vault', RECORDED_VAULT, '--db-url', 'postgresql://127.0.0.1:1/op'];
  it.each([
    [['remote-db', 'setup'], 'Enter your vault address: '],
    [[...group, 'upload-keypairs'], 'Enter the encryption key for the remote database: '],
    [[...group, 'setup-web3signer'], 'Enter the encryption key for the remote database: '],
    [[...group, 'verify'], 'Enter the encryption key for the remote database: '],
    [[...group, 'setup-validator'], 'Enter the validator index to generate the configuration files: '],
    [[...group, 'assign'], 'Enter the total number of validators connected to the web3signer: '],
  ])(
    'the command line %j ends with "Aborted!" when the input ends at its first question',
    async (args, question) => {
      const { screen, exitCode } = await runOnTerminal(args, [{ on: question, type: '\u0004' }]);
      expect(screen.replaceAll('\n', '')).toBe(`${question}Aborted!`);
      expect(exitCode).toBe(1);
    },
  );

  it('cleanup without a terminal names all missing options at once', async () => {
    const run = await runCli(['remote-db', 'cleanup']);
    expect(run.stderr).toContain("Error: Missing options '--vault', '--db-url', '--yes'.\n");
    expect([run.stdout, run.exitCode]).toEqual(['', 2]);
  });
});

const RECORDED_SETUP_KEY = 'uZJ7ZqtUt/HkHjsP404kOA0+i8qebofeaqBeeoFJPeo=';

/** The vault's directory with its deposit data, so that an upload comes as far as the encryption key. */
function temporaryVaultDirectory(directory: string): string {
  const path = join(directory, 'data', RECORDED_VAULT.toLowerCase());
  mkdirSync(path, { recursive: true });
  copyFileSync(recordedPath('03-remote-db/local_deposit_data.json'), join(path, 'deposit_data.json'));
  return path;
}
