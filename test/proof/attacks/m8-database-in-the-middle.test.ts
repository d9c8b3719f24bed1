import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';
import { serverIdentity } from '../../support/postgres/postgres-binaries.ts';
import {
  type ImpostorOptions,
  networkAddress,
  startImpostor,
} from '../../support/postgres/postgres-impostor.ts';
import { startOwnPostgresServer } from '../../support/postgres/postgres-server.ts';
import { type CliRun, runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { type Certificate, issueCertificate } from '../../support/servers/certificates.ts';
import { waitUntil } from '../../support/wait-until.ts';

const PASSWORD = 'TopSecretDbPw';
const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const directory = temporaryDirectory();
let certificate: Certificate;

beforeAll(() => {
  certificate = issueCertificate({ commonName: 'impostor' });
  writeFileSync(join(directory.path, 'encrypt-key'), Buffer.alloc(32, 1).toString('base64'), { mode: 0o600 });
});
afterAll(() => directory[Symbol.dispose]());

/** What a command said, and what the impostor was given. */
async function attack(
  options: Pick<ImpostorOptions, 'asksFor' | 'certificate'> & { readonly host?: string },
  query: string,
): Promise<{ error: Record<string, unknown>; warnings: string[]; answers: readonly string[] }> {
  const { host = networkAddress(), ...rest } = options;
  await using impostor = await startImpostor({ listen: { host }, ...rest });
  const warnings: string[] = [];
  const error = await openDatabase({
    url: `postgresql://operator:${PASSWORD}@${host}:${impostor.port}/operator${query}`,
    warn: line => warnings.push(line),
  }).then(
    () => {
      throw new Error('the impostor was taken for the database');
    },
    (thrown: unknown) => thrown as Record<string, unknown>,
  );
  return { error, warnings, answers: [...impostor.answers] };
}

const WARNING = (host: string, mode: string) =>
  `The database at ${host} is reached with sslmode=${mode}: whoever is on the way can pass for it, read and change what goes to and fro. Use sslmode=verify-full in --db-url.`;

describe('M8 · the connection to the database', () => {
  it.each([
    ['', 'prefer'],
    ['?sslmode=prefer', 'prefer'],
    ['?sslmode=allow', 'allow'],
  ])(
    'man in the middle: says that there is no TLS, asks for the password in clear text (%j) → gets nothing',
    async (query, mode) => {
      const { error, warnings, answers } = await attack({ asksFor: 'clear text' }, query);
      expect(answers).toEqual([]);
      expect(error).toMatchObject({
        code: 'db-password-in-clear',
        message: `The database server at "${networkAddress()}" asks for the password in clear text, and the connection is not encrypted: it was not sent.`,
        hint: expect.stringContaining('sslmode=verify-full'),
        exitCode: 1,
        retryable: false,
      });
      expect(warnings).toEqual([WARNING(networkAddress(), mode)]);
    },
  );

  it.each(['require', 'verify-full'])(
    'man in the middle: says that there is no TLS where sslmode=%s → gets nothing',
    async mode => {
      const { error, answers } = await attack({ asksFor: 'clear text' }, `?sslmode=${mode}`);
      expect({ answers, code: error.code }).toEqual({ answers: [], code: 'db-tls-failed' });
    },
  );

  it('man in the middle: shows a certificate of his own where sslmode=verify-full → gets nothing, and there was nothing to warn of', async () => {
    const { error, warnings, answers } = await attack(
      { asksFor: 'clear text', certificate },
      '?sslmode=verify-full',
    );
    expect({ answers, warnings, code: error.code }).toEqual({
      answers: [],
      warnings: [],
      code: 'db-tls-failed',
    });
  });

  it('man in the middle: shows a certificate of his own where it is not checked → the user was warned before', async () => {
    const { warnings, answers } = await attack({ asksFor: 'clear text', certificate }, '?sslmode=require');
    expect({ answers, warnings }).toEqual({
      answers: [`${PASSWORD}\0`],
      warnings: [WARNING(networkAddress(), 'require')],
    });
  });

  it('man in the middle: asks for an MD5 answer without TLS → never the password, and a warning before', async () => {
    const { warnings, answers } = await attack({ asksFor: 'md5' }, '');
    expect(answers).toEqual([expect.stringMatching(/^md5[0-9a-f]{32}\0$/)]);
    expect(warnings).toEqual([WARNING(networkAddress(), 'prefer')]);
  });

  it.each(['clear text', 'md5', 'scram', 'nothing'] as const)(
    'man in the middle: asks for %s where channel_binding=require → gets nothing, with TLS or without',
    async asksFor => {
      for (const [query, ofServer] of [
        ['?channel_binding=require', {}],
        ['?channel_binding=require', { certificate }],
        ['?sslmode=require&channel_binding=require', { certificate }],
        ['?sslmode=disable&channel_binding=require', {}],
      ] as const) {
        const { error, answers } = await attack({ asksFor, ...ofServer }, query);
        expect({ answers, code: error.code }).toEqual({ answers: [], code: 'db-channel-not-bound' });
      }
    },
  );

  it('man in the middle: finds the password in PGPASSWORD or a .pgpass instead of the URL → gets nothing either', async () => {
    await using impostor = await startImpostor({ listen: { host: networkAddress() }, asksFor: 'clear text' });
    const passwordFile = join(directory.path, 'pgpass');
    writeFileSync(passwordFile, `*:*:*:*:${PASSWORD}\n`, { mode: 0o600 });
    for (const env of [{ PGPASSWORD: PASSWORD }, { PGPASSFILE: passwordFile }]) {
      const url = `postgresql://operator@${networkAddress()}:${impostor.port}/operator`;
      const run = await runCli(
        ['remote-db', '--vault', VAULT, '--network', 'mainnet', '--db-url', url, 'migrate'],
        { env },
      );
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toContain('asks for the password in clear text');
    }
    expect(impostor).toMatchObject({ answers: [], startups: 2 });
  });

  const COMMANDS: Readonly<Record<string, readonly string[]>> = {
    'remote-db migrate': ['remote-db', 'migrate'],
    'remote-db setup-operator': ['remote-db', 'setup-operator'],
    'tx list': ['tx', 'list'],
    signer: ['signer', '--encrypt-key-file', join(directory.path, 'encrypt-key'), '--listen', '127.0.0.1:0'],
    start: [
      'start',
      '--execution-endpoints',
      'http://127.0.0.1:1',
      '--consensus-endpoints',
      'http://127.0.0.1:1',
      '--remote-signer-url',
      'http://127.0.0.1:1',
    ],
  };
  it.each(Object.entries(COMMANDS))(
    'man in the middle: waits for %s → gets no password, and a warning is printed',
    async (_name, words) => {
      await using impostor = await startImpostor({
        listen: { host: networkAddress() },
        asksFor: 'clear text',
      });
      const run = await runCommand(
        words,
        `postgresql://operator:${PASSWORD}@${networkAddress()}:${impostor.port}/operator`,
      );
      expect(impostor).toMatchObject({ answers: [], startups: 1 });
      expect(run.exitCode, run.stderr).toBe(1);
      expect(run.stdout + run.stderr).toContain('asks for the password in clear text');
      expect((run.stdout + run.stderr).split(WARNING(networkAddress(), 'prefer'))).toHaveLength(2);
      expect(run.stdout + run.stderr).not.toContain(PASSWORD);
    },
  );
});

describe('M8 · connections that nobody can be in the middle of', () => {
  it('local user: reaches a database server on loopback → the password goes as so far, nothing is said', async () => {
    const { warnings, answers } = await attack({ asksFor: 'clear text', host: '127.0.0.1' }, '');
    expect({ answers, warnings }).toEqual({ answers: [`${PASSWORD}\0`], warnings: [] });
  });

  it('local user: reaches a database server on a Unix socket → the password goes as so far, nothing is said', async () => {
    await using impostor = await startImpostor({
      listen: { path: join(directory.path, '.s.PGSQL.5432') },
      asksFor: 'clear text',
    });
    const warnings: string[] = [];
    const url = `postgresql://operator:${PASSWORD}@/operator?host=${directory.path}`;
    await expect(openDatabase({ url, warn: line => warnings.push(line) })).rejects.toMatchObject({
      code: 'db-auth-failed',
    });
    expect({ answers: impostor.answers, warnings }).toEqual({ answers: [`${PASSWORD}\0`], warnings: [] });
  });

  it('local user: writes sslmode=disable for a network of his own → the password goes, after a warning', async () => {
    const { warnings, answers } = await attack({ asksFor: 'clear text' }, '?sslmode=disable');
    expect(answers).toEqual([`${PASSWORD}\0`]);
    expect(warnings).toEqual([WARNING(networkAddress(), 'disable')]);
  });

  it('local user: reaches a real server over a network without proof of it → the command works, with one warning', async () => {
    await using database = await createTestDatabase();
    await using relay = await startRelay(networkAddress(), Number(new URL(inject('postgres').url).port));
    const url = new URL(database.url);
    url.host = `${networkAddress()}:${relay.port}`;
    const run = await runCommand(['remote-db', 'migrate'], url.href);
    expect(run).toMatchObject({ exitCode: 0, stderr: `Warning: ${WARNING(networkAddress(), 'prefer')}\n` });
  });

  it('local user: asks for channel_binding=require of a real server with TLS → the connection works, nothing is said', async () => {
    await using server = await startOwnPostgresServer();
    await enableTls(server.url);
    await using relay = await startRelay(networkAddress(), Number(new URL(server.url).port));
    const url = new URL(server.url);
    url.host = `${networkAddress()}:${relay.port}`;
    url.search = '?sslmode=require&channel_binding=require';
    const warnings: string[] = [];
    await using database = await openDatabase({ url: url.href, warn: line => warnings.push(line) });
    expect(database.kind).toBe('postgres');
    expect(warnings).toEqual([]);
  });
});

async function runCommand(words: readonly string[], url: string): Promise<CliRun> {
  const urlFile = join(directory.path, 'db-url');
  writeFileSync(urlFile, url, { mode: 0o600 });
  const dataDir = join(directory.path, 'data');
  return runCli([
    ...words,
    '--vault',
    VAULT,
    '--network',
    'mainnet',
    '--data-dir',
    dataDir,
    '--db-url-file',
    urlFile,
  ]);
}

/** Carries every byte between an address of the network and a server on loopback. */
async function startRelay(host: string, port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy());
  }).listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Turns TLS on in a running server, with a certificate that nobody knows. */
async function enableTls(url: string): Promise<void> {
  const paths = { cert: join(directory.path, 'server.crt'), key: join(directory.path, 'server.key') };
  const { uid, gid } = serverIdentity();
  for (const part of ['cert', 'key'] as const) {
    writeFileSync(paths[part], certificate[part], { mode: 0o600 });
    if (uid !== undefined) chownSync(paths[part], uid, gid);
  }
  chmodSync(directory.path, 0o711);
  await runSql(url, `alter system set ssl_cert_file = '${paths.cert}'`);
  await runSql(url, `alter system set ssl_key_file = '${paths.key}'`);
  await runSql(url, 'alter system set ssl = on');
  await runSql(url, 'select pg_reload_conf()');
  await waitUntil('the server to turn TLS on', async () => {
    // A new connection has the settings that the server has read.
    const [found] = await runSql(url, 'show ssl');
    return found?.ssl === 'on';
  });
}
