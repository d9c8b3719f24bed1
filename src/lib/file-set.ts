import { lstat, readdir } from 'node:fs/promises';
import type { FileAttributes } from './file-attributes.ts';
import { asFileError } from './file-errors.ts';
import type { HeldDirectory } from './held-directory.ts';
import {
  compareEntry,
  publish,
  removeEntry,
  removeLeftoversIn,
  removeTemporary,
  writeTemporary,
} from './held-files.ts';
import { mapBounded } from './limit.ts';

/** What it takes to bring the files of one directory to their wanted contents; file names without directory. */
export interface FileSetPlan {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  /** Right content, wrong mode or owner: written anew, with the old mtime. */
  readonly adjusted: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
}

const WRITES_IN_FLIGHT = 8;

/**
 * Compares a directory with wanted files; reads only, and follows no link.
 * @param directory - undefined when there is none yet
 * @param wanted - content by file name
 * @param owned - names of existing files that may be removed when they are not wanted any more
 * @throws OperatorError naming the file that cannot be read
 */
export async function planFileSet(
  directory: HeldDirectory | undefined,
  wanted: ReadonlyMap<string, Uint8Array>,
  owned: Iterable<string>,
  attributes: FileAttributes,
): Promise<FileSetPlan> {
  const plan = { added: [], changed: [], adjusted: [], unchanged: [], removed: [] } as {
    [State in keyof FileSetPlan]: string[];
  };
  for (const [name, content] of wanted) {
    const state =
      directory === undefined ? 'added' : await compareEntry(directory, name, content, attributes);
    plan[state].push(name);
  }
  for (const name of owned) if (!wanted.has(name)) plan.removed.push(name);
  return plan;
}

/** Whether applying the plan would touch the directory. */
export function hasChanges(plan: FileSetPlan): boolean {
  return plan.added.length + plan.changed.length + plan.adjusted.length + plan.removed.length > 0;
}

/**
 * Applies a plan so that it can be killed anywhere and run again.
 *
 * All new contents are first written and fsynced under temporary names, so that a full disk is noticed before anything
 * has changed. They are then renamed one by one, new files before replaced ones and these in the order of `wanted`;
 * files that are no longer wanted go last. A reader in between sees each file whole, old or new. What moves from a
 * removed or replaced file into a new one is there twice for a moment, never missing: a signer that loads now has every
 * key that the old and the new set have in common. (What moves between two replaced files is safe when the caller puts
 * its destination first in `wanted`.)
 * @throws OperatorError naming the file; temporary files are removed then
 */
export async function applyFileSet(
  directory: HeldDirectory,
  wanted: ReadonlyMap<string, Uint8Array>,
  plan: FileSetPlan,
  attributes: FileAttributes,
): Promise<void> {
  await removeLeftoversIn(directory);
  const adjusted = new Set(plan.adjusted);
  const names = [...plan.added, ...plan.changed, ...plan.adjusted];
  const temporaries = new Map<string, string>();
  try {
    const write = async (name: string) => {
      const content = wanted.get(name);
      const options = { ...attributes, keepTimes: adjusted.has(name) };
      if (content) temporaries.set(name, await writeTemporary(directory, name, content, options));
    };
    // All have ended before a failure is reported, so that none writes a file after the cleaning below.
    await mapBounded(names, write, { concurrency: WRITES_IN_FLIGHT });
    for (const name of names) {
      const temporary = temporaries.get(name);
      if (temporary) await publish(directory, temporary, name);
      temporaries.delete(name);
    }
  } catch (error) {
    for (const temporary of temporaries.values()) await removeTemporary(directory, temporary);
    throw asFileError(error, directory.path, 'write');
  }
  if (names.length > 0) await directory.sync();
  for (const name of plan.removed) await removeEntry(directory, name);
  if (plan.removed.length > 0) await directory.sync();
  await directory.confirm();
}

/** Names of a held directory's regular files and of what stands in the place of one, sorted. */
export async function listEntries(directory: HeldDirectory | undefined): Promise<string[]> {
  const entries = (await directory?.entries()) ?? [];
  return entries
    .filter(entry => !entry.isDirectory())
    .map(entry => entry.name)
    .sort();
}

/** Names of a directory's regular files and links, sorted; none when there is no such directory. */
export async function listFiles(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter(entry => entry.isFile() || entry.isSymbolicLink())
      .map(entry => entry.name)
      .sort();
  } catch (error) {
    const failure = asFileError(error, directory, 'read');
    if (failure.code !== 'file-missing') throw failure;
    // A dangling link is not "no directory yet".
    if (await lstat(directory).catch(() => undefined)) throw failure;
    return [];
  }
}
