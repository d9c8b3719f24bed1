import { createHash } from 'node:crypto';
import { lstat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  formatKeyFilesRecord,
  type KeyFilesSource,
  readKeyFilesRecord,
} from '../domain/fleet/key-files-record.ts';
import { type KeyFileOwner, type KeyLayout, keyFileOf } from '../domain/fleet/web3signer-key-file.ts';
import { equalBytes, wipe } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { applyFileSet, type FileSetPlan, listFiles } from '../lib/file-set.ts';
import {
  adjustAttributes,
  directoryModeOf,
  ensureDirectory,
  type FileAttributes,
  hasAttributes,
  readFileBytes,
  writeIfChanged,
} from '../lib/files.ts';
import { recordPath } from './key-directory.ts';
import { isManifest, type UnlockedVault } from './unlock-vault.ts';
import type { VisibleRows } from './visible-rows.ts';

export interface KeyFilesDirectory extends KeyFileOwner {
  readonly directory: string;
  readonly layout: KeyLayout;
  readonly attributes: FileAttributes;
}

/** Beside the key files; a dot file, which Web3Signer skips. */
function provenPath({ directory, network, vault }: KeyFilesDirectory): string {
  return join(directory, `.${network}-${vault.toLowerCase()}.proven`);
}

/**
 * What it takes to bring the directory to these rows when its files were written from the very same ones: nothing, or to
 * correct modes and owners. See `key-files-record.ts` for why this needs no row to be opened. Every file is read and
 * hashed; no file of this vault may be there that the record does not name. Reads only.
 * @returns undefined when anything differs: then the rows must be opened and the files compared
 */
export async function planUnchanged(
  directory: KeyFilesDirectory,
  unlocked: UnlockedVault,
  rows: VisibleRows,
): Promise<FileSetPlan | undefined> {
  const text = await readIfThere(provenPath(directory));
  if (text === undefined || !isManifest(unlocked, rows.vault, rows.manifestEntries())) return undefined;
  const { encryptionKey, context } = unlocked;
  const recorded = readKeyFilesRecord(encryptionKey, context, sourceOf(directory, rows), text);
  return recorded && (await compareWithRecord(directory, recorded));
}

/** Corrects modes and owners, and removes what a killed run left. */
export async function applyUnchanged(directory: KeyFilesDirectory, plan: FileSetPlan): Promise<void> {
  const { attributes } = directory;
  await ensureDirectory(directory.directory, { ...attributes, mode: directoryModeOf(attributes.mode) });
  await applyFileSet(directory.directory, new Map(), plan, attributes);
  await adjustAttributes(provenPath(directory), attributes);
  if (directory.layout === 'one-per-key') await adjustAttributes(recordPath(directory), attributes);
}

/**
 * Records that these files were written from these rows, all of which were proven; to be called last. Killed before, the
 * record of an earlier run stays, whose hashes fit no changed file.
 * @param files - SHA-256 by name; undefined when the directory holds more than these rows: then there is no record
 */
export async function recordKeyFiles(
  directory: KeyFilesDirectory,
  { encryptionKey, context }: UnlockedVault,
  rows: VisibleRows,
  files: ReadonlyMap<string, Uint8Array> | undefined,
): Promise<void> {
  const path = provenPath(directory);
  if (files === undefined || rows.vault.manifestMac === null) {
    await unlink(path).catch(() => undefined);
    return;
  }
  const text = formatKeyFilesRecord(encryptionKey, context, sourceOf(directory, rows), files);
  await writeIfChanged(path, text, directory.attributes);
}

function sourceOf({ layout }: KeyFilesDirectory, rows: VisibleRows): KeyFilesSource {
  return {
    manifestCounter: rows.vault.manifestCounter,
    manifestMac: rows.vault.manifestMac ?? new Uint8Array(0),
    rowCount: rows.length,
    rowsDigest: rows.digest(),
    layout,
  };
}

async function compareWithRecord(
  options: KeyFilesDirectory,
  recorded: ReadonlyMap<string, Uint8Array>,
): Promise<FileSetPlan | undefined> {
  const { directory, attributes, layout } = options;
  const names = await listFiles(directory);
  const isOfOthers = (name: string) => {
    const ofLayout = keyFileOf(name, options);
    // Another vault may have numbered files of its own; that this one has none left says the record of such files.
    return ofLayout === undefined || (ofLayout === 'one-per-key' && layout === 'buckets');
  };
  if (names.some(name => !recorded.has(name) && !isOfOthers(name))) return undefined;
  const hasNumberedFiles = (await readIfThere(recordPath(options))) !== undefined;
  if (hasNumberedFiles !== (layout === 'one-per-key')) return undefined;
  const unchanged: string[] = [];
  const adjusted: string[] = [];
  for (const [name, hash] of recorded) {
    const path = join(directory, name);
    const stats = await lstat(path).catch(() => undefined);
    // A link may lead to a file of somebody else's.
    if (!stats?.isFile() || !equalBytes(await hashFile(path), hash)) return undefined;
    (hasAttributes(stats, attributes) ? unchanged : adjusted).push(name);
  }
  return { added: [], changed: [], removed: [], adjusted, unchanged };
}

async function hashFile(path: string): Promise<Uint8Array> {
  const content = await readFileBytes(path);
  const hash = createHash('sha256').update(content).digest();
  wipe(content);
  return hash;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFileBytes(path)).toString('utf8');
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-missing') return undefined;
    throw error;
  }
}
