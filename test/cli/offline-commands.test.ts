import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';

const VECTORS = join(PROJECT_ROOT, 'test/vectors/v3-operator/01-create-keys');
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const OTHER_MNEMONIC = `${'abandon '.repeat(23)}art`;
const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const ARGV_WARNING =
  "Warning: --mnemonic on the command line can be seen by other users and stays in the shell's history; --mnemonic-file or MNEMONIC_FILE keeps it private.\n";

/** What the Python operator printed, for our data directory. */
function recordedOutput(file: string, dataDir: string): string {
  const lines = readFileSync(join(VECTORS, file), 'utf8').split('\n').slice(1);
  const end = lines.findIndex(line => line.startsWith('[exit '));
  expect(lines[end]).toBe('[exit 0]');
  return lines
    .slice(0, end)
    .map(line => `${line}\n`)
    .join('')
    .replaceAll('<DATA>', dataDir);
}

function recordedFile(file: string): string {
  return readFileSync(join(VECTORS, file), 'utf8');
}

/** A data directory as the recorded `init` left it. */
function initialised(network: 'holesky' | 'goerli' = 'holesky') {
  const directory = temporaryDirectory();
  const vaultDir = join(directory.path, VAULT.toLowerCase());
  mkdirSync(vaultDir);
  cpSync(join(VECTORS, network, '0-after-init/config.json'), join(vaultDir, 'config.json'));
  return { dataDir: directory.path, vaultDir, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

function createKeys(dataDir: string, count: number, ...more: string[]) {
  return runCli([
    'create-keys',
    '--data-dir',
    dataDir,
    '--mnemonic',
    MNEMONIC,
    '--vault',
    VAULT,
    '--count',
    String(count),
    '--kdf',
    'pbkdf2',
    ...more,
  ]);
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const keystoresIn = (vaultDir: string) =>
  readdirSync(join(vaultDir, 'keystores')).filter(
    name => name.startsWith('keystore-') && name.endsWith('.json'),
  );
const treeOf = (path: string) =>
  execFileSync('sh', ['-c', 'find . -type f | sort | xargs sha256sum'], { cwd: path }).toString();

describe('create-keys', () => {
  it('create-keys prints and writes what the Python operator did, and appends later keys to the deposit data', async () => {
    using vault = initialised();
    const { dataDir, vaultDir } = vault;
    const first = await createKeys(dataDir, 5);
    expect(first.stdout).toBe(recordedOutput('holesky/create-keys-1.out', dataDir));
    expect(first.stderr).toBe(
      `${ARGV_WARNING}Next: upload the deposit data to your vault, then create-wallet.\n`,
    );
    expect(first.exitCode).toBe(0);
    expect(readFileSync(join(vaultDir, 'config.json'), 'utf8')).toBe(
      recordedFile('holesky/1-after-first/config.json'),
    );
    expect(readFileSync(join(vaultDir, 'deposit_data.json'), 'utf8')).toBe(
      recordedFile('holesky/1-after-first/deposit_data.json'),
    );
    const password = readFileSync(join(vaultDir, 'keystores/password.txt'), 'utf8');
    expect(password).toMatch(/^[!-~]{20}$/);
    expect(keystoresIn(vaultDir).map(name => name.replace(/-\d{10}\.json$/, ''))).toEqual(
      [0, 1, 2, 3, 4].map(i => `keystore-m_12381_3600_${i}_0_0`),
    );
    expect(modeOf(join(vaultDir, 'keystores/password.txt'))).toBe('600');
    for (const name of keystoresIn(vaultDir)) expect(modeOf(join(vaultDir, 'keystores', name))).toBe('600');
    expect(modeOf(join(vaultDir, 'deposit_data.json'))).toBe('644');
    expect(modeOf(join(vaultDir, 'config.json'))).toBe('644');
    expect(modeOf(join(vaultDir, 'keystores'))).toBe('755');

    const second = await createKeys(dataDir, 3);
    expect(second.stdout).toBe(recordedOutput('holesky/create-keys-2.out', dataDir));
    expect(second.stderr).toContain(
      `${join(vaultDir, 'deposit_data.json')} contains 5 earlier entries. A new root starts again at entry 0: what is registered already has to be left out.\n` +
        'Next: "operator deposit-data" writes',
    );
    expect(readFileSync(join(vaultDir, 'config.json'), 'utf8')).toBe(
      recordedFile('holesky/2-after-second/config.json'),
    );
    const [five, three] = ['1-after-first', '2-after-second'].map(stage =>
      recordedFile(`holesky/${stage}/deposit_data.json`).slice(1, -1),
    );
    expect(readFileSync(join(vaultDir, 'deposit_data.json'), 'utf8')).toBe(`[${five}, ${three}]`);
    expect(readFileSync(join(vaultDir, 'keystores/password.txt'), 'utf8')).toBe(password);
    expect(keystoresIn(vaultDir)).toHaveLength(8);
  });

  it('create-keys run again over the same indexes writes what is missing and touches nothing else', async () => {
    using vault = initialised('goerli');
    const { dataDir, vaultDir } = vault;
    const first = await createKeys(dataDir, 2);
    expect(first.stdout).toBe(recordedOutput('goerli/create-keys-1.out', dataDir));
    const [lost = '', kept = ''] = keystoresIn(vaultDir);
    const before = readFileSync(join(vaultDir, 'keystores', kept));
    const depositData = statSync(join(vaultDir, 'deposit_data.json'));
    execFileSync('rm', [join(vaultDir, 'keystores', lost)]);
    cpSync(join(VECTORS, 'goerli/0-after-init/config.json'), join(vaultDir, 'config.json'));

    const again = await createKeys(dataDir, 2);
    expect(again.exitCode).toBe(0);
    expect(again.stderr).toContain('1 of the keystores were there already and stay as they are.');
    expect(keystoresIn(vaultDir)).toHaveLength(2);
    expect(readFileSync(join(vaultDir, 'keystores', kept))).toEqual(before);
    expect(statSync(join(vaultDir, 'deposit_data.json')).mtimeMs).toBe(depositData.mtimeMs);
    expect(readFileSync(join(vaultDir, 'config.json'), 'utf8')).toBe(
      recordedFile('goerli/1-after-first/config.json'),
    );
  });

  it('create-keys finds deposit data among the keystores, takes it for no keystore, and continues it', async () => {
    using vault = initialised();
    const { dataDir, vaultDir } = vault;
    mkdirSync(join(vaultDir, 'keystores'));
    cpSync(
      join(VECTORS, 'holesky/1-after-first/deposit_data.json'),
      join(vaultDir, 'keystores/deposit_data.json'),
    );
    const run = await createKeys(dataDir, 6, '--json');
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      vault: VAULT,
      firstIndex: 0,
      addedKeystores: 6,
      addedDeposits: 1,
      earlierDeposits: 0,
    });
    expect(JSON.parse(readFileSync(join(vaultDir, 'deposit_data.json'), 'utf8'))).toHaveLength(6);
  });

  it('create-keys --per-keystore-password writes scrypt keystores and a password file for each', async () => {
    using vault = initialised();
    const { dataDir, vaultDir } = vault;
    const mnemonicFile = join(dataDir, 'mnemonic');
    writeFileSync(mnemonicFile, `${MNEMONIC}\n`, { mode: 0o600 });
    const args = ['create-keys', '--data-dir', dataDir, '--vault', VAULT.toLowerCase(), '--count', '1'];
    const run = await runCli([...args, '--per-keystore-password'], { env: { MNEMONIC_FILE: mnemonicFile } });
    expect(run.stderr).toBe('Next: upload the deposit data to your vault, then create-wallet.\n');
    expect(run.stdout).toContain(`Done. Generated 1 keys for ${VAULT} vault.\n`);
    const [name = ''] = keystoresIn(vaultDir);
    expect(JSON.parse(readFileSync(join(vaultDir, 'keystores', name), 'utf8')).crypto.kdf).toMatchObject({
      function: 'scrypt',
      params: { n: 262144, r: 8, p: 1 },
    });
    expect(readdirSync(join(vaultDir, 'keystores'))).toEqual([name, name.replace('.json', '.txt')]);
    expect(modeOf(join(vaultDir, 'keystores', name.replace('.json', '.txt')))).toBe('600');
  });

  it.each([
    {
      what: "another vault's mnemonic",
      args: ['--mnemonic', OTHER_MNEMONIC, '--count', '1'],
      exitCode: 1,
      message: /^Error: The mnemonic is not the one of vault 0x1234567890AbcdEF1234567890aBcdef12345678: /m,
    },
    {
      what: 'a mnemonic with a wrong checksum',
      args: ['--mnemonic', `${'abandon '.repeat(23)}abandon`, '--count', '1'],
      exitCode: 2,
      message:
        /^Error: Invalid value for '--mnemonic': That is not a valid mnemonic, please check for typos\.$/m,
    },
    {
      what: 'a count of none',
      args: ['--mnemonic', MNEMONIC, '--count', '0'],
      exitCode: 2,
      message: /^Error: Invalid value for '--count': 0 is not in the range x>=1\.$/m,
    },
    {
      what: 'a mnemonic without quotes, whose words are not repeated',
      args: ['--count', '1', '--mnemonic', ...MNEMONIC.split(' ')],
      exitCode: 2,
      message: /^Error: Got 23 unexpected extra arguments\.$/m,
    },
    {
      what: 'a NETWORK that is not the one of the vault',
      args: ['--mnemonic', MNEMONIC, '--count', '1'],
      env: { NETWORK: 'mainnet' },
      exitCode: 2,
      message: /^Error: NETWORK is mainnet, but the vault was initialised for holesky\.$/m,
    },
  ])('create-keys refuses $what and writes nothing', async ({ args, env, exitCode, message }) => {
    using vault = initialised();
    const before = treeOf(vault.dataDir);
    const run = await runCli(
      ['create-keys', '--data-dir', vault.dataDir, '--vault', VAULT, ...args],
      env ? { env } : {},
    );
    expect(run.stderr).toMatch(message);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toBe('');
    expect(treeOf(vault.dataDir)).toBe(before);
    expect(run.stderr.replace(ARGV_WARNING, '')).not.toContain('session silver');
  });

  it.each([
    ['a keystore that is not JSON', 'keystores/keystore-m_x.json', '{', /keystore-m_x\.json is not JSON\./],
    [
      'deposit data of another vault',
      'deposit_data.json',
      undefined,
      /deposit_data\.json has public key 0x8606.* of another vault than 0x1234/,
    ],
    [
      'keystores without their password',
      'keystores/keystore-m_12381_3600_9_0_0-1.json',
      null,
      /password\.txt is missing, and .*keystore-m_12381_3600_9_0_0-1\.json can only be opened with it\./,
    ],
  ])('create-keys stops at %s, with nothing written', async (_what, file, content, message) => {
    using vault = initialised();
    mkdirSync(join(vault.vaultDir, 'keystores'));
    const recorded = readdirSync(join(VECTORS, 'goerli/1-after-first/keystores'))[1] ?? '';
    const text =
      content === null
        ? recordedFile(`goerli/1-after-first/keystores/${recorded}`)
        : (content ??
          recordedFile('holesky/1-after-first/deposit_data.json').replaceAll(
            '1234567890abcdef',
            'f'.repeat(16),
          ));
    writeFileSync(join(vault.vaultDir, file), text);
    const before = treeOf(vault.dataDir);
    const run = await createKeys(vault.dataDir, 1);
    expect(run.stderr).toMatch(message);
    expect(run.exitCode).toBe(1);
    expect(treeOf(vault.dataDir)).toBe(before);
  });

  it('create-keys says to run init when the vault has no config.json', async () => {
    using directory = temporaryDirectory();
    const run = await createKeys(directory.path, 1);
    expect(run.stderr).toBe(
      `${ARGV_WARNING}Error: Config for vault ${VAULT} does not exist. Please run "init" command.\n`,
    );
    expect(run.exitCode).toBe(1);
  });
});

describe('create-wallet', () => {
  it('create-wallet prints the recorded line, and never replaces a wallet', async () => {
    using vault = initialised();
    const args = ['create-wallet', '--data-dir', vault.dataDir, '--mnemonic', MNEMONIC, '--vault', VAULT];
    const run = await runCli(args);
    expect(run.stdout).toBe(recordedOutput('holesky/create-wallet.out', vault.dataDir));
    expect(run.exitCode).toBe(0);
    const before = treeOf(vault.dataDir);
    for (const file of ['wallet.json', 'password.txt'])
      expect(modeOf(join(vault.vaultDir, 'wallet', file))).toBe('600');

    const again = await runCli(args);
    expect(again.stderr).toContain('wallet.json exists already and is not overwritten.');
    expect(again.exitCode).toBe(1);
    expect(treeOf(vault.dataDir)).toBe(before);
  });

  it('create-wallet --json gives the address, and no password', async () => {
    using vault = initialised();
    const args = ['create-wallet', '--data-dir', vault.dataDir, '--mnemonic', MNEMONIC, '--vault', VAULT];
    const run = await runCli([...args, '--json']);
    const walletDir = join(vault.vaultDir, 'wallet');
    const { address } = JSON.parse(readFileSync(join(walletDir, 'wallet.json'), 'utf8'));
    expect(JSON.parse(run.stdout)).toEqual({
      vault: VAULT,
      address: expect.stringMatching(new RegExp(`^0x${address}$`, 'i')),
      walletDir,
    });
  });
});

describe('get-validators-root', () => {
  it('get-validators-root prints the recorded roots', async () => {
    using vault = initialised();
    cpSync(
      join(VECTORS, 'holesky/2-after-second/deposit_data.json'),
      join(vault.vaultDir, 'deposit_data.json'),
    );
    const args = ['get-validators-root', '--data-dir', vault.dataDir, '--vault', VAULT];
    expect((await runCli(args)).stdout).toBe(
      recordedOutput('holesky/get-validators-root.out', vault.dataDir),
    );
    const file = join(VECTORS, 'holesky/1-after-first/deposit_data.json');
    expect((await runCli([...args, '--deposit-data-file', file])).stdout).toBe(
      recordedOutput('holesky/get-validators-root-first5.out', vault.dataDir),
    );
    const json = await runCli([...args, '--json']);
    expect(JSON.parse(json.stdout)).toEqual({
      vault: VAULT,
      root: '0xe6de943c8981a59ae13f5bf30003328529b05dff8c6e387e7f73671ec15b101b',
      depositDataFile: join(vault.vaultDir, 'deposit_data.json'),
      validators: 3,
    });
  });
});

/** Recorded deposit data whose validators would be compounding ones. */
function writeCompounding(path: string): void {
  const text = recordedFile('holesky/1-after-first/deposit_data.json');
  writeFileSync(path, text.replaceAll('"withdrawal_credentials": "01', '"withdrawal_credentials": "02'));
}

describe('deposit data that is of no use', () => {
  it('get-validators-root and merge-deposit-data name compounding deposit data, and write nothing', async () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, 'compounding.json');
    writeCompounding(file);
    const place = ['--data-dir', directory.path, '--vault', VAULT];
    const root = await runCli(['get-validators-root', ...place, '--deposit-data-file', file]);
    const out = join(directory.path, 'merged.json');
    const merge = await runCli(['merge-deposit-data', '-d', file, '-d', file, '-m', out]);
    for (const run of [root, merge]) {
      expect(run.stderr).toContain('it is for a compounding validator (0x02)');
      expect(run.stdout).toBe('');
      expect(run.exitCode).toBe(1);
    }
    expect(existsSync(out)).toBe(false);
  });

  it('get-validators-root refuses deposit data of another vault', async () => {
    const file = join(VECTORS, 'holesky/1-after-first/deposit_data.json');
    const other = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
    const place = ['--data-dir', VECTORS, '--vault', other];
    const run = await runCli(['get-validators-root', ...place, '--deposit-data-file', file]);
    expect(run.stderr).toContain(`not those of vault ${other}.`);
    expect(run.exitCode).toBe(1);
  });
});

describe('merge-deposit-data', () => {
  it('merge-deposit-data merges as recorded, byte for byte', async () => {
    using directory = temporaryDirectory();
    const out = join(directory.path, 'merged.json');
    const files = ['holesky/1-after-first', 'holesky-pkp/1'].map(dir =>
      join(VECTORS, dir, 'deposit_data.json'),
    );
    // The recorded files are of the same keys, which a vault could not register twice: a warning.
    const twice = await runCli(['merge-deposit-data', ...files.flatMap(f => ['-d', f]), '-m', out]);
    expect(twice.stdout).toBe(`The merged deposit data file saved to ${out}\n`);
    expect(twice.stderr).toMatch(/^Warning: 2 public keys stand in the merged file twice/);
    expect(twice.exitCode).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(recordedFile('holesky/merged.json'));

    const second = join(VECTORS, 'holesky/2-after-second/deposit_data.json');
    const relative = await runCli(
      ['merge-deposit-data', '-d', files[0] ?? '', '-d', second, '-m', './merged.json'],
      {
        cwd: directory.path,
      },
    );
    expect(relative.stdout).toBe('The merged deposit data file saved to merged.json\n');
    expect(relative.exitCode).toBe(0);
    const merged = JSON.parse(readFileSync(out, 'utf8'));
    const [five, three] = [files[0] ?? '', second].map(file => JSON.parse(readFileSync(file, 'utf8')));
    expect(merged).toEqual([five[0], three[0], five[1], three[1], five[2], three[2], five[3], five[4]]);
    expect(modeOf(out)).toBe('644');
  });

  it('merge-deposit-data --json gives the file and how many entries it has', async () => {
    using directory = temporaryDirectory();
    const outputFile = join(directory.path, 'merged.json');
    const files = ['holesky/1-after-first', 'holesky/2-after-second'].map(dir =>
      join(VECTORS, dir, 'deposit_data.json'),
    );
    const run = await runCli(
      ['merge-deposit-data', ...files.flatMap(file => ['-d', file]), '-m', outputFile].concat('--json'),
    );
    expect(JSON.parse(run.stdout)).toEqual({ outputFile, validators: 8 });
  });

  it('merge-deposit-data refuses fewer than two files', async () => {
    const file = join(VECTORS, 'holesky/1-after-first/deposit_data.json');
    const run = await runCli(['merge-deposit-data', '-d', file, '-m', '/nowhere/x.json']);
    expect(run.stderr).toBe('Error: You must provide at least 2 deposit data files\n');
    expect(run.exitCode).toBe(2);
    const none = await runCli(['merge-deposit-data']);
    expect(none.stderr).toContain("Error: Missing options '--deposit-data-files', '--output-file'.\n");
  });
});

describe('init', () => {
  it('init without a terminal needs --no-verify, and names every missing option at once', async () => {
    using directory = temporaryDirectory();
    const run = await runCli(['init', '--data-dir', directory.path]);
    expect(run.stderr).toContain("Error: Missing options '--network', '--vault', '--no-verify'.\n");
    expect(run.stderr).toMatch(
      /^Usage: operator init \[OPTIONS\]\nTry 'operator init --help' for help\.\n\nError: /,
    );
    expect(run.exitCode).toBe(2);
  });

  it('init prints 24 words, and writes config.json as recorded and never a second time', async () => {
    using directory = temporaryDirectory();
    const dataDir = join(directory.path, 'data');
    const args = [
      'init',
      '--data-dir',
      dataDir,
      '--language',
      'English',
      '--vault',
      VAULT,
      '--network',
      'holesky',
    ];
    const run = await runCli([...args, '--no-verify']);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^([a-z]+ ){23}[a-z]+\n$/);
    const config = join(dataDir, VAULT.toLowerCase(), 'config.json');
    expect(readFileSync(config, 'utf8').replace(/0x[0-9a-f]{96}/, '<key>')).toBe(
      recordedFile('holesky/0-after-init/config.json').replace(/0x[0-9a-f]{96}/, '<key>'),
    );
    expect(modeOf(config)).toBe('644');
    expect(modeOf(dirname(config))).toBe('755');

    const mnemonicFile = join(directory.path, 'mnemonic');
    writeFileSync(mnemonicFile, run.stdout, { mode: 0o640 });
    const keyArgs = ['--count', '1', '--kdf', 'pbkdf2', '--mnemonic-file', mnemonicFile];
    const keys = await runCli(['create-keys', '--data-dir', dataDir, '--vault', VAULT, ...keyArgs]);
    expect(keys.stderr).toContain(`Warning: ${mnemonicFile} can be read by other users (mode 0640)`);
    expect(keys.exitCode).toBe(0);

    const before = treeOf(dataDir);
    const again = await runCli([...args, '--no-verify']);
    expect(again.stdout).toBe('');
    expect(again.stderr).toContain(`Error: The vault is initialised already: ${config} exists.\n`);
    expect(again.exitCode).toBe(1);
    expect(treeOf(dataDir)).toBe(before);
  });

  it('init stores the absolute path of a network file, and prints no secret as JSON', async () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'devnet.json'), JSON.stringify(DEVNET));
    const args = [
      'init',
      '--data-dir',
      '.',
      '--vault',
      VAULT,
      '--network',
      './devnet.json',
      '--no-verify',
      '--json',
    ];
    const run = await runCli(args, { cwd: directory.path });
    const network = join(directory.path, 'devnet.json');
    expect(JSON.parse(run.stdout)).toEqual({
      vault: VAULT,
      network,
      firstPublicKey: expect.stringMatching(/^0x/),
    });
    expect(run.stderr).toMatch(/^([a-z]+ ){23}[a-z]+\n/);
    const config = JSON.parse(readFileSync(join(directory.path, VAULT.toLowerCase(), 'config.json'), 'utf8'));
    expect(config.network).toBe(network);
  });
});

describe('the launchers', () => {
  it('operator and v3-operator call themselves by the name that they were called by, also through a link', async () => {
    using directory = temporaryDirectory();
    for (const program of ['operator', 'v3-operator']) {
      const run = await runCli(['nosuch'], { program });
      expect(run.stderr).toBe(
        `Usage: ${program} [OPTIONS] COMMAND [ARGS]...\nTry '${program} --help' for help.\n\nError: No such command 'nosuch'.\n`,
      );
      expect(run.exitCode).toBe(2);
    }
    const link = join(directory.path, 'v3-operator');
    symlinkSync(join(PROJECT_ROOT, 'v3-operator'), link);
    expect(execFileSync(link, ['--version']).toString()).toMatch(/^v3-operator, version \d+\.\d+\.\d+\n$/);
  });
});

const DEVNET = {
  name: 'devnet',
  chainId: 31337,
  currency: 'ETH',
  secondsPerSlot: 1,
  slotsPerEpoch: 32,
  genesisTimestamp: 1700000000,
  genesisForkVersion: '0x10000038',
  genesisValidatorsRoot: `0x${'11'.repeat(32)}`,
  capellaForkVersion: '0x40000038',
  capellaForkEpoch: 0,
  contracts: {
    keeper: VAULT,
    keeperGenesisBlock: 0,
    depositContract: VAULT,
    depositContractGenesisBlock: 0,
    vaultsRegistry: VAULT,
    sharedMevEscrow: VAULT,
    multicall: VAULT,
  },
};

it('init, create-keys, create-wallet, get-validators-root and merge-deposit-data have shown results with --json as their schemas say', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
