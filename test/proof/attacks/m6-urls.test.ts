// Passwords and tokens in the URL of every server that a command is given: they reach the server and nobody else.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { startBeaconNode } from '../../devnet/beacon-node.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { freePort } from '../../devnet/listen.ts';
import { startRequestProxy } from '../../support/faults/request-proxy.ts';
import { createTestDatabase, roleUrl, runSql, type TestDatabase } from '../../support/postgres/postgres.ts';
import { type CliRun, runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import {
  type OperatorScene,
  remoteDbArguments,
  startOperatorScene,
} from '../../support/scenes/operator-scene.ts';
import { credentialsOf, EXIT_CHAIN } from '../../support/scenes/signing-fixtures.ts';
import { type FakeSigner, startFakeSigner } from '../../support/servers/fake-signer.ts';
import { startServer } from '../../support/servers/http-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

const PASSWORD = 'Planted-Passw0rd';
const TOKEN = 'planted-token-of-a-path-0123456789';
const KEY = 'planted-key-of-a-query';
const DB_PASSWORD = 'planted-db-passw0rd';
const SECRETS = [PASSWORD, TOKEN, KEY, DB_PASSWORD, Buffer.from(`ops:${PASSWORD}`).toString('base64')];
const DB_ROLE = `urls_${process.pid}`;
const BASIC = `Basic ${Buffer.from(`ops:${PASSWORD}`).toString('base64')}`;
const NOWHERE = `http://ops:${PASSWORD}@127.0.0.1:1/${TOKEN}?key=${KEY}`;
const env = {
  EXECUTION_RETRY_TIMEOUT: '0.3',
  CONSENSUS_RETRY_TIMEOUT: '0.3',
  EXECUTION_TIMEOUT: '5',
  IPFS_FETCH_ENDPOINTS: `http://ops:${PASSWORD}@127.0.0.1:1/${TOKEN}`,
  IPFS_TIMEOUT: '5',
};

const world = new AsyncDisposableStack();
let scene: OperatorScene;
let database: TestDatabase;
let dbUrl: string;
let mnemonicFile: string;
let encryptKeyFile: string;
let folder: ReturnType<typeof temporaryDirectory>;

beforeAll(async () => {
  scene = world.use(await startOperatorScene({ validators: 2, oracles: 3, threshold: 2 }));
  database = world.use(await createTestDatabase({ migrated: false }));
  await runSql(database.url, `create role ${DB_ROLE} login password '${DB_PASSWORD}'`);
  world.defer(async () => {
    await runSql(database.url, `drop owned by ${DB_ROLE}; drop role ${DB_ROLE}`);
  });
  await runSql(database.url, `grant create on database ${database.name} to ${DB_ROLE}`);
  dbUrl = roleUrl(database.url, DB_ROLE, DB_PASSWORD);
  mnemonicFile = join(scene.folder, 'mnemonic');
  encryptKeyFile = join(scene.folder, 'encrypt-key');
  writeFileSync(mnemonicFile, `${'abandon '.repeat(23)}art`, { mode: 0o600 });
  for (const words of [['setup'], ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl]]) {
    const run = await runCli([...remoteDb(...words), ...keyArgs()]);
    expect(run.exitCode, run.stderr).toBe(0);
  }
});
afterAll(() => world.disposeAsync());
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder[Symbol.dispose]());

const remoteDb = (...args: string[]) => remoteDbArguments(scene, dbUrl, args);
const keyArgs = () => ['--encrypt-key-file', encryptKeyFile];
const vaultArgs = () => ['--vault', scene.vault, '--data-dir', scene.dataDir];

/** The server's URL with a password; with a token in its path and a key in its query where the server is a node. */
function plant(url: string, rest = ''): string {
  return `${url.replace('://', `://ops:${PASSWORD}@`)}${rest}`;
}

function expectNoSecrets(...shown: readonly string[]): void {
  for (const text of shown) for (const secret of SECRETS) expect(text).not.toContain(secret);
}

/** Runs a command for people, for people who want to know all, and for scripts. */
async function runAll(args: readonly string[], exitCode: number): Promise<CliRun[]> {
  const runs: CliRun[] = [];
  const hasVerbose = !['tx', 'signer', 'create-keys'].includes(args[0] ?? '');
  for (const more of [[], ...(hasVerbose ? [['--verbose']] : []), ['--json']]) {
    const run = await runCli([...args, ...more], { env });
    expectNoSecrets(run.stdout, run.stderr);
    expect(run.exitCode, run.stderr).toBe(exitCode);
    runs.push(run);
  }
  return runs;
}

/** A proxy in front of a node: it asks for the password, and takes the token and the key away. */
async function guardNode(stack: AsyncDisposableStack, url: string): Promise<string> {
  const server = stack.use(
    await startServer(async ({ method, path, headers, body }) => {
      if (headers.authorization !== BASIC || !path.includes(TOKEN)) return { status: 401 };
      const rest = path.replace(`/${TOKEN}`, '').replace(/[?&]key=[^&]*/, '');
      const answer = await fetch(`${url}${rest}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(method === 'GET' ? {} : { body }),
      });
      return {
        status: answer.status,
        headers: { 'content-type': 'application/json' },
        body: await answer.text(),
      };
    }),
  );
  return plant(server.url, `/${TOKEN}`);
}

/** A proxy in front of a signer, which asks for the password. */
async function guardSigner(stack: AsyncDisposableStack, url: string): Promise<string> {
  const authorizations: (string | undefined)[] = [];
  const proxy = stack.use(await startRequestProxy({ servers: [url] }));
  const server = stack.use(
    await startServer(async ({ method, path, headers, body }) => {
      authorizations.push(headers.authorization);
      if (headers.authorization !== BASIC) return { status: 401 };
      const answer = await fetch(`${proxy.urls[0]}${path}`, {
        method,
        headers: { 'content-type': 'application/json', accept: String(headers.accept) },
        ...(method === 'GET' ? {} : { body }),
      });
      const type = answer.headers.get('content-type') ?? 'text/plain';
      return { status: answer.status, headers: { 'content-type': type }, body: await answer.text() };
    }),
  );
  return plant(server.url);
}

describe('M6 · passwords and tokens in URLs', () => {
  it('local user: reads what upload-keypairs says of its node and its database, which answer or do not → no password, token or key', async () => {
    await using stack = new AsyncDisposableStack();
    const upload = [...remoteDb('upload-keypairs'), ...keyArgs(), '--execution-endpoints'];
    await runAll([...upload, await guardNode(stack, scene.devnet.rpcUrl)], 0);
    await runAll([...upload, NOWHERE], 1);
    const nowhere = dbUrl.replace(/@.*\//, '@127.0.0.1:1/');
    await runAll(
      [
        'remote-db',
        '--db-url',
        nowhere,
        '--vault',
        scene.vault,
        '--network',
        'mainnet',
        'verify',
        ...keyArgs(),
      ],
      1,
    );
  });

  it('local user: reads what setup-web3signer says of a signer that lacks keys, has all, or is not there → its password is not told, in JSON neither', async () => {
    await using stack = new AsyncDisposableStack();
    const out = join(folder.path, 'keys');
    mkdirSync(out);
    const sync = [...remoteDb('setup-web3signer'), ...keyArgs(), '--output-dir', out];
    const lacking: FakeSigner = stack.use(await startFakeSigner(out, { drop: 1 }));
    const url = await guardSigner(stack, lacking.url);
    const [run] = await runAll([...sync, '--web3signer-endpoint', url], 1);
    expect(run?.stderr).toMatch(/Error: http:\/\/127\.0\.0\.1:\d+ lacks 1 of \d+ keys/);
    const complete = stack.use(await startFakeSigner(out, { foreign: [`0x${'ab'.repeat(48)}`] }));
    const [, , asJson] = await runAll(
      [...sync, '--web3signer-endpoint', await guardSigner(stack, complete.url)],
      0,
    );
    expect(JSON.parse(asJson?.stdout ?? '').signers).toEqual([
      { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), keys: expect.any(Number), foreignKeys: 1 },
    ]);
    await runAll([...sync, '--web3signer-endpoint', NOWHERE], 1);
  });

  it('another uid: reads the files that setup-validator writes for a signer with a password → the one with the password is its owner’s alone, and the client’s own options are named', async () => {
    const out = join(folder.path, 'validator');
    const args = (url: string, ...more: string[]) => [
      ...remoteDb(
        'setup-validator',
        '--validator-index',
        '0',
        '--total-validators',
        '1',
        '--output-dir',
        out,
      ),
      '--fee-recipient',
      scene.vault,
      '--web3signer-endpoint',
      url,
      ...more,
    ];
    const modes = () =>
      Object.fromEntries(
        readdirSync(out).map(name => [name, (statSync(join(out, name)).mode & 0o777).toString(8)]),
      );
    for (const more of [[], ['--file-mode', '0644'], ['--file-mode', '0640']]) {
      const [run] = await runAll(args(`http://ops:${PASSWORD}@signer:9000`, ...more), 0);
      expect(run?.stderr).toMatch(/^Warning: .*client_identity_path.*--validators-external-signer-keystore/m);
      const open = more[1]?.slice(1) ?? '644';
      expect(modes()).toEqual({
        'validator_definitions.yml': '600',
        'signer_keys.yml': open,
        'proposer_config.json': open,
      });
      const holding = readdirSync(out).filter(name =>
        readFileSync(join(out, name), 'utf8').includes(PASSWORD),
      );
      expect(holding).toEqual(['validator_definitions.yml']);
    }
    const [plain] = await runAll(args('http://signer:9000'), 0);
    expect(plain?.stderr).not.toContain('client_identity_path');
    expect(modes()).toMatchObject({ 'validator_definitions.yml': '644' });
  });

  it('local user: reads what validators-exit says of its node and its signer → no password, token or key', async () => {
    await using stack = new AsyncDisposableStack();
    const beacon = stack.use(await startBeaconNode(EXIT_CHAIN));
    const signer = await loadedSigner(stack);
    for (const key of scene.secretKeys) {
      beacon.addValidator(publicKeyOf(key), { withdrawalCredentials: credentialsOf(scene.vault) });
    }
    const consensus = ['--consensus-endpoints', await guardNode(stack, beacon.url)];
    const exit = ['validators-exit', ...vaultArgs(), '--dry-run'];
    const [run] = await runAll(
      [...exit, ...consensus, '--remote-signer-url', await guardSigner(stack, signer.url)],
      0,
    );
    expect(run?.stderr).toMatch(/^Using remote signer at http:\/\/127\.0\.0\.1:\d+ for 2 public keys$/m);
    await runAll([...exit, ...consensus, '--remote-signer-url', NOWHERE], 1);
    await runAll([...exit, '--consensus-endpoints', NOWHERE, '--remote-signer-url', NOWHERE], 1);
  });

  it('local user: reads what remote-signer-setup and recover say of node and signer → no password, token or key', async () => {
    await using stack = new AsyncDisposableStack();
    const signer = stack.use(await startKeymanager(EXIT_CHAIN));
    const url = await guardSigner(stack, signer.url);
    const setup = ['remote-signer-setup', ...vaultArgs(), '--keep-keystores'];
    const execution = ['--execution-endpoints', await guardNode(stack, scene.devnet.rpcUrl)];
    await runAll([...setup, ...execution, '--remote-signer-url', url], 0);
    const config = readFileSync(join(scene.vaultDir, 'remote_signer_config.json'), 'utf8');
    expectNoSecrets(config);
    await runAll([...setup, '--split', '--remote-signer-url', NOWHERE], 1);
    await runAll([...setup, '--execution-endpoints', NOWHERE, '--remote-signer-url', url], 1);
    const recover = [
      'recover',
      '--vault',
      scene.vault,
      '--data-dir',
      folder.path,
      '--network',
      scene.networkFile,
      '--mnemonic-file',
      mnemonicFile,
      '--search-limit',
      '2',
      '--no-confirm',
    ];
    await runAll([...recover, ...execution, '--consensus-endpoints', NOWHERE], 1);
    await runAll([...recover, '--execution-endpoints', NOWHERE, '--consensus-endpoints', NOWHERE], 1);
  });

  it('local user: reads what the signer says of HashiCorp Vault, and tx list of its database → no password, token or key', async () => {
    const token = join(folder.path, 'token');
    writeFileSync(token, 'x', { mode: 0o600 });
    await using server = await startServer(() => ({ status: 403, body: '{"errors":["permission denied"]}' }));
    const vault = ['--hashi-vault-key-path', 'p', '--hashi-vault-token-file', token];
    await runAll(['signer', '--network', 'mainnet', '--hashi-vault-url', plant(server.url), ...vault], 1);
    const list = ['tx', 'list', '--vault', scene.vault, '--network', scene.networkFile];
    await runAll([...list, '--db-url', dbUrl], 0);
    await runAll([...list, '--db-url', dbUrl.replace(/@.*\//, '@127.0.0.1:1/')], 1);
  });

  it.each([
    ['--execution-endpoints', 'remote-db upload-keypairs'],
    ['--web3signer-endpoint', 'remote-db setup-web3signer'],
    ['--web3signer-endpoint', 'remote-db setup-validator'],
    ['--consensus-endpoints', 'validators-exit'],
    ['--remote-signer-url', 'remote-signer-setup'],
    ['--hashi-vault-url', 'signer'],
    ['--execution-endpoints', 'start'],
    ['--consensus-endpoints', 'start'],
    ['--remote-signer-url', 'start'],
    ['--hashi-vault-url', 'start'],
    ['--db-url', 'tx list'],
  ])(
    'local user: reads why %s of "%s" is no URL → the answer does not repeat the password',
    async (option, command) => {
      const words = command.split(' ');
      for (const url of [
        `htp://ops:${PASSWORD}@host:1/${TOKEN}?key=${KEY}`.replace(TOKEN, ''),
        `ops:${PASSWORD}@host`,
        `http://ops:${PASSWORD}@host:port`,
      ]) {
        for (const more of [[], ['--json']]) {
          const run = await runCli([...words, option, url, ...more], { env });
          expectNoSecrets(run.stdout, run.stderr);
          expect(run.exitCode, run.stderr).toBe(2);
          const asWord = await runCli([...words, url, ...more], { env });
          expectNoSecrets(asWord.stdout, asWord.stderr);
          expect(asWord.exitCode, asWord.stderr).toBe(2);
        }
      }
    },
  );

  it('local user: reads why a gateway of IPFS_FETCH_ENDPOINTS is no URL → the answer does not repeat the password', async () => {
    for (const gateway of [
      `ftp://ops:${PASSWORD}@host`,
      `ops:${PASSWORD}@host:port`,
      `http://ops:${PASSWORD}@`,
    ]) {
      for (const more of [[], ['--json']]) {
        const args = [...remoteDb('upload-keypairs'), ...keyArgs(), ...more];
        const run = await runCli([...args, '--execution-endpoints', scene.devnet.rpcUrl], {
          env: { ...env, IPFS_FETCH_ENDPOINTS: gateway },
        });
        expectNoSecrets(run.stdout, run.stderr);
        expect(run.exitCode, run.stderr).toBe(2);
      }
    }
  });

  it.each(['plain', 'json'])(
    'local user: reads the %s log of start at DEBUG, its probes, metrics and termination log → no password, token or key of any server',
    async format => {
      await using stack = new AsyncDisposableStack();
      const signer = await loadedSigner(stack);
      const port = String(await freePort());
      const terminationLog = join(folder.path, 'termination-log');
      const args = [
        '--vault',
        scene.vault,
        '--network',
        scene.networkFile,
        '--data-dir',
        scene.dataDir,
        '--db-url',
        dbUrl,
        // Two that answer: one alone confirms no oracle set while another is named and gone.
        '--execution-endpoints',
        [
          await guardNode(stack, scene.devnet.rpcUrl),
          await guardNode(stack, scene.devnet.rpcUrl),
          NOWHERE,
        ].join(),
        '--consensus-endpoints',
        `${await guardNode(stack, scene.beacon.url)},${NOWHERE}`,
        '--remote-signer-url',
        await guardSigner(stack, signer.url),
        '--hashi-vault-url',
        NOWHERE,
        '--log-level',
        'DEBUG',
        '--log-format',
        format,
        '--enable-metrics',
        '--metrics-port',
        port,
      ];
      await using operator = startOperatorProcess(args, { env: { ...env, TERMINATION_LOG: terminationLog } });
      const told: string[] = [];
      await waitUntil('it to ask its signer, or to end', async () => {
        for (const path of ['readyz', 'metrics']) {
          told.push(
            await fetch(`http://127.0.0.1:${port}/${path}`).then(
              one => one.text(),
              () => '',
            ),
          );
        }
        return /Using remote signer at/.test(operator.output);
      }).catch((error: Error) => {
        throw new Error(`${error.message}\n${operator.output}`);
      });
      await operator.stop();
      expect(operator.output).toContain('127.0.0.1');
      expectNoSecrets(operator.output, ...told);

      // What ends the start is written for its supervisor.
      const broken = dbUrl.replace(DB_ROLE, 'nobody_at_all');
      const ended = await runCli(['start', ...args.map(one => (one === dbUrl ? broken : one))], {
        env: { ...env, TERMINATION_LOG: terminationLog },
      });
      expect(ended.exitCode).toBe(1);
      expectNoSecrets(ended.stdout, ended.stderr, readFileSync(terminationLog, 'utf8'));
    },
  );
});

/** A signer that has the scene's keys. */
async function loadedSigner(stack: AsyncDisposableStack): Promise<Keymanager> {
  const signer = stack.use(await startKeymanager(EXIT_CHAIN));
  for (const secretKey of scene.secretKeys) {
    signer.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
  }
  return signer;
}
