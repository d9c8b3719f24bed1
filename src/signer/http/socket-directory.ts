import { lstat, mkdir, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, resolve } from 'node:path';
import { UsageError } from '../../lib/errors.ts';
import { codeOf, ignoreMissing } from '../../lib/file-errors.ts';
import { asFileError } from '../../lib/files.ts';
import { HeldDirectory } from '../../lib/held-directory.ts';
import { owned } from '../../lib/owned.ts';

/** Linux: 108 bytes with the zero at the end. */
const MAX_PATH_BYTES = 107;

/** The private directory of a socket, held: what its path leads to later changes nothing for this process. */
export interface SocketDirectory extends AsyncDisposable {
  /** Absolute path of the socket. */
  readonly path: string;
  /** Makes the socket by a path by which this process reaches it while the directory is held. */
  readonly bind: <T>(listen: (at: string) => Promise<T>) => Promise<T>;
}

/**
 * Makes the directory of a socket, which nobody else may enter: that is all that keeps others from signing. One that is
 * there already must be as private. Disposing of it removes the socket, and the directory if it was made here.
 * @throws UsageError
 */
export async function prepareSocketDirectory(socketPath: string): Promise<SocketDirectory> {
  const path = resolve(socketPath);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new UsageError(
      'socket-path-too-long',
      `${path} is longer than ${MAX_PATH_BYTES} bytes, which no socket's path may be.`,
    );
  }
  const directory = dirname(path);
  const name = basename(path);
  const isNew = await makeDirectory(directory);
  await using stack = new AsyncDisposableStack();
  if (isNew) stack.defer(() => rmdir(directory).catch(() => undefined));
  const held = stack.use(await holdPrivate(directory));
  if (!isNew) await held.at(name, at => removeStale(path, at));
  stack.defer(async () => void (await held.at(name, unlink).catch(ignoreMissing)));
  return owned(stack, {
    path,
    bind: <T>(listen: (at: string) => Promise<T>) => held.at(name, listen),
  });
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

async function holdPrivate(directory: string): Promise<HeldDirectory> {
  const held = await HeldDirectory.open(directory, { followLink: false }).catch((error: unknown) => {
    // A file or a link.
    if (['ENOTDIR', 'ELOOP', 'EMLINK'].includes(codeOf(error))) throw notPrivate(directory);
    throw asFileError(error, directory, 'read');
  });
  const { uid, mode } = held.facts;
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return held;
  await held[Symbol.asyncDispose]();
  throw notPrivate(directory);
}

function notPrivate(directory: string): UsageError {
  return new UsageError(
    'socket-directory-open',
    `The directory of the socket, ${directory}, must be a directory of this user that nobody else may enter.`,
    { hint: 'Name a directory that does not exist yet: it is made with mode 0700.' },
  );
}

/** Removes the socket of a signer that was killed, never that of one which answers. */
async function removeStale(path: string, at: string): Promise<void> {
  const stats = await lstat(at).catch(ignoreMissing);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new UsageError('socket-path-taken', `${path} exists and is not a socket.`);
  const isAlive = await new Promise<boolean>(done => {
    const socket = connect(at);
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
  if (isAlive) throw new UsageError('socket-path-taken', `Another process answers on ${path}.`);
  await unlink(at).catch(ignoreMissing);
}
