import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Identity, provideBinaries, serverIdentity } from './postgres-binaries.ts';

export interface PostgresServer extends AsyncDisposable {
  /** The URL of a superuser, or at least of a role that may create databases and roles. */
  readonly url: string;
}

/**
 * The server named by TEST_DATABASE_URL, or a fresh one in the system's temporary directory, which ends with this
 * process however it ends. Root's server runs as `nobody`.
 */
export async function startPostgresServer(): Promise<PostgresServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== '')
    return { url: given, [Symbol.asyncDispose]: async () => undefined };
  return startOwnPostgresServer();
}

/** A fresh server in any case, whose settings a test may change. */
export async function startOwnPostgresServer(): Promise<PostgresServer> {
  const identity = serverIdentity();
  const area = mkdtempSync(join(temporaryDirectory(), 'stakewise-postgres-'));
  try {
    if (identity.uid !== undefined) chownSync(area, identity.uid, identity.gid);
    const binaries = await provideBinaries(area, identity);
    const password = randomBytes(12).toString('hex');
    await initializeCluster({ area, binaries, identity, password });
    const port = await freePort();
    const server = await startServer({ area, binaries, identity, port });
    const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
    const closed = once(server, 'close');
    return { url, [Symbol.asyncDispose]: () => stopServer(server, closed) };
  } catch (error) {
    rmSync(area, { recursive: true, force: true });
    throw new Error('embedded Postgres did not start; TEST_DATABASE_URL names another.', { cause: error });
  }
}

interface Cluster {
  readonly area: string;
  readonly binaries: string;
  readonly identity: Identity;
}

const STOP_TIMEOUT_MS = 60_000;

// Nothing here survives a crash, and nothing has to.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_connections: '60',
};

// The shell becomes the server and leaves a watchman behind, whose input ends with the process that started it. The
// server takes its lock file away when it has ended; asked as a process it may be there for ever, waiting for an heir.
const GUARDED = `
area=$1; shift
exec 3<&0 </dev/null
{
  cat <&3 >/dev/null
  kill -QUIT $$ 2>/dev/null
  tries=0
  while [ -e "$area/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -KILL $$ 2>/dev/null
  rm -rf "$area"
} &
exec "$@" 3<&-`;

async function initializeCluster({
  area,
  binaries,
  identity,
  password,
}: Cluster & { password: string }): Promise<void> {
  const passwordFile = join(area, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (identity.uid !== undefined) chownSync(passwordFile, identity.uid, identity.gid);
  await promisify(execFile)(
    join(binaries, 'bin', 'initdb'),
    [
      '-D',
      join(area, 'data'),
      '-L',
      join(binaries, 'share', 'postgresql'),
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { cwd: area, env: environment(), ...identity },
  );
  rmSync(passwordFile);
}

async function startServer({
  area,
  binaries,
  identity,
  port,
}: Cluster & { port: number }): Promise<ChildProcess> {
  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: area, port: String(port) });
  const server = spawn(
    'sh',
    [
      '-c',
      GUARDED,
      'sh',
      area,
      join(binaries, 'bin', 'postgres'),
      '-D',
      join(area, 'data'),
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // A process group of its own: Ctrl-C is for this process, which then still drops its databases.
    { cwd: area, env: environment(), detached: true, stdio: ['pipe', 'ignore', 'pipe'], ...identity },
  );
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', () => {
      server.stdin?.end();
      reject(new Error(`postgres ended:\n${log}`));
    });
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000);
      if (text.includes('database system is ready to accept connections')) resolve();
    });
  });
  return server;
}

/** Ends the server and waits until its files are gone: the watchman holds the other end of stderr until then. */
async function stopServer(server: ChildProcess, closed: Promise<unknown>): Promise<void> {
  server.stdin?.end();
  // Its process group ends with it, watchman and all, should it not come to an end by itself.
  const impatience = setTimeout(() => process.kill(-Number(server.pid), 'SIGKILL'), STOP_TIMEOUT_MS);
  await closed;
  clearTimeout(impatience);
}

/** No PGDATA, PGPORT or PGSHAREDIR of the developer's. */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C' };
}

/** The system's, unless the server's user cannot get there. */
function temporaryDirectory(): string {
  const directory = tmpdir();
  if (serverIdentity().uid === undefined || isOpenToAll(directory)) return directory;
  accessSync('/tmp', constants.W_OK);
  return '/tmp';
}

function isOpenToAll(directory: string): boolean {
  const isOpen = (statSync(directory).mode & 0o001) !== 0;
  return isOpen && (directory === dirname(directory) || isOpenToAll(dirname(directory)));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
