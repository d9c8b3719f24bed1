// Ctrl-C, or SIGTERM, during work: what has become of it is said, and what is said is so.
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { startBeaconNode } from '../devnet/beacon-node.ts';
import { startKeymanager } from '../devnet/keymanager.ts';
import { it } from '../support/fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { dumpDatabase, listTree } from '../support/postgres/snapshot.ts';
import { PROJECT_ROOT, runCli, runOnTerminal } from '../support/programs/cli.ts';
import { startBareProcess, startHoldingServers } from '../support/programs/held-process.ts';
import { RECORDED_MNEMONIC, recordedSecretKeys, writeKeystores } from '../support/recorded/recorded-vault.ts';
import { credentialsOf, EXIT_CHAIN } from '../support/scenes/signing-fixtures.ts';
import { startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';
import { waitUntil } from '../support/wait-until.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const RECORDED = join(
  PROJECT_ROOT,
  'test/vectors/v3-operator/01-create-keys/holesky/0-after-init/config.json',
);
const SHOW_CURSOR = '\u001b[?25h';

const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let database: TestDatabase;
beforeAll(async () => {
  workflow = resources.use(await startWorkflow(2));
  database = resources.use(await createTestDatabase());
  const { vaultArgs, keyArgs } = workflow;
  await workflow.run(database.url, ['setup', ...vaultArgs, ...keyArgs]);
  workflow.uploadArgs(2);
});
afterAll(() => resources.disposeAsync());

/** A vault as the recorded `init` left it, and the command line that makes its first keys. */
function createKeysOf(directory: string, count: number) {
  const vaultDir = join(directory, VAULT.toLowerCase());
  mkdirSync(vaultDir);
  copyFileSync(RECORDED, join(vaultDir, 'config.json'));
  const mnemonic = join(directory, 'mnemonic');
  writeFileSync(mnemonic, RECORDED_MNEMONIC, { mode: 0o600 });
  const place = ['--vault', VAULT, '--data-dir', directory, '--mnemonic-file', mnemonic];
  return { vaultDir, args: ['create-keys', ...place, '--count', String(count), '--pool-size', '1'] };
}

const nextIndexOf = (vaultDir: string): number =>
  JSON.parse(readFileSync(join(vaultDir, 'config.json'), 'utf8')).mnemonic_next_index;

describe('create-keys', () => {
  it('create-keys that is interrupted says which keystores stay, and goes on with the others', async ({
    directory,
  }) => {
    const { args, vaultDir } = createKeysOf(directory, 6);
    await using process = startBareProcess(args, { cwd: directory });
    const keystores = () => globSync(join(vaultDir, 'keystores/keystore-*.json')).sort();
    await waitUntil('keystores', () => keystores().length > 0, { lastSeen: () => process.output });
    process.kill('SIGINT');
    expect(await process.ended).toBe('SIGINT');
    expect(process.output).toContain(
      `Interrupted. Keystores that were written already stay in ${join(vaultDir, 'keystores')}; no deposit data names them, and the next index is still 0. Run the same command again: it keeps them, and makes the others.\n`,
    );
    const kept = keystores();
    expect(kept.length).toBeLessThan(6);
    expect([nextIndexOf(vaultDir), existsSync(join(vaultDir, 'deposit_data.json'))]).toEqual([0, false]);
    const again = await runCli([...args, '--kdf', 'pbkdf2', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ firstIndex: 0, addedKeystores: 6 - kept.length });
    expect(keystores()).toEqual(expect.arrayContaining(kept));
    expect(nextIndexOf(vaultDir)).toBe(6);
  });

  it('Ctrl-C on a terminal ends create-keys with 130, shows the cursor, and says what stays on a line of its own', async ({
    directory,
  }) => {
    const { args } = createKeysOf(directory, 6);
    const { screen, exitCode } = await runOnTerminal(args, [
      { on: /Exporting validator keystores[^\n]*0\/6/, type: '\u0003' },
    ]);
    expect(exitCode).toBe(130);
    expect(screen).toMatch(/\nInterrupted\. Keystores that were written already stay in [^\n]*\n$/);
    const shown = screen.lastIndexOf(SHOW_CURSOR);
    expect(shown).toBeGreaterThan(screen.lastIndexOf('\u001b[?25l'));
    expect(shown).toBeLessThan(screen.indexOf('Interrupted.'));
  });
});

/** Holds every writer of the keypairs, or every reader too, until the end of the block. */
async function lockKeypairs(
  url: string,
  mode: 'share row exclusive' | 'access exclusive',
): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query(`lock table stakewise_operator.keypairs in ${mode} mode`);
  return { [Symbol.asyncDispose]: () => client.end() };
}

/** Waits until a command waits for the lock. */
async function blocked(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await waitUntil('a command to wait for the lock', async () => {
      const { rows } = await client.query(
        `select count(*)::int as waiting from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'relation'`,
      );
      return rows[0].waiting > 0;
    });
  } finally {
    await client.end();
  }
}

describe('commands of the remote database', () => {
  const remoteDb = (args: readonly string[]) => ['remote-db', '--db-url', database.url, ...args];

  it('upload-keypairs that is interrupted before it has stored anything says that nothing was changed', async ({
    directory,
  }) => {
    await using nodes = await startHoldingServers([workflow.devnet.rpcUrl], line =>
      line.includes('eth_call'),
    );
    const args = workflow.uploadArgs(2);
    args[args.indexOf('--execution-endpoints') + 1] = nodes.urls[0] ?? '';
    const before = await dumpDatabase(database.url);
    await using process = startBareProcess(remoteDb(args), { cwd: directory });
    await nodes.held();
    process.kill('SIGTERM');
    expect(await process.ended).toBe('SIGTERM');
    expect(process.output).toMatch(/\nInterrupted\. Nothing was changed\.\n$/);
    expect(await dumpDatabase(database.url)).toEqual(before);
  });

  it('upload-keypairs that is interrupted while it stores keypairs says that readers see what they saw, and goes on', async ({
    directory,
  }) => {
    const args = remoteDb(workflow.uploadArgs(2));
    {
      await using _lock = await lockKeypairs(database.url, 'share row exclusive');
      await using process = startBareProcess(args, { cwd: directory });
      await blocked(database.url);
      process.kill('SIGINT');
      expect(await process.ended).toBe('SIGINT');
      expect(process.output).toMatch(
        /\nInterrupted\. Readers see what they saw before\. Keypairs that were stored already stay in the database, seen by nobody: run the same command again, and it goes on with the others\.\n$/,
      );
    }
    const again = await runCli([...args, '--json']);
    // What the server was about to store when its client went away may have been stored.
    expect(JSON.parse(again.stdout)).toMatchObject({ keystores: 2, shares: 6 });
  });

  it.for([
    ['verify', 'Nothing was changed: this command only reads.'],
    ['setup-web3signer', 'Nothing was changed.'],
    ['setup-operator', 'Nothing was changed.'],
    [
      'setup-validator',
      /Nothing was changed\.|Files in \S+ are as they were\. Which keys each validator client runs may be stored by now; the same command uses it\./,
    ],
  ] as const)(
    '%s that is interrupted while it reads says that no file was changed',
    async ([command, kept], { directory }) => {
      const { vaultArgs, keyArgs } = workflow;
      const output = join(directory, 'out');
      const args: Readonly<Record<string, string[]>> = {
        verify: ['verify', ...vaultArgs, ...keyArgs],
        'setup-web3signer': workflow.setupWeb3SignerArgs(output),
        'setup-operator': ['setup-operator', ...vaultArgs, '--output-dir', output],
        'setup-validator': workflow.setupValidatorArgs(0, 1, output),
      };
      await using _lock = await lockKeypairs(database.url, 'access exclusive');
      await using process = startBareProcess(remoteDb(args[command] ?? []), { cwd: directory });
      await blocked(database.url);
      process.kill('SIGINT');
      expect(await process.ended).toBe('SIGINT');
      const [, said = ''] = process.output.split('Interrupted. ');
      expect(said.trimEnd()).toMatch(kept);
      expect(existsSync(output)).toBe(false);
    },
  );
});

describe('commands that ask other servers', () => {
  /** A vault of the devnet with keystores of the recorded mnemonic. */
  async function prepareVault(directory: string) {
    const { devnet } = workflow;
    const vaultDir = join(directory, devnet.addresses.vault.toLowerCase());
    writeKeystores(join(vaultDir, 'keystores'), recordedSecretKeys(2));
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    const publicKeys = recordedSecretKeys(2).map(publicKeyOf);
    const config = {
      network: networkFile,
      mnemonic_next_index: 2,
      first_public_key: toHex(publicKeys[0] ?? new Uint8Array()),
    };
    writeFileSync(join(vaultDir, 'config.json'), JSON.stringify(config));
    const args = ['--vault', devnet.addresses.vault, '--data-dir', directory];
    return { args, vaultDir, networkFile, publicKeys, rpcUrl: devnet.rpcUrl };
  }

  it('remote-signer-setup that is interrupted in the import says that files are as they were, and goes on', async ({
    directory,
  }) => {
    const { args, vaultDir, rpcUrl } = await prepareVault(directory);
    await using signer = await startKeymanager(EXIT_CHAIN);
    await using held = await startHoldingServers([signer.url], line =>
      line.startsWith('POST /eth/v1/keystores'),
    );
    const setup = (url = '') => [
      'remote-signer-setup',
      ...args,
      '--keep-keystores',
      '--execution-endpoints',
      rpcUrl,
      '--remote-signer-url',
      url,
    ];
    const before = listTree(join(vaultDir, 'keystores'));
    await using process = startBareProcess(setup(held.urls[0]), { cwd: directory });
    await held.held();
    process.kill('SIGINT');
    expect(await process.ended).toBe('SIGINT');
    expect(process.output).toMatch(
      /\nInterrupted\. Keys that the signer has taken already stay there; configuration and local keystores are as they were\. Run the same command again: it sends only what the signer lacks\.\n$/,
    );
    expect(listTree(join(vaultDir, 'keystores'))).toEqual(before);
    expect(existsSync(join(vaultDir, 'remote_signer_config.json'))).toBe(false);
    expect((await runCli(setup(signer.url))).exitCode).toBe(0);
  });

  it('validators-exit that is interrupted names the exits that were sent, and those that were not', async ({
    directory,
  }) => {
    const { args, publicKeys } = await prepareVault(directory);
    await using beacon = await startBeaconNode(EXIT_CHAIN);
    const withdrawalCredentials = credentialsOf(workflow.devnet.addresses.vault);
    for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
    let submitted = 0;
    await using held = await startHoldingServers(
      [beacon.url],
      line => line.startsWith('POST /eth/v1/beacon/pool/voluntary_exits') && ++submitted === 2,
    );
    const exit = ['validators-exit', ...args, '--yes', '--consensus-endpoints', held.urls[0] ?? ''];
    await using process = startBareProcess(exit, { cwd: directory });
    await held.held();
    process.kill('SIGINT');
    expect(await process.ended).toBe('SIGINT');
    const [first] = beacon.pool;
    expect(beacon.pool.size).toBe(1);
    expect(process.output).toContain(
      `Interrupted. Exits of validators ${first} were sent, for good; that of validator `,
    );
    expect(process.output).toMatch(
      / may have been\. Go on with --indexes, which sends none twice; --count would exit so many others\.\n$/,
    );
  });

  it('recover that is interrupted while it searches says that nothing was changed', async ({ directory }) => {
    const { args, networkFile, rpcUrl } = await prepareVault(directory);
    const mnemonic = join(directory, 'mnemonic');
    writeFileSync(mnemonic, RECORDED_MNEMONIC, { mode: 0o600 });
    await using beacon = await startBeaconNode(EXIT_CHAIN);
    await using nodes = await startHoldingServers([rpcUrl], line => line.includes('eth_getLogs'));
    const before = listTree(directory);
    const recover = [
      'recover',
      ...args,
      '--network',
      networkFile,
      '--no-confirm',
      '--mnemonic-file',
      mnemonic,
      '--execution-endpoints',
      nodes.urls[0] ?? '',
      '--consensus-endpoints',
      beacon.url,
    ];
    await using process = startBareProcess(recover, { cwd: directory });
    await nodes.held();
    process.kill('SIGINT');
    expect(await process.ended).toBe('SIGINT');
    expect(process.output).toMatch(/\nInterrupted\. Nothing was changed\.\n$/);
    expect(listTree(directory)).toEqual(before);
  });
});
