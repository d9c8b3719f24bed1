// The code blocks of docs/ as their readers would run them. README has a file of its own: test/proof/readme.test.ts. What needs a
// cluster, Docker or systemd is read by the program's own tables of options, which refuse what they do not know.
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';
import { afterAll, describe, expect } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../devnet/listen.ts';
import { readSignerKeys } from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import {
  type CodeBlock,
  commandLines,
  documentationPages,
  readMarkdownPage,
} from '../support/documentation/markdown-page.ts';
import { exportLines, programLines, ReadersFiles } from '../support/documentation/program-lines.ts';
import { ReaderShell } from '../support/documentation/reader-shell.ts';
import { it } from '../support/postgres/fixtures.ts';
import { runSql } from '../support/postgres/postgres.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';
import { startStandingProgram } from '../support/programs/standing-program.ts';
import { fillWithPythonVault } from '../support/recorded/python-database.ts';
import { RECORDED_ENCRYPT_KEY, RECORDED_VAULT } from '../support/recorded/recorded-vault.ts';
import { startOperatorScene } from '../support/scenes/operator-scene.ts';
import {
  RECORDED_KEYS,
  readForeignValidator,
  startPythonOperatorScene,
  writePythonFiles,
} from '../support/scenes/python-operator.ts';
import { storeTestVault } from '../support/scenes/stored-vault.ts';
import {
  recordedVaultResponse,
  startVaultServer,
  type VaultAnswer,
} from '../support/servers/hashi-vault-server.ts';

const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), 'utf8');
const blocksOf = (page: string, language = 'bash'): readonly CodeBlock[] =>
  readMarkdownPage(`docs/${page}.md`).blocks.filter(block => block.language === language);

/** The only block of a page under a heading, or the n-th. */
function blockUnder(page: string, heading: string, { n = 0, language = 'bash' } = {}): string {
  const found = blocksOf(page, language).filter(block => block.heading === heading)[n];
  if (found === undefined) throw new Error(`docs/${page}.md has no such block under ${heading}`);
  return found.code;
}

const pages = documentationPages().filter(({ path }) => path.startsWith('docs/'));
const shellBlocks = pages.flatMap(({ path, blocks }) =>
  blocks.filter(({ language }) => language === 'bash').map(block => ({ path, ...block })),
);
const calling = new Set(
  shellBlocks.filter(({ code }) => programLines(code).length > 0).map(({ path }) => path),
);

const resources = new AsyncDisposableStack();
const program = resources.use(startStandingProgram());
afterAll(() => resources.disposeAsync());

/** A folder on the machine's memory, as the pages have it. */
function memoryFolder(stack: AsyncDisposableStack): string {
  const path = mkdtempSync('/dev/shm/stakewise-docs-');
  stack.defer(() => rmSync(path, { recursive: true }));
  return path;
}

describe('the blocks of shell in the pages', () => {
  it('every block is shell that bash can read', () => {
    expect(shellBlocks.length).toBeGreaterThan(25);
    for (const { path, line, code } of shellBlocks) {
      const { status, stderr } = spawnSync('bash', ['-n', '-c', code], { encoding: 'utf8' });
      expect(status, `${path}:${line}: ${stderr}`).toBe(0);
    }
  });

  it('no line that calls the program is passed over', () => {
    const called = shellBlocks.flatMap(({ code }) =>
      commandLines(code).filter(line =>
        /(?:^|\s)(?:[\w.~/-]*\/)?operator\s|\bremote-db\s|\bsrc\/main\.py\s/.test(line),
      ),
    );
    expect(called.length).toBeGreaterThan(20);
    expect(called.filter(line => programLines(line).length !== 1)).toEqual([]);
  });

  it.for([...calling])(
    'the program takes every command line in %s, with its variables',
    async (path, { directory }) => {
      const files = new ReadersFiles(directory);
      const code = shellBlocks.filter(block => block.path === path).map(block => block.code);
      const env = { HOME: files.home, ...files.variables(exportLines(code.join(''))) };
      for (const line of code.flatMap(programLines)) {
        const words = files.words(line);
        const args = words[0]?.startsWith('--') ? words : ['config', ...words];
        const { exitCode, stderr } = await program.run(args, { cwd: files.folder, env });
        expect(exitCode, `${line}\n${stderr}`).toBe(0);
      }
    },
  );

  it.for([
    ['remote-db assign --total-clients 3', '--total-clients'],
    ['signer --rate-limit 3/week', '--rate-limit'],
    ['remote-db upload', 'upload'],
  ])(
    'a command line that the program does not take is found out: %s',
    async ([line = '', named = ''], { directory }) => {
      const files = new ReadersFiles(directory);
      const { exitCode, stderr } = await program.run(['config', ...files.words(line)], { cwd: files.folder });
      expect(exitCode).toBe(2);
      expect(stderr).toContain(named);
    },
  );
});

describe('docs/hashi-vault.md', () => {
  it('the signer starts by its lines on the secrets that it describes, allowed no more than by its policy', async ({
    directory,
  }) => {
    const secretOf = (data: unknown): VaultAnswer => ({
      status: 200,
      body: { data: { data, metadata: { version: 1 } } },
    });
    const bundle = JSON.parse(blockUnder('hashi-vault', 'How the keys lie there', { language: 'json' }));
    const recorded = recordedVaultResponse('kv2', 'read-plain').body as {
      data: { data: Record<string, string> };
    };
    const [[name = '', value = ''] = []] = Object.entries(recorded.data.data);
    await using server = await startVaultServer({
      'secret/data/stakewise/keys': [secretOf(bundle)],
      'secret/metadata/stakewise/validators?list=true': [{ status: 200, body: { data: { keys: [name] } } }],
      [`secret/data/stakewise/validators/${name}`]: [secretOf({ value })],
    });
    const shell = new ReaderShell(directory, {
      exchanged: [
        ['http://localhost:8200', server.url],
        ['THE TOKEN', 's.throwaway'],
      ],
    });
    mkdirSync(join(shell.home, 'stakewise-secrets'));
    shell.env.SIGNER_LISTEN = `127.0.0.1:${await freePort()}`;
    const [start = '', ...settings] = commandLines(blockUnder('hashi-vault', 'Start it')).reverse();
    await shell.run(settings.reverse().join('\n'));
    await using signer = shell.start(start);
    await signer.printed('Signing exits with 2 keys');

    const policy = [
      ...blockUnder('hashi-vault', 'What the token has to be allowed', { language: 'hcl' }).matchAll(
        /path "([^"*]+)\*" \{\s+capabilities = \["(\w+)"\]\s+\}/g,
      ),
    ].map(([, path = '', capability = '']) => ({ path, capability }));
    const asked = server.received.map(({ path, headers }) => {
      expect(headers['x-vault-token']).toBe('s.throwaway');
      const [place = '', query] = path.replace('/v1/', '').split('?');
      return { place, capability: query === undefined ? 'read' : 'list' };
    });
    expect(asked).toHaveLength(3);
    for (const { place, capability } of asked)
      expect(
        policy.filter(rule => place.startsWith(rule.path) && rule.capability === capability),
      ).toHaveLength(1);
    for (const rule of policy)
      expect(
        asked.some(({ place }) => place.startsWith(rule.path)),
        rule.path,
      ).toBe(true);
  });
});

describe('docs/remote-signers.md', () => {
  it('its certificates fit, Web3Signer’s configuration is what it shows, and the built-in signer answers its client', async ({
    directory,
    migrated,
  }) => {
    await using stack = new AsyncDisposableStack();
    const memory = memoryFolder(stack);
    const port = await freePort();
    const shell = new ReaderShell(directory, {
      exchanged: [
        ['/dev/shm/web3signer', memory],
        ['0.0.0.0:9000', `127.0.0.1:${port}`],
        ['=tls/', `=${join(directory, 'clone/tls/')}`],
      ],
      announced: [/^Warning: Web3Signer listens on 0\.0\.0\.0 without TLS: whoever reaches/],
    });
    const vault = await storeTestVault(migrated.url, { validators: 3, oracles: 4 });
    const secretFile = (name: string, content: string) => {
      writeFileSync(join(shell.home, name), content, { mode: 0o600 });
      return join(shell.home, name);
    };
    Object.assign(shell.env, {
      NETWORK: 'holesky',
      VAULT: vault.address,
      REMOTE_DB_URL_FILE: secretFile('db-url', migrated.url),
      REMOTE_DB_ENCRYPT_KEY_FILE: secretFile('key', vault.encryptKey),
    });
    const configFile = join(memory, 'web3signer.yaml');
    await shell.run(blockUnder('remote-signers', 'Web3Signer: its configuration'));
    const shown = blockUnder('remote-signers', 'Web3Signer: its configuration', { language: 'yaml' });
    expect(parse(readFileSync(configFile, 'utf8'))).toEqual(
      parse(shell.own(shown).replace('"mainnet"', '"holesky"')),
    );
    expect(readKeyDirectory(join(memory, 'keys')).publicKeys.size).toBe(3 + 3 * 4);

    await shell.run(blockUnder('remote-signers', 'TLS'));
    await shell.run(blockUnder('remote-signers', 'TLS', { n: 1 }));
    expect(parse(readFileSync(configFile, 'utf8'))).toMatchObject({
      'tls-keystore-file': '/etc/web3signer/signer.p12',
      'tls-keystore-password-file': '/etc/web3signer/signer-password',
      'tls-known-clients-file': '/etc/web3signer/known-clients',
    });
    const tls = (name: string) => readFileSync(join(shell.folder, 'tls', name));
    const certificate = new X509Certificate(tls('operator.pem'));
    expect(tls('known-clients').toString()).toBe(`operator ${certificate.fingerprint256}\n`);
    createSecureContext({ pfx: tls('signer.p12'), passphrase: tls('signer-password').toString().trim() });
    for (const name of ['signer.p12', 'operator.key', 'signer-password'])
      expect(statSync(join(shell.folder, 'tls', name)).mode & 0o777, name).toBe(0o600);

    await using signer = shell.start(
      commandLines(blockUnder('remote-signers', 'The built-in signer')).join('\n'),
    );
    await signer.printed('Signing exits');
    const server = { port, ca: tls('signer.pem') };
    const client = { cert: tls('operator.pem'), key: tls('operator.key') };
    const keys: unknown = JSON.parse(await askSigner(server, client));
    expect(keys).toHaveLength(3 + 3 * 4);
    await expect(askSigner(server, { cert: tls('signer.pem'), key: tls('signer.key') })).rejects.toThrow();
  });
});

/** The keys that a signer lists, asked under the name of its certificate. */
async function askSigner(
  { port, ca }: { readonly port: number; readonly ca: Buffer },
  client: { readonly cert: Buffer; readonly key: Buffer },
): Promise<string> {
  const name = 'web3signer.internal';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { host: `${name}:${port}` };
  const path = '/api/v1/eth2/publicKeys';
  request({ host: '127.0.0.1', port, path, headers, servername: name, ca, ...client }, response => {
    text(response).then(
      body => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))),
      reject,
    );
  })
    .once('error', reject)
    .end();
  return promise;
}

describe('docs/migration.md', () => {
  it('its lines lead from a recorded database of the Python operator to an operator that works', async ({
    directory,
    empty,
  }) => {
    await using stack = new AsyncDisposableStack();
    const { devnet, beacon } = stack.use(await startPythonOperatorScene());
    const memory = memoryFolder(stack);
    const port = await freePort();
    const keyFolder = join(memory, 'web3signer');
    const shell = new ReaderShell(directory, {
      exchanged: [
        ['postgresql://user:pass@old-host/operator', empty.url],
        ['postgresql://user:pass@host/operator', empty.url],
        ['THE KEY THAT THE PYTHON OPERATOR PRINTED', RECORDED_ENCRYPT_KEY],
        ['/dev/shm/web3signer', keyFolder],
        ['0x8189af89a7718c1baab5628399fc0ba50c6949bcc', RECORDED_VAULT.toLowerCase()],
        ['localhost:9000', `localhost:${port}`],
      ],
      announced: [
        /^Warning: Only one execution endpoint is given/,
        // The old shares, which stay.
        new RegExp(`^Warning: ${keyFolder} also holds ${4 * RECORDED_KEYS} files that are not known`),
      ],
    });
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    const dataDir = join(shell.home, '.stakewise');
    await writePythonFiles(devnet, { dataDir, keyFolder, networkFile });
    await fillWithPythonVault(empty.url, { network: devnet.name });
    Object.assign(shell.env, {
      NETWORK: networkFile,
      VAULT: RECORDED_VAULT,
      EXECUTION_ENDPOINTS: devnet.rpcUrl,
      CONSENSUS_ENDPOINTS: beacon.url,
    });
    const [secrets, lookAt, take, keep, write, work, scan, ...none] = blocksOf('migration').map(
      ({ code }) => code,
    );
    expect(none).toEqual([]);
    for (const code of [secrets, lookAt, take, keep]) await shell.run(code ?? '');
    const signerKeys = readFileSync(join(shell.folder, 'validator0/signer_keys.yml'), 'utf8');
    expect(readSignerKeys(signerKeys)).toHaveLength(RECORDED_KEYS / 2);
    await shell.run(write ?? '');
    const source = ['--network', networkFile, '--keys-dir', keyFolder];
    await using _signer = await spawnSignerProcess([...source, '--listen', `127.0.0.1:${port}`]);
    const [setup = '', start = ''] = commandLines(work ?? '');
    await shell.run(setup);
    await readForeignValidator(devnet, join(dataDir, RECORDED_VAULT.toLowerCase(), 'operator.db'));
    await shell.run(scan ?? '');
    await using operator = shell.start(start);
    await operator.printed('Started operator service');
    expect((await operator.stop()).exitCode).toBe(0);
  });
});

describe('docs/version-5-vaults.md', () => {
  it('its lines lead from keys in a signer, and beside the operator, to validators of two sizes and an exit', async ({
    directory,
  }) => {
    await using scene = await startOperatorScene({ validators: 3, vaultVersion: 5, electra: true });
    const { devnet, vault, vaultDir } = scene;
    await using beacon = await devnet.startElectraNode();
    rmSync(join(vaultDir, 'deposit_data.json'));
    const port = await freePort();
    const keystores = join(directory, 'keystores');
    const shell = new ReaderShell(directory, {
      exchanged: [
        ['/etc/stakewise/keystores', keystores],
        ['127.0.0.1:9000', `127.0.0.1:${port}`],
        ['localhost:9000', `localhost:${port}`],
        ['http://localhost:8545', devnet.rpcUrl],
        ['http://localhost:5052', beacon.url],
        ['=hoodi', `=${scene.networkFile}`],
        ['0x8189aF89A7718C1baB5628399FC0ba50C6949bCc', vault],
      ],
      announced: [/^Warning: Only one execution endpoint is given/],
    });
    shell.env.DATA_DIR = scene.dataDir;
    const block = (heading: string, n = 0) => blockUnder('version-5-vaults', heading, { n }).trim();
    await shell.run(block('Set up'));
    renameSync(join(vaultDir, 'keystores'), keystores);
    await using signer = shell.start(block('Keys in a remote signer'));
    await signer.printed('Signing exits');
    await using remote = shell.start(block('Keys in a remote signer', 1));
    await remote.printed('3 unused validator keys left');
    await devnet.depositEther(332);
    await remote.printed('Successfully registered validators');
    expect((await remote.stop()).exitCode).toBe(0);

    renameSync(keystores, join(vaultDir, 'keystores'));
    await using local = shell.start(block('Keys on the operator’s machine'));
    await local.printed('Validators of type 0x02 are registered with keys of the built-in signer');
    expect((await local.stop()).exitCode).toBe(0);

    const amounts = (await devnet.deposits.listValidators()).map(({ amountGwei }) => amountGwei);
    expect(amounts).toEqual([300_000_000_000n, 32_000_000_000n]);
    await devnet.passEpochs(300);
    expect(await shell.run(block('Exits'))).toContain('Would exit 1 validator with indexes: 0');
    expect(await shell.run(block('Exits', 1))).toContain('withdraw-validators');
    await devnet.passEpochs(300);
    const { state } = await devnet.beacon.sync();
    expect(state.validators.map(validator => state.statusOf(validator))).toEqual([
      'withdrawal_done',
      'active_ongoing',
    ]);
    expect(await devnet.beacon.listVoidRequests(vault)).toEqual([]);
  });
});

describe('docs/databases.md', () => {
  it('the SQL that it has printed can be run as the owner of the tables', async ({ directory, migrated }) => {
    const shell = new ReaderShell(directory, { exchanged: [] });
    const [grants = '', psql] = commandLines(blockUnder('databases', 'Roles'));
    await shell.run(`${grants} --role-prefix=docs_`);
    expect(psql).toContain('grants.sql');
    await runSql(migrated.url, readFileSync(join(shell.folder, 'grants.sql'), 'utf8'));
    await runSql(migrated.url, dropRoles('docs_'));
  });
});

/** Roles belong to the server, and would stay. */
function dropRoles(prefix: string): string {
  const names = ['uploader', 'signer_sync', 'validator_config', 'operator', 'auditor'].map(
    name => prefix + name,
  );
  return names.map(name => `drop owned by ${name}; drop role ${name};`).join('\n');
}

describe('docs/compose.md', () => {
  const file = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, unknown>;
    secrets: Record<string, { file: string }>;
  };

  it('its first lines make every secret of the compose file but the encryption key, for root and the group 1001', ({
    directory,
  }) => {
    const home = join(directory, 'home');
    const vault = join(home, '.stakewise', RECORDED_VAULT);
    mkdirSync(join(vault, 'wallet'), { recursive: true });
    for (const name of ['wallet.json', 'password.txt']) writeFileSync(join(vault, 'wallet', name), 'content');
    const code = blockUnder('compose', 'Set up').replaceAll('0x…', RECORDED_VAULT);
    const env = { PATH: process.env.PATH ?? '', HOME: home };
    execFileSync('bash', ['-e', '-c', code], { cwd: directory, env });
    for (const [name, { file: path }] of Object.entries(file.secrets)) {
      if (name === 'encryption-key') continue;
      const { mode, uid, gid, size } = statSync(join(directory, path));
      expect([mode & 0o777, uid, gid], path).toEqual([0o440, 0, 1001]);
      expect(size, path).toBeGreaterThan(0);
    }
    expect(readFileSync(join(directory, 'secrets/db-url'), 'utf8')).toMatch(
      /^postgresql:\/\/stakewise:[0-9a-f]{48}@postgres:5432\/operator\?sslmode=disable\n$/,
    );
  });

  it('every service that its lines name is in the compose file', () => {
    const named = blocksOf('compose')
      .flatMap(({ code }) => commandLines(code))
      .flatMap(
        line => /^docker-compose (?:--profile \w+ )?(?:run --rm|up -d|restart) (.*)$/.exec(line)?.[1] ?? [],
      )
      .flatMap(rest => (rest.startsWith('admin ') ? ['admin'] : rest.split(' ')))
      .filter(word => !word.startsWith('-'));
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter(name => file.services[name] === undefined)).toEqual([]);
  });
});

describe('docs/kubernetes.md', () => {
  const values = parse(blockUnder('kubernetes', 'Install', { language: 'yaml' })) as Values;

  it('its values are ones that the chart knows', () => {
    const schema = JSON.parse(read('deploy/helm/stakewise/values.schema.json')) as ValuesSchema;
    const shown = blocksOf('kubernetes', 'yaml').map(({ code }) => parse(code));
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.flatMap(one => unknownValues(schema, one))).toEqual([]);
    expect(unknownValues(schema, { vaults: 1, operator: { wallets: {} } })).toEqual([
      'vaults',
      'operator.wallets',
    ]);
  });

  it('its secrets are those that its values name, with their keys', () => {
    const made = new Map(
      commandLines(blockUnder('kubernetes', 'Install')).map(line => [
        / generic (\S+)/.exec(line)?.[1] ?? '',
        [...line.matchAll(/--from-file=([\w.-]+)(?:=\S+)?/g)].map(([, key]) => key),
      ]),
    );
    const { database, encryptionKey, operator, web3signer } = values;
    expect(made).toEqual(
      new Map([
        [
          database?.secretName,
          [database?.operatorKey, database?.signerSyncKey, database?.validatorConfigKey],
        ],
        [encryptionKey?.secretName, ['key']],
        [operator?.wallet?.secretName, ['wallet.json', 'password.txt']],
        [web3signer?.slashingDatabase?.passwordSecretName, ['password']],
      ]),
    );
  });

  it('what its lines restart, scale and wait for is what the chart makes', () => {
    const rendered = read('test/deploy/rendered/full.yaml');
    const code = blocksOf('kubernetes')
      .map(block => block.code)
      .join('');
    const names = [...code.matchAll(/\b(deployment|statefulset)\/op-([\w-]+)/g)];
    expect(names.length).toBeGreaterThan(1);
    for (const [whole, kind = '', name] of names)
      expect(rendered, whole).toMatch(new RegExp(`kind: ${kind}\nmetadata:\n  name: [\\w-]+-${name}\n`, 'i'));
    const selectors = new Set([...code.matchAll(/-l (\S+)/g)].map(([, selector]) => selector));
    expect([...selectors]).toEqual(['app.kubernetes.io/instance=op,stakewise/part=validators']);
    expect(rendered).toContain('stakewise/part: validators');
  });
});

interface Values {
  readonly [name: string]: unknown;
  readonly database?: Readonly<Record<string, string>>;
  readonly encryptionKey?: { readonly secretName: string };
  readonly operator?: { readonly wallet?: { readonly secretName: string } };
  readonly web3signer?: { readonly slashingDatabase?: Readonly<Record<string, string>> };
}

interface ValuesSchema {
  readonly properties?: Readonly<Record<string, ValuesSchema>>;
  readonly additionalProperties?: boolean | ValuesSchema;
}

/** Values for which the schema has no place. */
function unknownValues(schema: ValuesSchema, value: unknown, place = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const path = place === '' ? name : `${place}.${name}`;
    const known = schema.properties?.[name] ?? schema.additionalProperties ?? true;
    if (known === false) return [path];
    return known === true ? [] : unknownValues(known, member, path);
  });
}

describe('docs/systemd.md', () => {
  it('every unit that it names is in deploy/systemd', () => {
    const named =
      readMarkdownPage('docs/systemd.md').text.match(/\bstakewise-(?:operator|signer|sync-keys)\b/g) ?? [];
    expect(named.length).toBeGreaterThan(8);
    for (const name of new Set(named)) expect(read(`deploy/systemd/${name}.service`)).toContain('[Service]');
  });
});
