import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  chownSync,
  constants,
  mkdtempSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../devnet/listen.ts';
import { type Identity, provideBinaries, serverIdentity } from './postgres-binaries.ts';

export interface PostgresServer extends AsyncDisposable {
  /** The URL of a superuser, or at least of a role that may create databases and roles. */
  readonly url: string;
}

/**
 * The server named by TEST_DATABASE_URL, or a fresh one in the system's temporary directory, which ends with this
 * process however it ends. Root's server runs as `nobody`.
 * @param options.inMemory - keeps its data in memory where the machine has a place for that: a database is 300 files, and the
 *   making and removing of hundreds of databases took a sixth of all tests' time on ext4 (measured)
 */
export async function startPostgresServer(options: ServerOptions = {}): Promise<PostgresServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== '')
    return { url: given, [Symbol.asyncDispose]: async () => undefined };
  return startOwnPostgresServer(options);
}

interface ServerOptions {
  readonly inMemory?: boolean | undefined;
  /** The superuser's. Default: one that nobody else knows. */
  readonly password?: string | undefined;
  /** Whether it waits for what a primary server writes, as a hot standby: it is in recovery, and read only. */
  readonly isStandby?: boolean | undefined;
}

/** A fresh server in any case, whose settings a test may change. */
export async function startOwnPostgresServer({
  inMemory = false,
  password = randomBytes(12).toString('hex'),
  isStandby = false,
}: ServerOptions = {}): Promise<PostgresServer> {
  const identity = serverIdentity();
  const memory = inMemory ? memoryDirectory() : undefined;
  const area = ownDirectory(temporaryDirectory(), identity);
  const dataArea = memory === undefined ? area : ownDirectory(memory, identity);
  try {
    const binaries = await provideBinaries(area, identity);
    const cluster = { area, dataArea, binaries, identity };
    await initializeCluster({ ...cluster, password });
    if (isStandby) makeStandby(cluster);
    const port = await freePort();
    const settings = isStandby ? STANDBY_SETTINGS : SETTINGS;
    const server = await startServer({ ...cluster, port, settings });
    const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
    const closed = once(server, 'close');
    return { url, [Symbol.asyncDispose]: () => stopServer(server, closed) };
  } catch (error) {
    for (const directory of [dataArea, area]) rmSync(directory, { recursive: true, force: true });
    throw new Error('embedded Postgres did not start; TEST_DATABASE_URL names another.', { cause: error });
  }
}

interface Cluster {
  /** Programs, where they had to be copied, and sockets. */
  readonly area: string;
  /** Where the data is; may be the same. */
  readonly dataArea: string;
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
/** A standby takes as many connections as its cluster was made for, or does not start. */
const STANDBY_SETTINGS = { ...SETTINGS, max_connections: '100' };

// The shell becomes the server and leaves a watchman behind, whose input ends with the process that started it. The
// server takes its lock file away when it has ended; asked as a process it may be there for ever, waiting for an heir.
const GUARDED = `
area=$1; data=$2; shift 2
exec 3<&0 </dev/null
{
  cat <&3 >/dev/null
  kill -QUIT $$ 2>/dev/null
  tries=0
  while [ -e "$data/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -KILL $$ 2>/dev/null
  rm -rf "$data" "$area"
} &
exec "$@" 3<&-`;

async function initializeCluster({
  area,
  dataArea,
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
      join(dataArea, 'data'),
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

/** There is no primary server that it could follow: it waits for one for ever, and answers meanwhile. */
function makeStandby({ dataArea, identity }: Pick<Cluster, 'dataArea' | 'identity'>): void {
  const signal = join(dataArea, 'data', 'standby.signal');
  writeFileSync(signal, '');
  if (identity.uid !== undefined) chownSync(signal, identity.uid, identity.gid);
}

async function startServer({
  area,
  dataArea,
  binaries,
  identity,
  port,
  settings,
}: Cluster & { port: number; settings: Readonly<Record<string, string>> }): Promise<ChildProcess> {
  const own = Object.entries({ ...settings, unix_socket_directories: area, port: String(port) });
  const server = spawn(
    'sh',
    [
      '-c',
      GUARDED,
      'sh',
      area,
      dataArea,
      join(binaries, 'bin', 'postgres'),
      '-D',
      join(dataArea, 'data'),
      ...own.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
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
      if (/database system is ready to accept (?:read-only )?connections/.test(text)) resolve();
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

function ownDirectory(parent: string, identity: Identity): string {
  const directory = mkdtempSync(join(parent, 'stakewise-postgres-'));
  if (identity.uid !== undefined) chownSync(directory, identity.uid, identity.gid);
  return directory;
}

const SHARED_MEMORY = '/dev/shm';
const TMPFS = 0x01021994;
const MEMORY_NEEDED = 4 * 1024 ** 3;

/** Linux's file system in memory; undefined where there is none, or as little of it as a container has by default. */
function memoryDirectory(): string | undefined {
  try {
    const { type, bavail, bsize } = statfsSync(SHARED_MEMORY);
    if (type !== TMPFS || bavail * bsize < MEMORY_NEEDED) return undefined;
    accessSync(SHARED_MEMORY, constants.W_OK);
    return SHARED_MEMORY;
  } catch {
    return undefined;
  }
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
