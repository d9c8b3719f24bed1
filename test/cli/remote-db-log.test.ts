import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { appendAuditEntry } from '../../src/db/audit-log.ts';
import { type Database, openDatabase, tableOf } from '../../src/db/database.ts';
import { releaseLease, takeLease } from '../../src/db/leases.ts';
import { createRolesDatabase, type RolesDatabase } from '../support/postgres/database-roles.ts';
import { runCli } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const vault = Uint8Array.from(Buffer.from(VAULT.slice(2), 'hex'));
const resources = new AsyncDisposableStack();
let roles: RolesDatabase;
let database: Database;

beforeAll(async () => {
  roles = resources.use(await createRolesDatabase());
  database = resources.use(await openDatabase({ url: roles.ownerUrl }));
});
afterAll(() => resources.disposeAsync());

const log = (...words: string[]) =>
  runCli(['remote-db', 'log', ...words], {
    env: { VAULT, NETWORK: 'mainnet', REMOTE_DB_URL: roles.urls.auditor },
  });

const write = (command: string, counts: Readonly<Record<string, number>>) =>
  appendAuditEntry(database, { actor: 'ci@runner-3', command, network: 'mainnet', vault, counts });

it('remote-db log says that nothing was changed yet, and that no operator has run', async () => {
  expect(await log()).toEqual({
    exitCode: 0,
    stdout: 'Nothing was ever changed.\nNo operator has ever held the lease of this vault.\n',
    stderr: '',
  });
});

it('remote-db log shows the newest entries first, to the auditor, and what else there is', async () => {
  await write('remote-db setup', {});
  await write('remote-db upload-keypairs', { validators: 3, shares: 12 });
  await appendAuditEntry(database, {
    actor: 'somebody',
    command: 'of another network',
    network: 'hoodi',
    vault,
    counts: {},
  });
  const owner = new URL(roles.ownerUrl).username;
  const all = await log();
  expect(all.stdout.split('\n').slice(0, 2)).toEqual([
    expect.stringMatching(
      new RegExp(
        `^2  \\d{4}-\\S+Z  remote-db upload-keypairs  ci@runner-3  ${owner}  shares 12, validators 3$`,
      ),
    ),
    expect.stringMatching(new RegExp(`^1  \\d{4}-\\S+Z  remote-db setup  ci@runner-3  ${owner}$`)),
  ]);
  const rows = [
    { kind: 'shares', count: 12 },
    { kind: 'validators', count: 3 },
  ];
  const one = await log('--limit', '1', '--json');
  expect(one.stderr).toContain('Next: earlier entries are shown with a --limit above 1.\n');
  expect(JSON.parse(one.stdout)).toMatchObject({
    entries: [{ id: 2, command: 'remote-db upload-keypairs', rows }],
    more: true,
  });
});

it.each([
  ['1h', 2],
  ['2020-01-01', 2],
  ['2020-01-01T12:30:00+02:00', 2],
  ['0s', 0],
  ['2999-12-31', 0],
])('remote-db log --since %s shows %i entries', async (since, count) => {
  const run = await log('--since', since, '--json');
  expect(run.exitCode, run.stderr).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ more: false });
  expect(JSON.parse(run.stdout).entries).toHaveLength(count);
});

it.each(['yesterday', '2026-02-31', '5', '7 days', '2026-13-01', '-1h', ''])(
  'remote-db log refuses --since "%s"',
  async since => {
    const run = await log(`--since=${since}`);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(`Invalid value for '--since'`);
    expect(run.stderr).toContain('such as 90m, 24h or 7d');
  },
);

it('remote-db log tells who holds the lease, and who held it last', async () => {
  const scope = { chainId: 1, vault };
  const epoch = (await takeLease(database, scope, { holder: 'op-0 (pid 7)', ttlMs: 600_000 })) ?? 0n;
  const held = await log('--json');
  expect(JSON.parse(held.stdout).lease).toEqual({
    holder: 'op-0 (pid 7)',
    epoch: 1,
    expiresAt: expect.stringMatching(/Z$/),
    held: true,
  });
  expect(held.stderr).toMatch(
    /op-0 \(pid 7\) holds the lease until \S+Z, unless it renews it \(taken 1 times\)\.\n/,
  );
  await releaseLease(database, { ...scope, epoch });
  expect((await log()).stdout).toMatch(/Nobody holds the lease: that of op-0 \(pid 7\) ended at \S+Z/);
});

it('remote-db log shows what a hostile writer has put there without acting on the terminal', async () => {
  await sql`insert into ${tableOf(database, 'audit_log')} (actor, command, network, vault, counts)
    values (${'\u001b[2Jme'}, ${'x\ny'}, 'mainnet', ${vault}, ${JSON.stringify(['nothing', 'of the kind'])})`.execute(
    database.db,
  );
  const run = await log('--limit', '1');
  expect(run.stdout).toMatch(
    /^\d+ {2}\S+Z {2}x y {2}\[2Jme {2}\S+ {2}counts that this program has not written\n/,
  );
  const [entry] = JSON.parse((await log('--limit', '1', '--json')).stdout).entries;
  expect(entry).not.toHaveProperty('rows');
});

it('an uploader, who may only add to it, is told that it may not read the log', async () => {
  const run = await runCli(['remote-db', 'log'], {
    env: { VAULT, NETWORK: 'mainnet', REMOTE_DB_URL: roles.urls.uploader },
  });
  expect([run.exitCode, run.stderr]).toEqual([
    1,
    expect.stringContaining('permission denied for table audit_log'),
  ]);
});

it('remote-db log has shown its result', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
