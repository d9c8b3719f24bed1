import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listIgnored } from '../../src/cli/flags/foreign-settings.ts';
import { PROJECT_ROOT, runCli, runOnTerminal, temporaryDirectory } from '../support/programs/cli.ts';
import { listOptionVariables } from '../support/programs/option-variables.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MNEMONIC = `${'abandon '.repeat(23)}art`;
const NODE = 'http://127.0.0.1:1';
const START = ['start', '--vault', VAULT, '--execution-endpoints', NODE, '--consensus-endpoints', NODE];
const HALF_CERTIFICATE = 'A client certificate and its key belong together (--signer-cert and --signer-key).';
const commands = globSync('**/*.ts', { cwd: join(PROJECT_ROOT, 'src/commands') })
  .map(file => file.replace(/\.ts$/, '').split('/'))
  .sort();

describe('help', () => {
  it.each(commands.map(words => [words.join(' '), words] as const))(
    '%s --help shows usage and examples within 80 columns',
    async (name, words) => {
      const { stdout, exitCode } = await runCli([...words, '--help']);
      expect(stdout).toContain(`\n  $ operator ${name} `);
      expect(stdout).toContain('\nEXAMPLES\n');
      // Command lines are for copying, and oclif leaves them and the summary on one line.
      const wrapped = stdout.split('\n').filter(line => line.startsWith('  ') && !line.startsWith('  $'));
      expect(wrapped.filter(line => line.length > 80)).toEqual([]);
      expect(exitCode).toBe(0);
    },
  );

  it('operator without a command shows its help', async () => {
    const [bare, asked] = [await runCli([]), await runCli(['--help'])];
    expect(bare.stdout).toBe(asked.stdout);
    expect(bare.stdout).toContain('  create-keys ');
    expect(bare.exitCode).toBe(0);
  });
});

describe('a wrong command line', () => {
  it.each([
    [['create-keys', '--bad=secret'], 'No such option: --bad'],
    [['create-keys', '--count'], "Option '--count' requires an argument."],
    [['create-keys', '--count', '1', '--count', '2'], "Option '--count' can only be given once."],
    [['create-keys', 'surplus'], 'Got unexpected extra argument (surplus)'],
    [['create-keys', '--kdf', 'md5'], "Invalid value for '--kdf': 'md5' is not one of 'scrypt', 'pbkdf2'."],
    [
      ['create-keys', '--data-dir', '/nowhere'],
      "Invalid value for '--data-dir': Directory '/nowhere' does not exist.",
    ],
    [['create-keys', '--vault', VAULT.slice(2)], "Invalid value for '--vault': Invalid Ethereum address"],
  ])('the command line %s ends with usage, error and exit code 2', async (args, message) => {
    const { stdout, stderr, exitCode } = await runCli(args);
    expect(stderr).toBe(
      `Usage: operator create-keys [OPTIONS]\nTry 'operator create-keys --help' for help.\n\nError: ${message}\n`,
    );
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });

  it.each([
    [
      ['remote-db', '--vault', VAULT, '--db-url', 'postgresql://127.0.0.1:1/op', 'assign'],
      ['--total-validators', '2', '--trust-stored'],
      '--trust-stored is of use with --encrypt-key-file only.',
    ],
    [
      ['signer', '--network', 'hoodi'],
      ['--listen', '127.0.0.1:9000', '--socket', './signer.sock'],
      'Give --listen or --socket, not both.',
    ],
    [
      ['signer', '--network', 'hoodi'],
      ['--tls-cert', 'package.json'],
      'TLS needs --tls-cert and --tls-key; --tls-client-ca goes with both.',
    ],
    [
      START,
      ['--hot-wallet-file', 'package.json', '--wallet-file', 'README.md'],
      '--hot-wallet and --wallet options name different files.',
    ],
    [
      START,
      ['--vault-public-key', `0x${'11'.repeat(32)}`],
      '--vault-public-key (VAULT_PUBLIC_KEY) proves what a remote database says, and there is no --db-url.',
    ],
    [START, ['--remote-signer-url', NODE, '--signer-cert', 'package.json'], HALF_CERTIFICATE],
    [
      START,
      ['--signer-cert', 'package.json', '--signer-key', 'package.json', '--signer-pfx', 'package.json'],
      'Give a client certificate either as --signer-pfx or as --signer-cert and --signer-key.',
    ],
    [
      ['validators-exit', '--data-dir', '.', '--vault', VAULT, '--consensus-endpoints', NODE, '--yes'],
      ['--remote-signer-url', NODE, '--signer-key', 'package.json'],
      HALF_CERTIFICATE,
    ],
    [
      ['remote-signer-setup', '--data-dir', '.', '--vault', VAULT, '--split', '--remote-signer-url', NODE],
      ['--signer-cert', 'package.json'],
      HALF_CERTIFICATE,
    ],
    [
      ['remote-signer-setup', '--data-dir', '.', '--vault', VAULT, '--split'],
      ['--remote-signer-url', `${NODE},http://127.0.0.1:2`],
      'Keys are imported into one signer: give one --remote-signer-url.',
    ],
    [
      ['signer', '--network', 'hoodi'],
      ['--sign-deposits'],
      '--sign-deposits signs deposits of one vault only, and no --vault is named.',
    ],
    [
      ['signer', '--network', 'hoodi'],
      ['--client-names', 'operator'],
      'Clients have names where they show certificates: --client-names goes with --tls-client-ca.',
    ],
    [
      ['merge-deposit-data', '--output-file', 'merged.json'],
      ['--deposit-data-files', 'package.json'],
      'You must provide at least 2 deposit data files',
    ],
  ])(
    'a command line whose options do not go together is refused before anything is opened: %s',
    async (command, options, message) => {
      const { stdout, stderr, exitCode } = await runCli([...command, ...options]);
      expect(stderr).toBe(`Error: ${message}\n`);
      expect(stdout).toBe('');
      expect(exitCode).toBe(2);
    },
  );

  it.each([
    [['--validator-type', '0x03'], {}, /'--validator-type'/],
    [[], { VALIDATOR_TYPE: '0x03' }, /'--validator-type'/],
    [['--relayer-endpoint', 'http://planted:9'], {}, /--relayer-endpoint \(RELAYER_ENDPOINT\) is refused/],
    [[], { RELAYER_ENDPOINT: 'http://planted:9' }, /--relayer-endpoint \(RELAYER_ENDPOINT\) is refused/],
    [[], { RELAYER_TIMEOUT: '10' }, /RELAYER_TIMEOUT is refused/],
    [['--run-nodes', '--no-confirm'], {}, /--run-nodes \(RUN_NODES\) is refused/],
    [[], { RUN_NODES: 'true' }, /--run-nodes \(RUN_NODES\) is refused/],
    [[], { WALLET_PRIVATE_KEY: '0xplanted' }, /'--wallet-private-key'/],
    [['--claim-fee-splitter'], {}, /--claim-fee-splitter \(CLAIM_FEE_SPLITTER\) is refused/],
    [
      ['--max-validator-balance-gwei', '2048000000001'],
      {},
      /'--max-validator-balance-gwei': .* is not in the range/,
    ],
    [[], { MIN_DEPOSIT_AMOUNT_GWEI: '0' }, /'--min-deposit-amount-gwei': .* is not in the range/],
  ])(
    'start refuses what asks for another program, in any of its names, with exit code 2 and no question before: %j %j',
    async (options, env, message) => {
      for (const [name, ...words] of [START, ['start'], ['start-local', ...START.slice(1)]]) {
        const { stdout, stderr, exitCode } = await runCli([name ?? '', ...words, ...options], { env });
        expect(stderr).toMatch(message);
        expect(stderr).not.toMatch(/Missing option|planted/);
        expect(stdout).toBe('');
        expect(exitCode).toBe(2);
      }
    },
  );

  it('remote-db setup-web3signer refuses half of a client certificate before the database is opened', async () => {
    const words = [
      'remote-db',
      '--vault',
      VAULT,
      '--db-url',
      'postgresql://127.0.0.1:1/op',
      'setup-web3signer',
    ];
    const { stderr, exitCode } = await runCli(
      [...words, '--output-dir', '.', '--signer-cert', 'package.json'],
      { env: { REMOTE_DB_ENCRYPT_KEY: 'key' } },
    );
    expect(stderr).toBe(`Error: ${HALF_CERTIFICATE}\n`);
    expect(exitCode).toBe(2);
  });

  it('create-keys --json prints a usage error as a JSON document on stdout', async () => {
    const { stdout, stderr, exitCode } = await runCli(['create-keys', '--json', '--count', '0']);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'out-of-range', message: "Invalid value for '--count': 0 is not in the range x>=1." },
    });
    expect(stderr).toContain('Error: ');
    expect(exitCode).toBe(2);
  });

  it.each([
    ['-v', ['-v'], {}],
    ['--verbose', ['--verbose'], {}],
    ['VERBOSE', [], { VERBOSE: 'yes' }],
  ])('an error names its code in the last line of stderr with %s only', async (_, words, env) => {
    const args = ['signer', '--network', 'nowhere'];
    const brief = await runCli(args);
    const { stderr, exitCode } = await runCli([...args, ...words], { env });
    expect(brief.stderr).toContain("Error: Invalid value for '--network': 'nowhere' is not one of ");
    expect(stderr).toBe(`${brief.stderr}Code: unknown-network\n`);
    expect(exitCode).toBe(2);
  });
});

describe('secrets', () => {
  it.runIf(process.platform === 'linux')(
    'a mnemonic on the command line does not stay in the process list',
    async () => {
      using directory = temporaryDirectory();
      const marker = `--mnemonic=${MNEMONIC}`;
      const seen: string[] = [];
      const commandLines = () =>
        readdirSync('/proc')
          .filter(name => /^\d+$/.test(name))
          .map(pid => readCommandLine(pid));
      await runOnTerminal(
        ['create-keys', '--data-dir', directory.path, marker],
        [
          {
            on: 'Enter the vault address: ',
            type: () => {
              seen.push(...commandLines());
              return '\u0003';
            },
          },
        ],
      );
      expect(seen.filter(line => line.includes('abandon abandon'))).toEqual([]);
      expect(seen.some(line => line.startsWith('operator'))).toBe(true);
    },
  );
});

describe('the launchers', () => {
  it('bin/run.js says on an older Node which one is needed, and nothing else', () => {
    using directory = temporaryDirectory();
    const older = join(directory.path, 'older.mjs');
    writeFileSync(
      older,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.9.0' } });",
    );
    const run = spawnSync(process.execPath, [
      `--import=${older}`,
      join(PROJECT_ROOT, 'bin/run.js'),
      '--version',
    ]);
    expect(run.stderr.toString()).toMatch(/^Error: Node\.js 24 or newer is needed, this is 20\.9\.0\. .*\n$/);
    expect(run.stdout.toString()).toBe('');
    expect(run.status).toBe(1);
  });

  it('the launcher "operator" says which Node is needed when neither PATH nor the package has one', () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'operator'), readFileSync(join(PROJECT_ROOT, 'operator')), {
      mode: 0o755,
    });
    for (const tool of ['dirname', 'readlink', 'basename']) {
      const path = execFileSync('/bin/sh', ['-c', `command -v ${tool}`])
        .toString()
        .trim();
      writeFileSync(join(directory.path, tool), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
    }
    const run = spawnSync('/bin/sh', [join(directory.path, 'operator'), 'init'], {
      env: { PATH: directory.path },
    });
    expect(run.stderr.toString()).toMatch(/^Error: Node\.js 24 or newer is needed and was not found\. .*\n$/);
    expect(run.status).toBe(1);
  });
});

describe('.env.example', () => {
  it(".env.example loads by the manual's line, variables with and without a value alike", () => {
    const load = 'cd / && export $(grep -v \'^#\' "$1" | xargs) && env';
    const lines = execFileSync('bash', ['-c', load, 'bash', join(PROJECT_ROOT, '.env.example')], {
      env: { PATH: '/usr/bin:/bin' },
    })
      .toString()
      .split('\n');
    expect(lines).toContain('NETWORK=mainnet');
    expect(lines).toContain('REMOTE_DB_URL=');
  });

  it('.env.example has the variables of all options of all commands, and none of those that are ignored or refused', () => {
    const listed = readFileSync(join(PROJECT_ROOT, '.env.example'), 'utf8').match(/^[A-Z_]+(?==)/gm) ?? [];
    const variables = [...listOptionVariables().values()].flat();
    const read = new Set(variables.filter(one => !one.isForeign).map(one => one.name));
    expect([...new Set(listed)].sort()).toEqual([...read].sort());
    const all = Object.fromEntries(listed.map(name => [name, 'given']));
    expect(listIgnored({}, all)).toEqual([]);
    expect(listIgnored({}, { ...all, SENTRY_DSN: 'given' })).toEqual(['SENTRY_DSN']);
    const foreign = variables.filter(one => one.isForeign).map(one => one.name);
    expect(foreign).toContain('GRAPH_ENDPOINT');
    expect(foreign).toContain('RUN_NODES');
    expect(foreign.filter(name => read.has(name))).toEqual([]);
  });
});

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
