// --wait-for-db: a database server that is started together with the command that needs it.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { freePort } from '../devnet/listen.ts';
import { it } from '../support/postgres/fixtures.ts';
import { runCli } from '../support/programs/cli.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const GROUP = ['remote-db', '--vault', VAULT, '--network', 'hoodi'];
const NOT_YET = /Warning: The database does not accept connections yet: .*\. Trying for \d+ seconds?\.\n/;

/** A server on this port that does the same with each connection until the end of the block. */
async function listenOn(port: number, serve: (socket: Socket) => void): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Hands a connection on to the test server. */
function forwardTo(url: string): (socket: Socket) => void {
  const { hostname, port } = new URL(url);
  return socket => {
    const far = connect(Number(port), hostname);
    far.on('error', () => socket.destroy());
    socket.pipe(far).pipe(socket);
  };
}

/** Refuses a connection as Postgres does, by the messages of its protocol: no TLS, then an error. */
function refuseWith(sqlState: string, message: string): (socket: Socket) => void {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
  return socket =>
    socket.on('data', (data: Buffer) => {
      const isTlsRequest = data.length === 8;
      if (isTlsRequest) socket.write('N');
      else socket.end(Buffer.concat([head, fields]));
    });
}

function at(port: number, url = 'postgresql://operator:pass@127.0.0.1/operator'): string {
  const moved = new URL(url);
  moved.hostname = '127.0.0.1';
  moved.port = String(port);
  return moved.href;
}

function migrate(url: string, wait: string) {
  return startOperatorProcess(['migrate', '--wait-for-db', wait], {
    words: GROUP,
    env: { REMOTE_DB_URL: url },
  });
}

describe('--wait-for-db', () => {
  it('a server that is started later is waited for, and the command does its work', async ({ empty }) => {
    const port = await freePort();
    await using command = migrate(at(port, empty.url), '60s');
    await command.printed(NOT_YET);
    expect(command.output).toContain('Connection refused');
    await using _server = await listenOn(port, forwardTo(empty.url));
    expect(await command.ended, command.output).toBe(0);
  });

  it('a server that says that it is starting up is waited for', async ({ empty }) => {
    const port = await freePort();
    const refuse = refuseWith('57P03', 'the database system is starting up');
    const forward = forwardTo(empty.url);
    let isUp = false;
    await using _server = await listenOn(port, socket => (isUp ? forward(socket) : refuse(socket)));
    await using command = migrate(at(port, empty.url), '60s');
    await command.printed('FATAL:  the database system is starting up. Trying for');
    isUp = true;
    expect(await command.ended, command.output).toBe(0);
  });

  it('a server that stays away ends the command with the usual error when the time is over', async () => {
    const url = at(await freePort());
    const usual = await runCli([...GROUP, 'migrate'], { env: { REMOTE_DB_URL: url } });
    await using command = migrate(url, '1.5s');
    const beganAt = performance.now();
    expect(await command.ended).toBe(1);
    expect(performance.now() - beganAt).toBeGreaterThan(1_500);
    expect(command.output).toMatch(NOT_YET);
    expect(command.output.replace(NOT_YET, '')).toBe(usual.stderr);
  });

  it('a server that does not answer at all is told of, and given no more than the time', async () => {
    const port = await freePort();
    await using _server = await listenOn(port, () => undefined);
    await using command = migrate(at(port), '2s');
    const beganAt = performance.now();
    await command.printed('not accept connections yet: no answer. Trying for');
    expect(await command.ended).toBe(1);
    // The usual limit of one attempt is ten seconds.
    expect(performance.now() - beganAt).toBeLessThan(9_000);
    expect(command.output).toContain('timeout expired');
  });

  it.for([
    ['28P01', 'password authentication failed for user "operator"'],
    ['28000', 'role "operator" does not exist'],
    ['3D000', 'database "operator" does not exist'],
    ['42501', 'permission denied for database "operator"'],
    ['08P01', 'unsupported startup parameter'],
  ] as const)('what the server says with %s (%s) is not waited for', async ([sqlState, message]) => {
    const port = await freePort();
    await using _server = await listenOn(port, refuseWith(sqlState, message));
    await using command = migrate(at(port), '10m');
    expect(await command.ended).toBe(1);
    expect(command.output).toContain(message);
    expect(command.output).not.toMatch(NOT_YET);
  });

  it.for([
    [...GROUP, 'verify'],
    [...GROUP, 'setup', '--if-needed'],
    [...GROUP, 'assign', '--total-validators', '1'],
    ['tx', 'list', '--vault', VAULT, '--network', 'hoodi'],
    ['deposit-data', '--vault', VAULT, '--network', 'hoodi', '--execution-endpoints', 'http://127.0.0.1:1'],
    ['signer', '--vault', VAULT, '--network', 'hoodi', '--listen', '127.0.0.1:0'],
    ['start', '--vault', VAULT, '--network', 'hoodi', '--remote-signer-url', 'http://127.0.0.1:1'],
  ])('%j waits as long as WAIT_FOR_DB says, and no longer', async (words, { directory }) => {
    const run = await runCli(words, {
      env: {
        HOME: directory,
        WAIT_FOR_DB: '300ms',
        REMOTE_DB_URL: at(await freePort()),
        REMOTE_DB_ENCRYPT_KEY: '1'.repeat(64),
        EXECUTION_ENDPOINTS: 'http://127.0.0.1:1',
        CONSENSUS_ENDPOINTS: 'http://127.0.0.1:1',
      },
    });
    expect(run.stderr).toMatch(
      /The database does not accept connections yet: .* Connection refused\. Trying/,
    );
    expect(run.stderr).toMatch(/Error: failed to connect to the database server with provided URL\./);
    expect(run.exitCode).toBe(1);
  });
});
