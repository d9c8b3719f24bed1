import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  type Database,
  inTransaction,
  openDatabase,
  retryLostConnection,
  tableOf,
} from '../../../src/db/database.ts';
import { parseDatabaseUrl } from '../../../src/db/database-url.ts';
import { withVaultLock } from '../../../src/db/locks.ts';
import { checkSchema, migrateDatabase } from '../../../src/db/migrator.ts';
import { findVault, listVaults } from '../../../src/db/vaults.ts';
import { packageRoot } from '../../../src/lib/package-root.ts';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { createPgliteUrl } from '../../support/postgres/pglite.ts';
import {
  createTestDatabase,
  databaseUrl,
  roleUrl,
  runSql,
  type TestDatabase,
} from '../../support/postgres/postgres.ts';
import { firstLineOf } from '../../support/programs/first-line.ts';
import { storeVault } from '../../support/scenes/stored-keys.ts';

let migrated: TestDatabase;
let server: URL;
const role = `stakewise_reader_${process.pid}`;

beforeAll(async () => {
  migrated = await createTestDatabase();
  server = new URL(inject('postgres').url);
  await runSql(migrated.url, `create role ${role} login password 'first'`);
  await runSql(migrated.url, `grant usage on schema stakewise_operator to ${role}`);
  await runSql(migrated.url, `grant select on stakewise_operator.vaults to ${role}`);
});
afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
  await runSql(inject('postgres').url, `drop role ${role}`);
});

describe('a URL', () => {
  it.each([
    '',
    'nonsense',
    'mysql://user:pass@host/db',
    'user:pass@host/db',
    'postgresql:/host/db',
    'pglite:',
    'pglite:postgresql://user:pass@host/db',
    'postgresql://user:pass@host:port/db',
  ])('parseDatabaseUrl refuses %j', url => {
    expect(() => parseDatabaseUrl(url)).toThrow('Invalid database connection string');
  });

  it.each([
    ['postgresql://u:p@h/d', ['prefer', 'disable']],
    ['postgres://u@h/d?sslmode=allow', ['disable', 'prefer']],
    ['postgres://u:p@h:5433/d?sslmode=require', ['require']],
    ['postgres://u:p@h/d?sslmode=verify-full', ['verify-full']],
    ['postgres://u:p@h/d?sslmode=disable', ['disable']],
    ['postgres://u:p#%?x@h/d?application_name=x', ['prefer', 'disable']],
    ['postgresql:///d?host=/run/postgresql', ['disable']],
    ['postgresql://u@%2Frun%2Fpostgresql/d', ['disable']],
  ])('parseDatabaseUrl tries the TLS modes that libpq tries: %s', (url, modes) => {
    const parsed = parseDatabaseUrl(url);
    if (parsed.kind !== 'postgres') throw new Error('not postgres');
    expect(parsed.attempts.map(attempt => /[?&]sslmode=([a-z-]+)&uselibpqcompat/.exec(attempt)?.[1])).toEqual(
      modes,
    );
  });

  it.each([
    ['', 'prefer', false, false],
    ['?ssl=true', 'require', false, false],
    ['?sslmode=disable', 'disable', true, false],
    ['?sslmode=disable&sslmode=prefer', 'prefer', false, false],
    ['?sslrootcert=system', 'verify-full', false, false],
    ['?sslmode=require&channel_binding=require', 'require', false, true],
    ['?channel_binding=prefer', 'prefer', false, false],
  ])(
    'parseDatabaseUrl says how the server is to be known: %j',
    (query, sslMode, isPlainTextWanted, requiresChannelBinding) => {
      expect(parseDatabaseUrl(`postgres://u:p@h/d${query}`)).toMatchObject({
        sslMode,
        isPlainTextWanted,
        requiresChannelBinding,
      });
    },
  );

  it('parseDatabaseUrl refuses a channel binding that does not exist', () => {
    expect(() => parseDatabaseUrl('postgres://u:p@h/d?channel_binding=required')).toThrow(
      'Invalid channel_binding "required" in the database URL',
    );
  });

  it.each(['sslmode=sometimes', 'sslmode=verify-ca', 'sslmode=verify-ca&sslrootcert=system'])(
    'parseDatabaseUrl refuses the parameters %s',
    query => {
      expect(() => parseDatabaseUrl(`postgres://u:p@h/d?${query}`)).toThrow(/sslmode/);
    },
  );
});

describe('a connection', () => {
  it('openDatabase tells of a refused connection in the words of the Python operator', async () => {
    await expect(
      openDatabase({ url: 'postgresql://username:pass@127.0.0.1:1/dbname' }),
    ).rejects.toMatchObject({
      code: 'db-unreachable',
      message:
        'failed to connect to the database server with provided URL.\n' +
        'Details: connection to server at "127.0.0.1", port 1 failed: Connection refused\n' +
        '\tIs the server running on that host and accepting TCP/IP connections?\n',
    });
  });

  it('openDatabase names a host that is unknown', async () => {
    await expect(openDatabase({ url: 'postgresql://u:p@no-such-host.invalid/d' })).rejects.toMatchObject({
      code: 'db-unreachable',
      message: expect.stringContaining('could not translate host name "no-such-host.invalid" to address'),
    });
  });

  it('openDatabase gives up a server that never answers', async () => {
    const silent = createServer(() => undefined);
    const port = await listenOnLoopback(silent);
    const opening = openDatabase({ url: `postgresql://u:p@127.0.0.1:${port}/d`, connectTimeoutMs: 300 });
    await expect(opening).rejects.toMatchObject({
      code: 'db-unreachable',
      message: expect.stringContaining(
        `connection to server at "127.0.0.1", port ${port} failed: timeout expired`,
      ),
    });
    silent.close();
  });

  it('openDatabase names server, role and database after a wrong password, never the password', async () => {
    const error = await openDatabase({ url: roleUrl(migrated.url, role, 'hunter2') }).catch(thrown => thrown);
    expect(error).toMatchObject({
      code: 'db-auth-failed',
      message: `failed to connect to the database server with provided URL.\nDetails: connection to server at "127.0.0.1", port ${server.port} failed: FATAL:  password authentication failed for user "${role}"\n`,
      hint: `Check the password of role "${role}" for database "${migrated.name}".`,
    });
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('hunter2');
  });

  it('openDatabase names a database that is unknown', async () => {
    await expect(openDatabase({ url: databaseUrl(server.href, 'no_such_database') })).rejects.toMatchObject({
      code: 'db-not-found',
      message: expect.stringContaining('FATAL:  database "no_such_database" does not exist'),
    });
  });

  it('openDatabase refuses sslmode=require with a server without TLS', async () => {
    await expect(openDatabase({ url: `${migrated.url}?sslmode=require` })).rejects.toMatchObject({
      code: 'db-tls-failed',
      retryable: false,
      message: expect.stringContaining('server does not support SSL, but SSL was required'),
    });
  });

  it.each(['allow', 'prefer', 'disable'])(
    'openDatabase connects with sslmode=%s to a server without TLS',
    async mode => {
      await using database = await openDatabase({ url: `${migrated.url}?sslmode=${mode}` });
      await checkSchema(database, { programVersion: '1.0.0' });
    },
  );

  it('openDatabase names a certificate file that is missing', async () => {
    const url = `${migrated.url}?sslmode=verify-full&sslrootcert=/no/such/ca.pem`;
    await expect(openDatabase({ url })).rejects.toThrow(
      'Cannot use the database URL: ENOENT (/no/such/ca.pem)',
    );
  });

  it('openDatabase connects with the new password when the old one is refused', async () => {
    await using database = await openDatabase({
      url: roleUrl(migrated.url, role, 'old'),
      reloadUrl: async () => roleUrl(migrated.url, role, 'first'),
    });
    expect(await listSchemaNames(database)).toContain('stakewise_operator');
    const reloading = openDatabase({
      url: roleUrl(migrated.url, role, 'old'),
      reloadUrl: async () => roleUrl(migrated.url, role, 'older'),
    });
    await expect(reloading).rejects.toMatchObject({ code: 'db-auth-failed' });
  });
});

describe('a statement', () => {
  it('a statement on a database without tables says what to run', async () => {
    await using empty = await createTestDatabase({ migrated: false });
    await using database = await openDatabase({ url: empty.url });
    await expect(listVaults(database)).rejects.toMatchObject({
      code: 'db-schema-missing',
      hint: expect.stringContaining('remote-db setup'),
    });
  });

  it('a statement that writes to a read-only database names the database and the role', async () => {
    await using readOnly = await createTestDatabase();
    await runSql(readOnly.url, `alter database ${readOnly.name} set default_transaction_read_only = on`);
    await using database = await openDatabase({ url: readOnly.url });
    await expect(storeVault(database)).rejects.toMatchObject({
      code: 'db-read-only',
      message: `Database "${readOnly.name}" at "127.0.0.1", port ${server.port} is read-only for role "postgres".`,
    });
  });

  it('a statement of a role without rights names the role and the table', async () => {
    await using database = await openDatabase({ url: roleUrl(migrated.url, role, 'first') });
    await expect(storeVault(database)).rejects.toMatchObject({
      code: 'db-permission-denied',
      message: expect.stringMatching(new RegExp(`Role "${role}".*permission denied for table vaults`)),
    });
    await using empty = await createTestDatabase({ migrated: false });
    await using foreign = await openDatabase({ url: roleUrl(empty.url, role, 'first') });
    await expect(migrateDatabase(foreign, { programVersion: '1.0.0' })).rejects.toMatchObject({
      code: 'db-permission-denied',
    });
  });

  it('a statement that takes too long is ended', async () => {
    await using database = await openDatabase({ url: migrated.url, statementTimeoutMs: 100 });
    await expect(sql`select pg_sleep(5)`.execute(database.db)).rejects.toMatchObject({ code: 'db-timeout' });
  });

  it('a statement on a full disk ends with db-disk-full', async () => {
    await using database = await openDatabase({ url: migrated.url });
    // No disk is filled here: the server itself raises the error that it raises then.
    const raise = sql`do $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`;
    await expect(raise.execute(database.db)).rejects.toMatchObject({
      code: 'db-disk-full',
      retryable: false,
    });
  });

  it('retryLostConnection repeats a transaction whose connection was lost', async () => {
    await using database = await openDatabase({ url: migrated.url });
    const vault = await storeVault(database);
    let attempts = 0;
    const found = await retryLostConnection(database, () =>
      inTransaction(database, async transaction => {
        attempts += 1;
        if (attempts === 1) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(transaction.db);
        return findVault(transaction, vault);
      }),
    );
    expect({ found, attempts }).toEqual({ found: vault, attempts: 2 });
  });

  it('retryLostConnection reads on after the server ended the idle connections', async () => {
    await using database = await openDatabase({ url: migrated.url });
    await runSql(server.href, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
      migrated.name,
    ]);
    expect(await retryLostConnection(database, () => listVaults(database))).toBeInstanceOf(Array);
  });
});

describe('the lock of a vault', () => {
  it('withVaultLock lets one in at a time and tells who waits', async () => {
    await using one = await openDatabase({ url: migrated.url });
    await using other = await openDatabase({ url: migrated.url });
    const events: string[] = [];
    const entered = Promise.withResolvers<void>();
    const waiting = Promise.withResolvers<void>();
    const first = withVaultLock(one, { vaultId: 1, timeoutMs: 20_000 }, async () => {
      await withVaultLock(other, { vaultId: 2, timeoutMs: 0 }, async () => void events.push('another vault'));
      const refused = withVaultLock(other, { vaultId: 1, timeoutMs: 0 }, async () => undefined);
      await expect(refused).rejects.toMatchObject({ code: 'vault-busy' });
      entered.resolve();
      await waiting.promise;
      events.push('first ends');
    });
    await entered.promise;
    const onWait = () => {
      events.push('second waits');
      waiting.resolve();
    };
    await withVaultLock(
      other,
      { vaultId: 1, timeoutMs: 20_000, onWait },
      async () => void events.push('second enters'),
    );
    await first;
    expect(events).toEqual(['another vault', 'second waits', 'first ends', 'second enters']);
  });
});

describe('the embedded database', () => {
  it('the embedded database keeps what it has been told, serves one process, and forgets a dead one', async () => {
    await using embedded = await createPgliteUrl();
    const database = await openDatabase({ url: embedded.url });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    const vault = await storeVault(database);
    await expect(openDatabase({ url: embedded.url })).rejects.toMatchObject({
      code: 'db-in-use',
      message: `The embedded database ${embedded.path} is in use by process ${process.pid} on ${hostname()}.`,
    });
    expect(() => migrateElsewhere(embedded.url)).toThrow('is in use by process');
    await database.close();
    expect(migrateElsewhere(embedded.url)).toBe('[]\n');
    // A process that was killed leaves its lock behind; its pid may since be another's.
    await writeFile(`${embedded.path}.lock`, `${process.pid} 1 gone\n`);
    await using again = await openDatabase({ url: embedded.url });
    expect(await findVault(again, vault)).toEqual(vault);
    await again.close();
    expect(await readdir(dirname(embedded.path))).toEqual(['db']);
  });

  it('the embedded database is taken over after kill -9 of its holder', async () => {
    await using embedded = await createPgliteUrl();
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `const { openDatabase } = await import(${JSON.stringify(join(packageRoot(), 'src/db/database.ts'))});
       await openDatabase({ url: ${JSON.stringify(embedded.url)} }); console.log('open'); setInterval(() => {}, 1000);`,
    ]);
    await firstLineOf(holder);
    await expect(openDatabase({ url: embedded.url })).rejects.toMatchObject({ code: 'db-in-use' });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await using database = await openDatabase({ url: embedded.url });
    expect(await migrateDatabase(database, { programVersion: '1.0.0' })).toContain('0001-initial');
  });
});

function migrateElsewhere(url: string): string {
  const program = join(packageRoot(), 'test/support/postgres/migrate.ts');
  return execFileSync(process.execPath, [program, url], { encoding: 'utf8', stdio: 'pipe' });
}

async function listSchemaNames(database: Database): Promise<string[]> {
  await sql`select 1 from ${tableOf(database, 'vaults')} limit 1`.execute(database.db);
  const { rows } = await sql<{ name: string }>`select nspname as name from pg_namespace`.execute(database.db);
  return rows.map(row => row.name);
}
