import { lstat, mkdir, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { asFileError } from '../lib/files.ts';

/** Linux: 108 bytes with the zero at the end. */
const MAX_PATH_BYTES = 107;

/**
 * Makes the directory of a socket, which nobody else may enter: that is all that keeps others from signing. One that is
 * there already must be as private. Disposing of it removes the socket, and the directory if it was made here.
 * @throws UsageError
 */
export async function prepareSocketDirectory(
  socketPath: string,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = resolve(socketPath);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new UsageError(
      'socket-path-too-long',
      `${path} is longer than ${MAX_PATH_BYTES} bytes, which no socket's path may be.`,
    );
  }
  const directory = dirname(path);
  const isNew = await makeDirectory(directory);
  if (!isNew) {
    await requirePrivate(directory);
    await removeStale(path);
  }
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await unlink(path).catch(ignoreMissing);
      if (isNew) await rmdir(directory).catch(() => undefined);
    },
  };
}

async function makeDirectory(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw asFileError(error, directory, 'write');
  }
}

async function requirePrivate(directory: string): Promise<void> {
  const stats = await lstat(directory);
  const isOwn = stats.isDirectory() && stats.uid === process.getuid?.();
  if (isOwn && (stats.mode & 0o077) === 0) return;
  throw new UsageError(
    'socket-directory-open',
    `The directory of the socket, ${directory}, must be a directory of this user that nobody else may enter.`,
    { hint: 'Name a directory that does not exist yet: it is made with mode 0700.' },
  );
}

/** Removes the socket of a signer that was killed, never that of one which answers. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(ignoreMissing);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new UsageError('socket-path-taken', `${path} exists and is not a socket.`);
  const isAlive = await new Promise<boolean>(done => {
    const socket = connect(path);
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
  if (isAlive) throw new UsageError('socket-path-taken', `Another process answers on ${path}.`);
  await unlink(path).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
