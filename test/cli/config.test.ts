// What "config" says of a command line: every value and where it comes from, and no secret.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { listenOnLoopback } from '../devnet/listen.ts';
import { it } from '../support/fixtures.ts';
import { type CliOptions, PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const FIRST_KEY = `0x${'a1'.repeat(48)}`;

interface Shown {
  readonly option: string;
  readonly value?: string;
  readonly source: string;
  readonly name?: string;
  readonly path?: string;
  readonly file?: string;
}

/** The options that "config" shows, by their names. */
async function configOf(words: readonly string[], options: CliOptions = {}): Promise<Map<string, Shown>> {
  const run = await runCli(['config', ...words, '--json'], options);
  expect(run.exitCode, run.stderr).toBe(0);
  const { options: shown }: { options: Shown[] } = JSON.parse(run.stdout);
  return new Map(shown.map(one => [one.option, one]));
}

function write(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

describe('"config"', () => {
  it('each value is shown with where it came from', async ({ directory }) => {
    const folder = join(directory, VAULT.toLowerCase());
    mkdirSync(folder);
    const configJson = write(
      folder,
      'config.json',
      JSON.stringify({ network: 'hoodi', mnemonic_next_index: 0, first_public_key: FIRST_KEY }),
    );
    const urlFile = write(directory, 'db-url', 'postgresql://operator:pa55word@db.example:1,other/db\n');
    const keyFile = write(directory, 'key', '1'.repeat(64));
    const variables = write(
      directory,
      'variables',
      `METRICS_PORT=9999\nHARVEST_VAULT=yes\nREMOTE_DB_ENCRYPT_KEY_FILE=${keyFile}\nIPFS_TIMEOUT=5\n`,
    );
    const words = ['start', '--env-file', variables, '--vault', VAULT, '--db-url-file', urlFile];
    const shown = await configOf(words, {
      env: { DATA_DIR: directory, IPFS_TIMEOUT: '7', CONSENSUS_ENDPOINTS: 'http://localhost:5052' },
    });
    const rows = (names: readonly string[]) => names.map(name => shown.get(name));
    expect(
      rows([
        '--vault',
        '--data-dir',
        '--network',
        '--db-url',
        '--encrypt-key',
        '--metrics-port',
        '--harvest-vault',
        '--ipfs-timeout',
        '--execution-timeout',
        '--consensus-endpoints',
        '--execution-endpoints',
        '--oracle-set-hash',
        '--verbose',
      ]),
    ).toEqual([
      { option: '--vault', value: VAULT, source: 'command-line', name: '--vault' },
      { option: '--data-dir', value: directory, source: 'environment', name: 'DATA_DIR' },
      { option: '--network', value: 'hoodi', source: 'config-file', path: configJson },
      {
        option: '--db-url',
        value: 'postgresql://operator:***@db.example:1,other/db',
        source: 'command-line',
        name: '--db-url-file',
        file: urlFile,
      },
      {
        option: '--encrypt-key',
        value: '***',
        source: 'env-file',
        name: 'REMOTE_DB_ENCRYPT_KEY_FILE',
        path: variables,
        file: keyFile,
      },
      { option: '--metrics-port', value: '9999', source: 'env-file', name: 'METRICS_PORT', path: variables },
      {
        option: '--harvest-vault',
        value: 'true',
        source: 'env-file',
        name: 'HARVEST_VAULT',
        path: variables,
      },
      { option: '--ipfs-timeout', value: '7', source: 'environment', name: 'IPFS_TIMEOUT' },
      { option: '--execution-timeout', value: '30', source: 'default' },
      {
        option: '--consensus-endpoints',
        value: 'http://localhost:5052',
        source: 'environment',
        name: 'CONSENSUS_ENDPOINTS',
      },
      { option: '--execution-endpoints', source: 'missing' },
      { option: '--oracle-set-hash', source: 'none' },
      { option: '--verbose', value: 'false', source: 'default' },
    ]);
  });

  it('people read it as a table', async ({ directory }) => {
    const file = write(directory, 'env', 'REMOTE_DB_SCHEMA=of_file\n');
    const run = await runCli(['config', 'remote-db', '--vault', VAULT, 'migrate', '--env-file', file]);
    expect(run.stdout.split('\n').map(line => line.split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        ['option', 'value', 'source'],
        ['--vault', VAULT, 'command line'],
        ['--db-url', '-', 'missing'],
        ['--db-schema', 'of_file', `${file} REMOTE_DB_SCHEMA`],
        ['--verbose', 'false', 'default'],
      ]),
    );
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);
  });

  it.for([
    ['--db-url', 'postgresql://user:s3cret@host/db', 'postgresql://user:***@host/db'],
    ['--db-url', 'postgresql://user:s3cret%40x@h1:1,h2:2/db?a=b', 'postgresql://user:***@h1:1,h2:2/db?a=b'],
    ['--db-url', 'postgresql://host/db?user=u&password=s3cret', 'postgresql://host/db?user=u&password=***'],
    ['--db-url', "host=h password='s3cret it\\'s' dbname=d", 'host=h password=*** dbname=d'],
    ['--db-url', 'host=h password = s3cret dbname=d', 'host=h password = *** dbname=d'],
    ['--db-url', 'postgresql://host/db', 'postgresql://host/db'],
    ['--db-url', 'pglite:/var/db', 'pglite:/var/db'],
    [
      '--execution-endpoints',
      'https://u:s3cret@a.example/v3/s3cret,http://b:8545',
      'https://***@a.example/***,http://b:8545',
    ],
    ['--remote-signer-url', 'http://signer:9000?key=s3cret', 'http://signer:9000/***'],
    ['--remote-signer-url', 'unix:/run/signer.sock', 'unix:/run/signer.sock'],
    ['--ipfs-fetch-endpoints', 'user:s3cret@gateway.example', '***@gateway.example'],
    ['--graph-endpoint', 'https://graph.example/api/s3cret', 'https://graph.example/***'],
    ['--hashi-vault-token', 's3cret', '***'],
    ['--signer-pfx-password', 's3cret', '***'],
  ] as const)('%s of %j is shown as %j', async ([option, value, expected]) => {
    const run = await runCli(['config', 'start', option, value, '--json']);
    const { options }: { options: Shown[] } = JSON.parse(run.stdout);
    expect(options.find(one => one.option === option)?.value).toBe(expected);
    expect(run.stdout + run.stderr).not.toContain('s3cret');
  });

  it('a file that can be read once only will do', async () => {
    const command = './operator config remote-db migrate --db-url-file <(echo postgresql://u:s3cret@host/db)';
    const run = spawnSync('bash', ['-c', command], { cwd: PROJECT_ROOT, encoding: 'utf8' });
    expect(run.stdout).toMatch(
      /--db-url +postgresql:\/\/u:\*\*\*@host\/db +command line --db-url-file, read from \/dev\//,
    );
    expect(run.status).toBe(0);
  });

  it('neither a database nor a server is opened, nor anything written', async ({ directory }) => {
    let visitors = 0;
    const trap = createServer(socket => {
      visitors += 1;
      socket.destroy();
    });
    const port = await listenOnLoopback(trap);
    const env = {
      HOME: directory,
      VAULT,
      NETWORK: 'hoodi',
      REMOTE_DB_URL: `postgresql://u:p@127.0.0.1:${port}/d`,
      EXECUTION_ENDPOINTS: `http://127.0.0.1:${port}`,
      CONSENSUS_ENDPOINTS: `http://127.0.0.1:${port}`,
      DATABASE_DIR: join(directory, 'database'),
    };
    for (const words of [['start'], ['remote-db', 'verify'], ['tx', 'list'], ['deposit-data']])
      expect((await configOf(words, { env })).get('--vault')?.source).toBe('environment');
    trap.close();
    expect(visitors).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
    expect(existsSync(join(directory, 'database'))).toBe(false);
  });

  it.for([
    [[], "Missing argument 'COMMAND'."],
    [['strat'], "No such command 'strat'."],
    [['start', '--bad'], 'No such option: --bad'],
    [['start', '--metrics-port', 'x'], "Invalid value for '--metrics-port': 'x' is not a valid integer."],
    [['start', 'surplus'], 'Got unexpected extra argument (surplus)'],
  ] as const)('the words %j are refused as by the command itself', async ([words, message]) => {
    const run = await runCli(['config', ...words]);
    expect(run.stderr).toContain(`Error: ${message}\n`);
    expect(run.stdout).toBe('');
    expect(run.exitCode).toBe(2);
  });

  it('its result with --json has been shown', () => expect(unseenResults(import.meta.filename)).toEqual([]));
});
