import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { OperatorError } from '../lib/errors.ts';
import { asFileError } from '../lib/files.ts';
import { notPermitted } from '../lib/locks/file-lock.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * The one path of an embedded database's directory, whatever links lead to it; its parents are made when they are missing.
 * @throws OperatorError 'db-is-mount-point', 'not-permitted'
 */
export function resolveDatabaseDirectory(path: string): string {
  const given = resolve(path);
  try {
    mkdirSync(dirname(given), { recursive: true });
  } catch (error) {
    throw asFileError(error, dirname(given), 'write');
  }
  const isThere = lstatSync(given, { throwIfNoEntry: false }) !== undefined;
  const directory = isThere ? realpathSync(given) : join(realpathSync(dirname(given)), basename(given));
  if (!isThere) return directory;
  refuseMountPoint(directory);
  refuseOtherOwner(directory);
  return directory;
}

/**
 * Makes the directory, and takes from others what they may do in it: the embedded database gives its files to everybody.
 * A link in it is not followed, and a name that is exchanged meanwhile leads nowhere else.
 * @throws OperatorError 'not-permitted' when something in it is another user's, and closed to this one: the database itself would
 *   only say that it cannot start
 */
export function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  restrictDirectory(directory, directory);
}

/** @param name - what a user knows the directory by */
function restrictDirectory(path: string, name: string): void {
  refuseForeign(path, name);
  const handle = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    // Before its content: from now on nobody else comes in.
    restrict(handle, 0o700);
    const held = process.platform === 'linux' ? `/proc/self/fd/${handle}` : path;
    for (const entry of readdirSync(held, { withFileTypes: true })) {
      const child = join(held, entry.name);
      const childName = join(name, entry.name);
      if (entry.isDirectory()) restrictDirectory(child, childName);
      else if (entry.isFile()) restrictFile(child, childName);
    }
  } finally {
    closeSync(handle);
  }
}

function restrictFile(path: string, name: string): void {
  const stats = refuseForeign(path, name);
  if (stats === undefined || (stats.mode & 0o7777) === 0o600) return;
  const handle = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const { nlink } = fstatSync(handle);
    // A second name may be one in another directory.
    if (nlink === 1) restrict(handle, 0o600);
  } finally {
    closeSync(handle);
  }
}

/** @returns what is there; undefined when it has just been removed */
function refuseForeign(path: string, name: string): Stats | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.uid === process.geteuid?.()) return stats;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw notPermitted(`${name}, a part of the embedded database,`, stats, error);
  }
  return stats;
}

function restrict(handle: number, mode: number): void {
  if ((fstatSync(handle).mode & 0o7777) === mode) return;
  try {
    fchmodSync(handle, mode);
  } catch (error) {
    // Shares of other systems give all files one mode and owner.
    const isFixed =
      error instanceof Error && 'code' in error && ['EPERM', 'ENOTSUP'].includes(String(error.code));
    if (!isFixed) throw error;
  }
}

/** The lock stands beside the directory: beside a mount point it is in this container only, and guards nothing. */
function refuseMountPoint(directory: string): void {
  if (!isMountPoint(directory)) return;
  throw new OperatorError(
    'db-is-mount-point',
    `${directory} is the top of a volume, so that the lock of an embedded database in it would lie outside of the volume.`,
    { hint: `Name a directory below it, such as ${join(directory, 'db')}, and move there what is in it.` },
  );
}

function isMountPoint(directory: string): boolean {
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return mounts.some(line => unescapeOctal(line.split(' ')[4] ?? '') === directory);
  } catch {
    return lstatSync(directory).dev !== lstatSync(dirname(directory)).dev;
  }
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Another user's process, root's too, would leave files that the owner cannot open. Compared with the owner of a file that
 * is made here: some shares give all files to one user, whoever makes them.
 */
function refuseOtherOwner(directory: string): void {
  const owner = lstatSync(directory);
  const { uid } = owner;
  if (uid === process.geteuid?.() || process.geteuid === undefined) return;
  const probe = `${directory}.owner-${process.pid}`;
  let made: number | undefined;
  try {
    closeSync(openSync(probe, 'wx', 0o600));
    made = lstatSync(probe).uid;
    unlinkSync(probe);
  } catch (error) {
    throw notPermitted(`The embedded database ${directory}`, owner, error);
  }
  if (made !== uid) throw notPermitted(`The embedded database ${directory}`, owner);
}
