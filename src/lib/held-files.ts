import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { applyAttributes, type FileAttributes, hasAttributes } from './file-attributes.ts';
import { asFileError, codeOf, ignoreMissing } from './file-errors.ts';
import type { HeldDirectory } from './held-directory.ts';

// Files of a directory that may belong to somebody else, who has another name or kind of file in any place at any moment.
// Nothing that is there is opened for writing or given a mode or an owner: what has to be different is written anew.

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
// Dot first: Web3Signer skips it, and no client globs it. The writer's pid tells a leftover from a file in work.
const TEMPORARY_NAME = /^\.(.+)\.(\d+)\.[0-9a-f]{16}\.stakewise-tmp$/;

/** What was done to a file, or would be; `adjusted`: right content, another mode or owner. */
export type WriteResult = 'added' | 'changed' | 'adjusted' | 'unchanged';

/**
 * What a write of these bytes would do to the file: add it, change it, correct its mode or owner only, or nothing.
 * @throws OperatorError naming the file
 */
export async function compareEntry(
  directory: HeldDirectory,
  name: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<WriteResult> {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const stats = await lstatEntry(directory, name);
  if (stats === undefined) return 'added';
  // Need not be read, and perhaps cannot be.
  if (stats.isFile() && stats.size !== bytes.length) return 'changed';
  const found = await directory.compare(name, bytes);
  if (found === 'missing') return 'added';
  // A link is replaced by a file of our own: its target may belong to somebody else.
  if (found === 'different') return 'changed';
  return hasAttributes(found, attributes) ? 'unchanged' : 'adjusted';
}

/** Writes a file anew and renames it into its place, whatever is there. @throws OperatorError naming the file */
export async function replaceEntry(
  directory: HeldDirectory,
  name: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<void> {
  const temporary = await writeTemporary(directory, name, data, attributes);
  await publish(directory, temporary, name);
  await directory.sync();
}

/** {@link replaceEntry} where something differs. A file whose content is right keeps its mtime. @returns what was done */
export async function writeEntryIfChanged(
  directory: HeldDirectory,
  name: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<WriteResult> {
  const state = await compareEntry(directory, name, data, attributes);
  if (state === 'unchanged') return state;
  const keepTimes = state === 'adjusted';
  const temporary = await writeTemporary(directory, name, data, { ...attributes, keepTimes });
  await publish(directory, temporary, name);
  await directory.sync();
  return state;
}

/** Creates a file that must not exist yet, complete or not at all. @throws OperatorError 'file-exists' and others */
export async function createEntry(
  directory: HeldDirectory,
  name: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<void> {
  const temporary = await writeTemporary(directory, name, data, attributes);
  try {
    // A hard link fails where rename would overwrite.
    await directory.at(temporary, from => directory.at(name, to => link(from, to)));
  } catch (error) {
    await removeTemporary(directory, temporary);
    throw asFileError(error, directory.pathOf(name), 'write');
  }
  await removeEntry(directory, temporary);
  await directory.sync();
}

/**
 * Writes data, mode and owner of a file into a fsynced temporary file beside it, which {@link publish} renames.
 * @param options.keepTimes - takes the mtime of the file that it is to replace
 * @returns the temporary file's name; on failure there is no such file any more
 * @throws OperatorError naming the file
 */
export async function writeTemporary(
  directory: HeldDirectory,
  name: string,
  data: Uint8Array | string,
  options: FileAttributes & { readonly keepTimes?: boolean | undefined },
): Promise<string> {
  const temporary = `.${name}.${process.pid}.${randomBytes(8).toString('hex')}.stakewise-tmp`;
  let file: FileHandle | undefined;
  try {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    file = await directory.at(temporary, path => open(path, flags, 0o600));
    await file.writeFile(data);
    if (options.keepTimes) await copyTimes(directory, name, file);
    await applyAttributes(file, options);
    await file.sync();
    await file.close();
    return temporary;
  } catch (error) {
    await file?.close().catch(() => undefined);
    if (file) await removeTemporary(directory, temporary);
    throw asFileError(error, directory.pathOf(name), 'write');
  }
}

/** Renames a temporary file; on failure it is removed. @throws OperatorError naming the file */
export async function publish(directory: HeldDirectory, temporary: string, name: string): Promise<void> {
  try {
    await directory.at(temporary, from => directory.at(name, to => rename(from, to)));
  } catch (error) {
    await removeTemporary(directory, temporary);
    throw asFileError(error, directory.pathOf(name), 'write');
  }
}

/** Removes a file that may be gone already; a link goes, and not what it leads to. @throws OperatorError naming the file */
export async function removeEntry(directory: HeldDirectory, name: string): Promise<void> {
  try {
    await directory.at(name, unlink).catch(ignoreMissing);
  } catch (error) {
    throw asFileError(error, directory.pathOf(name), 'write');
  }
}

/** Removes a temporary file after a failure, whose error is the one that counts. */
export async function removeTemporary(directory: HeldDirectory, temporary: string): Promise<void> {
  await directory.at(temporary, unlink).catch(() => undefined);
}

/** Removes temporary files of runs that ended without cleaning up; see `removeLeftovers`. */
export async function removeLeftoversIn(directory: HeldDirectory, target?: string): Promise<void> {
  const entries = await directory.entries().catch(() => []);
  for (const { name } of entries) {
    const match = TEMPORARY_NAME.exec(name);
    if (!match || (target !== undefined && match[1] !== target)) continue;
    const pid = Number(match[2]);
    if (pid !== process.pid && isRunning(pid)) continue;
    await directory.at(name, unlink).catch(ignoreMissing);
  }
}

/** Gives the new file the times of the one that it is to replace, where that is one. */
async function copyTimes(directory: HeldDirectory, name: string, file: FileHandle): Promise<void> {
  const stats = await lstatEntry(directory, name);
  if (stats?.isFile()) await file.utimes(stats.atime, stats.mtime);
}

async function lstatEntry(directory: HeldDirectory, name: string): Promise<Stats | undefined> {
  try {
    return await directory.at(name, path => lstat(path)).catch(ignoreMissing);
  } catch (error) {
    throw asFileError(error, directory.pathOf(name), 'write');
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
