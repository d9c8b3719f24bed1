import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { openProxies } from '../../../../../src/clients/proxies.ts';
import { openDatabase } from '../../../../../src/db/database.ts';
import type { OwnCheck } from '../../../../../src/domain/fleet/doctor/check.ts';
import { EndpointUrl } from '../../../../../src/lib/endpoint-url.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import { checkDatabase } from '../../../../../src/services/fleet/diagnose/check-database.ts';
import { checkKeyFiles, checkSecretFiles } from '../../../../../src/services/fleet/diagnose/check-files.ts';
import { checkSlashing } from '../../../../../src/services/fleet/diagnose/check-slashing.ts';
import {
  checkClearText,
  checkGateways,
  checkProxies,
  checkSignersHealth,
} from '../../../../../src/services/fleet/diagnose/check-ways.ts';
import { startServer } from '../../../../devnet/http-server.ts';
import { startIpfsGateway } from '../../../../devnet/ipfs-gateway.ts';
import { freePort } from '../../../../devnet/listen.ts';
import { it } from '../../../../support/fixtures.ts';
import { createRolesDatabase } from '../../../../support/postgres/database-roles.ts';
import { createTestDatabase, runSql } from '../../../../support/postgres/postgres.ts';
import {
  createSlashingProtection,
  registerValidators,
} from '../../../../support/postgres/slashing-protection.ts';

const ROOT = new Uint8Array(32).fill(7);
const KEYS = [1, 2, 3].map(byte => new Uint8Array(48).fill(byte));
const limitMs = 3_000;
const lines = (checks: readonly OwnCheck[]) => checks.map(({ severity, code }) => `${severity} ${code}`);
const opener = (url: string) => () => openDatabase({ url });

describe('checkSlashing', () => {
  const validators = RecordTable.from(KEYS, 48);

  async function startSlashing(root: Uint8Array | undefined) {
    const database = await createTestDatabase({ migrated: false });
    await createSlashingProtection(database.url);
    if (root !== undefined)
      await runSql(database.url, 'insert into metadata values (1, $1)', [Buffer.from(root)]);
    return database;
  }

  const check = (url: string | undefined, signers = 0) =>
    checkSlashing({
      open: url === undefined ? undefined : opener(url),
      limitMs,
      genesisValidatorsRoot: ROOT,
      validators,
      signers,
    });

  it('checkSlashing passes a database of this network in which every validator may sign', async () => {
    await using database = await startSlashing(ROOT);
    await registerValidators(database.url, { enabled: KEYS, disabled: [] });
    expect(lines(await check(database.url))).toEqual([
      'ok slashing-database',
      'ok slashing-network',
      'skip slashing-shared',
      'ok disabled-validators',
    ]);
  });

  it('checkSlashing fails at a database of another network', async () => {
    await using database = await startSlashing(new Uint8Array(32).fill(8));
    const [, network] = await check(database.url);
    expect(network).toMatchObject({ code: 'slashing-network', severity: 'fail' });
    expect(network?.what).toContain(`0x${'08'.repeat(32)}`);
  });

  it('checkSlashing warns of a database that no signer has used, and of fewer machines than signers', async () => {
    await using database = await startSlashing(undefined);
    expect(lines(await check(database.url, 2))).toEqual([
      'ok slashing-database',
      'warn slashing-network',
      'warn slashing-shared',
      'ok disabled-validators',
    ]);
  });

  it('checkSlashing counts the machines that are connected to it', async () => {
    await using database = await startSlashing(ROOT);
    await using signer = await openDatabase({ url: database.url });
    expect(signer.kind).toBe('postgres');
    const isLocal = new URL(database.url).hostname === '';
    expect(lines(await check(database.url, 1))[2]).toBe(
      isLocal ? 'warn slashing-shared' : 'ok slashing-shared',
    );
  });

  it('checkSlashing fails where a validator of the vault is disabled, and not for those of others', async () => {
    await using database = await startSlashing(ROOT);
    const other = new Uint8Array(48).fill(9);
    await registerValidators(database.url, {
      enabled: KEYS.slice(1),
      disabled: [...KEYS.slice(0, 1), other],
    });
    const found = (await check(database.url)).at(-1);
    expect(found).toMatchObject({ code: 'disabled-validators', severity: 'fail' });
    expect(found?.what).toContain(`has disabled 1 validators of the vault, first 0x${'01'.repeat(48)}`);
    expect(found?.hint).toContain('UPDATE validators SET enabled = true');
  });

  it('checkSlashing fails at another database, and at one that is down', async () => {
    await using other = await createTestDatabase();
    expect(lines(await check(other.url))).toEqual(['fail slashing-database']);
    const down = `postgresql://127.0.0.1:${await freePort()}/x?sslmode=disable`;
    expect(lines(await check(down))).toEqual(['fail slashing-database']);
    expect(lines(await check(undefined))).toEqual(['skip slashing-database']);
  });
});

describe('checkDatabase', () => {
  it('checkDatabase warns of a superuser and of a connection without TLS', async () => {
    await using database = await createTestDatabase();
    const found = await checkDatabase(opener(database.url), limitMs);
    expect(lines(found)).toEqual([
      'ok database-version',
      'warn database-tls',
      'ok database-pooler',
      'warn database-role',
    ]);
  });

  it('checkDatabase says what a role may do', async () => {
    await using scene = await createRolesDatabase();
    const roleOf = async (role: 'uploader' | 'auditor') =>
      (await checkDatabase(opener(scene.urls[role]), limitMs)).at(-1);
    expect(await roleOf('uploader')).toMatchObject({
      severity: 'ok',
      what: expect.stringContaining('may read sealed keys, may store keys'),
    });
    expect(await roleOf('auditor')).toMatchObject({
      severity: 'ok',
      what: expect.stringContaining('reads no sealed key, stores no key'),
    });
  });

  it('checkDatabase leaves one that is down to the observation', async () => {
    const down = `postgresql://127.0.0.1:${await freePort()}/x?sslmode=disable`;
    expect(await checkDatabase(opener(down), limitMs)).toEqual([]);
    expect(lines(await checkDatabase(undefined, limitMs))).toEqual(['skip database-version']);
  });
});

describe('the checks of files', () => {
  it('checkSecretFiles warns of files that others can read, and passes over those that are not there', async ({
    directory,
  }) => {
    const [open, closed] = [join(directory, 'open'), join(directory, 'closed')];
    for (const path of [open, closed]) writeFileSync(path, 'secret', { mode: 0o600 });
    chmodSync(open, 0o644);
    const found = await checkSecretFiles([open, closed, join(directory, 'missing'), closed]);
    expect(found.map(({ severity, where }) => `${severity} ${where}`)).toEqual([
      `warn ${open}`,
      `ok ${closed}`,
    ]);
    expect(lines(await checkSecretFiles([join(directory, 'missing')]))).toEqual(['skip file-mode']);
  });

  it('checkKeyFiles passes a memory file system alone', async () => {
    expect(await checkKeyFiles('/dev/shm')).toMatchObject({ severity: 'ok' });
    expect(await checkKeyFiles('/proc')).toMatchObject({ severity: 'warn' });
    expect(await checkKeyFiles(undefined)).toMatchObject({ severity: 'skip' });
  });
});

describe('the checks of ways', () => {
  it('checkGateways looks at each gateway alone', async () => {
    await using good = await startIpfsGateway();
    await using wrong = await startIpfsGateway();
    const document = await good.add('{"oracles": []}');
    await wrong.add('{"oracles": []}');
    wrong.fault = 'wrong-bytes';
    const gateways = [good.url, wrong.url, `http://127.0.0.1:${await freePort()}`];
    const found = await checkGateways({}, { gateways, timeoutMs: 1_000 }, { document, limitMs });
    expect(found.map(({ severity }) => severity)).toEqual(['ok', 'warn', 'warn']);
    const unknown = await checkGateways({}, { gateways, timeoutMs: 1_000 }, { document: undefined, limitMs });
    expect(lines(unknown)).toEqual(['skip ipfs-gateway']);
  });

  it.each([
    ['ok', 'is up', 200, { status: 'UP' }],
    [
      'fail',
      'could not load 3 of its keys',
      503,
      { status: 'DOWN', checks: [{ status: 'DOWN', data: { 'error-count': 3 } }] },
    ],
    ['fail', 'says that it is down', 503, { status: 'DOWN' }],
    ['warn', 'does not tell how it is', 404, {}],
  ])('checkSignersHealth says %s: %s', async (severity, what, status, body) => {
    await using server = await startServer(() => ({ status, body }));
    const found = await checkSignersHealth([EndpointUrl.parse(server.url)], { tls: undefined, limitMs });
    expect(found[0]).toMatchObject({ severity, what: expect.stringContaining(what) });
  });

  it.each([
    [200, { status: 'idle' }, 'is a Web3Signer of 25.12 or later'],
    [404, {}, 'does not tell how a reload ends'],
  ])(
    'checkSignersHealth tells by the answer %i to GET /reload how old a signer is',
    async (status, body, what) => {
      await using server = await startServer(({ path }) =>
        path === '/healthcheck' ? { status: 200, body: { status: 'UP' } } : { status, body },
      );
      const found = await checkSignersHealth([EndpointUrl.parse(server.url)], { tls: undefined, limitMs });
      expect(found[1]).toMatchObject({ code: 'signer-version', what: expect.stringContaining(what) });
    },
  );

  it('checkClearText warns of http over a network alone', () => {
    const severityOf = (url: string) =>
      checkClearText([{ kind: 'signer', url: EndpointUrl.parse(url) }])[0]?.severity;
    expect(['http://signer:9000', 'http://10.0.0.1'].map(severityOf)).toEqual(['warn', 'warn']);
    const safe = [
      'https://signer:9000',
      'http://127.0.0.1:1',
      'http://[::1]:1',
      'http://localhost',
      'unix:/run/s.sock',
    ];
    expect(safe.map(severityOf)).toEqual(safe.map(() => 'ok'));
  });

  it('checkProxies says which servers are reached through which proxy', () => {
    const proxies = openProxies(
      { http: 'http://planted:secret@proxy:3128', https: undefined, except: 'near' },
      () => undefined,
    );
    const servers = ['http://far:8545', 'http://near:8545'].map(url => EndpointUrl.parse(url));
    expect(checkProxies({ proxies }, servers).map(({ what }) => what)).toEqual([
      'is reached through http://proxy:3128',
      'is reached directly',
    ]);
    expect(checkProxies({}, servers)).toMatchObject([{ severity: 'ok', what: 'none is set' }]);
  });
});
