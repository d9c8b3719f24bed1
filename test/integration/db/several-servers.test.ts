// What a URL with several hosts leads to: one of them is the primary server, one is a standby, one is away.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { type PostgresServer, startOwnPostgresServer } from '../../support/postgres/postgres-server.ts';

const NOBODY = '127.0.0.1:1';

let password: string;
let primary: string;
let standby: string;
let standbyServer: PostgresServer;
beforeAll(async () => {
  const server = new URL(inject('postgres').url);
  password = decodeURIComponent(server.password);
  primary = server.host;
  standbyServer = await startOwnPostgresServer({ inMemory: true, password, isStandby: true });
  standby = new URL(standbyServer.url).host;
});
afterAll(() => standbyServer[Symbol.asyncDispose]());

/** The URL of these hosts, whatever form it has. */
function urlOf(hosts: readonly string[], query = ''): string {
  return `postgresql://postgres:${password}@${hosts.join(',')}/postgres${query}`;
}

function keywordsOf(hosts: readonly string[], more = ''): string {
  const [names, ports] = [0, 1].map(part => hosts.map(host => host.split(':')[part]).join(','));
  return `host=${names} port=${ports} user=postgres password='${password}' dbname=postgres ${more}`;
}

async function serverOf(database: Database): Promise<string> {
  const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(database.db);
  return `127.0.0.1:${rows[0]?.port}`;
}

async function reached(url: string): Promise<string> {
  await using database = await openDatabase({ url, connectTimeoutMs: 5_000 });
  return await serverOf(database);
}

describe('the hosts of a database URL', () => {
  const NAMES = { nobody: () => NOBODY, primary: () => primary, standby: () => standby };
  type Name = keyof typeof NAMES;
  const hostsOf = (names: readonly Name[]) => names.map(name => NAMES[name]());

  it.each<readonly [target: string, hosts: readonly Name[], reached: Name]>([
    ['', ['nobody', 'primary'], 'primary'],
    ['', ['nobody', 'standby', 'primary'], 'standby'],
    ['any', ['standby', 'primary'], 'standby'],
    ['read-write', ['nobody', 'standby', 'primary'], 'primary'],
    ['primary', ['standby', 'primary'], 'primary'],
    ['read-only', ['primary', 'standby'], 'standby'],
    ['standby', ['primary', 'nobody', 'standby'], 'standby'],
    ['prefer-standby', ['primary', 'standby'], 'standby'],
    ['prefer-standby', ['nobody', 'primary'], 'primary'],
  ])('target_session_attrs=%s over %j leads to the %s', async (target, names, wanted) => {
    const hosts = hostsOf(names);
    const query = target === '' ? '' : `target_session_attrs=${target}`;
    expect(await reached(urlOf(hosts, `?${query}`))).toBe(NAMES[wanted]());
    expect(await reached(keywordsOf(hosts, query))).toBe(NAMES[wanted]());
    const [names1, ports] = [0, 1].map(part => hosts.map(host => host.split(':')[part]).join(','));
    const parameters = `host=${names1}&port=${ports}&${query}`;
    expect(await reached(`postgresql://postgres:${password}@/postgres?${parameters}`)).toBe(NAMES[wanted]());
  });

  it('load_balance_hosts=random leads to each of them', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 60 && seen.size < 2; i++) {
      seen.add(await reached(urlOf([primary, standby], '?load_balance_hosts=random')));
    }
    expect(seen).toEqual(new Set([primary, standby]));
  });

  it('a host that says nothing is given up after connect_timeout, and the next one is taken', async () => {
    const silent = createServer(() => undefined);
    const port = await listenOnLoopback(silent);
    expect(await reached(urlOf([`127.0.0.1:${port}`, primary], '?connect_timeout=1'))).toBe(primary);
    silent.close();
  });

  it.each([
    ['read-write', 'session is read-only'],
    ['primary', 'server is in hot standby mode'],
  ])('where no host is %s, each is named with what it is', async (target, words) => {
    const url = urlOf([NOBODY, standby], `?target_session_attrs=${target}`);
    const error = await openDatabase({ url }).catch(thrown => thrown);
    const port = standby.split(':')[1];
    expect(error).toMatchObject({
      code: 'db-unreachable',
      retryable: true,
      message:
        'failed to connect to the database server with provided URL.\n' +
        'Details: connection to server at "127.0.0.1", port 1 failed: Connection refused\n' +
        '\tIs the server running on that host and accepting TCP/IP connections?\n' +
        `connection to server at "127.0.0.1", port ${port} failed: ${words}\n`,
      hint: expect.stringContaining('target_session_attrs'),
    });
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(password);
  });

  it('target_session_attrs=read-write takes no primary server whose transactions are read only', async () => {
    const readOnly = '&options=-c%20default_transaction_read_only%3Don';
    const url = urlOf([primary], `?target_session_attrs=read-write${readOnly}`);
    await expect(openDatabase({ url })).rejects.toThrow('session is read-only');
    expect(await reached(urlOf([primary], `?target_session_attrs=primary${readOnly}`))).toBe(primary);
  });

  it('a wrong password is the last word: the next host is not asked', async () => {
    const url = urlOf([primary, standby]).replace(password, 'wrong');
    await expect(openDatabase({ url })).rejects.toMatchObject({
      code: 'db-auth-failed',
      message: expect.not.stringContaining(standby.split(':')[1] ?? ''),
    });
  });

  it('a database that is open goes on with the next host when its own is gone', async () => {
    await using front = await startFront(primary);
    await using database = await openDatabase({ url: urlOf([front.host, standby]) });
    expect(await serverOf(database)).toBe(primary);
    await front[Symbol.asyncDispose]();
    // The connection that broke is told of once; the step is then repeated on another.
    await serverOf(database).catch(() => undefined);
    expect(await serverOf(database)).toBe(standby);
  });
});

/** Stands in front of a server, so that it can be gone. */
async function startFront(host: string): Promise<AsyncDisposable & { readonly host: string }> {
  const [name, port] = host.split(':');
  const sockets = new Set<Socket>();
  const front = createServer(client => {
    const server = connect(Number(port), name);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server).pipe(client);
  });
  const listening = await listenOnLoopback(front);
  return {
    host: `127.0.0.1:${listening}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      if (!front.listening) return;
      front.close();
      await once(front, 'close');
    },
  };
}
