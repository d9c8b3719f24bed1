import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { decideRemovals, type RemovalPolicy } from '../../../domain/fleet/removals.ts';
import {
  type KeyFileOwner,
  type KeyLayout,
  orderForMoves,
  readKeyFile,
  renderKeyFiles,
  type SigningKey,
} from '../../../domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../../domain/keys/derivation.ts';
import { compareBytes, type Hex, wipe } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { applyFileSet, type FileSetPlan, hasChanges, planFileSet } from '../../../lib/file-set.ts';
import { directoryModeOf, type FileAttributes, isMemoryFileSystem } from '../../../lib/files.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { removeEntry, writeEntryIfChanged } from '../../../lib/held-files.ts';
import { findDirectory, prepareDirectory } from '../../../lib/output-directory.ts';
import { formatFileRecord, listPresentFiles, type PresentFile, recordName } from './present-key-files.ts';

export interface SyncKeyFilesOptions extends KeyFileOwner {
  /** Web3Signer's `--key-store-path`; made when missing. */
  readonly directory: string;
  readonly layout: KeyLayout;
  /** Every key and current share of the vault; wiped by the caller. */
  readonly keys: readonly SigningKey[];
  readonly removals: RemovalPolicy;
  /** Whether `key_N.yaml` files are taken over whose keys are all this vault's. */
  readonly adopt: boolean;
  /** Public keys of the vault beyond `keys` that `adopt` takes, such as shares of earlier oracle sets. */
  readonly vaultPublicKeys?: ReadonlySet<Hex> | undefined;
  /** Whether nothing is written, only compared. */
  readonly check: boolean;
  readonly attributes: FileAttributes;
}

export interface SyncKeyFilesResult {
  /** Keys that the directory holds of this vault afterwards. */
  readonly keyCount: number;
  readonly removedKeys: number;
  /** Keys that are no longer the vault's and stayed, by `--removals keep`. */
  readonly keptKeys: number;
  readonly files: FileSetPlan;
  /** Whether files were changed, or with `check` would be. */
  readonly isChanged: boolean;
  /** SHA-256 of every file that holds the vault's keys now, by name. */
  readonly hashes: ReadonlyMap<string, Uint8Array>;
  readonly warnings: readonly string[];
}

/**
 * Makes a Web3Signer key directory hold exactly these keys of the vault; files of others are left alone. Can be killed
 * anywhere and run again: see {@link applyFileSet} for what a signer sees in between.
 * @throws DifferencesError when the brake on removals stops it; OperatorError 'foreign-key-file' when a `key_N.yaml` that
 *   is not known as this vault's is in the way; file errors. Nothing has changed then.
 */
export async function syncKeyFiles(options: SyncKeyFilesOptions): Promise<SyncKeyFilesResult> {
  const { directory, attributes } = options;
  const warnings = await warnOfDisk(directory);
  await using held = await findDirectory(directory, attributes);
  let wanted = renderKeyFiles(options.keys, options);
  const present = await listPresentFiles({ ...options, directory: held, wanted });
  const extra: SigningKey[] = [];
  try {
    for (const { warning } of present) if (warning !== undefined) warnings.push(warning);
    refuseForeignFiles(options, wanted, present);
    const removed = findRemovedKeys(options.keys, present);
    const before = removed.length === 0 ? 0 : countKeys(present, wanted);
    const decision = decideRemovals({ before, removed: removed.length, policy: options.removals });
    if (decision === 'keep') {
      for (const secretKey of removed) extra.push({ publicKey: publicKeyOf(secretKey), secretKey });
      wipe(wanted.values());
      wanted = renderKeyFiles([...options.keys, ...extra], options);
      warnings.push(
        `${removed.length} of ${before} keys in ${directory} are no longer this vault's and were kept; --removals allow removes them.`,
      );
    }
    if (options.layout === 'one-per-key') wanted = orderForMoves(wanted, findHolders(wanted, present));
    const owned = present.filter(file => file.isOurs).map(file => file.name);
    const plan = await planFileSet(held, wanted, owned, attributes);
    if (!options.check) await applyKeyFiles(options, held, wanted, owned, plan);
    return {
      keyCount: options.keys.length + extra.length,
      removedKeys: removed.length - extra.length,
      keptKeys: extra.length,
      files: plan,
      isChanged: hasChanges(plan),
      hashes: new Map(Array.from(wanted, ([name, content]) => [name, hashOf(content)])),
      warnings,
    };
  } finally {
    wipe(wanted.values());
    for (const { secretKeys } of present) wipe(secretKeys);
  }
}

/** A warning when the keys would be on a disk in clear text. */
export async function warnOfDisk(directory: string): Promise<string[]> {
  if (await isMemoryFileSystem(directory)) return [];
  return [`${directory} is not on a memory file system: private keys will be on a disk in clear text.`];
}

function hashOf(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest();
}

async function applyKeyFiles(
  options: SyncKeyFilesOptions,
  present: HeldDirectory | undefined,
  wanted: ReadonlyMap<string, Uint8Array>,
  owned: readonly string[],
  plan: FileSetPlan,
): Promise<void> {
  const { attributes } = options;
  const directoryAttributes = { ...attributes, mode: directoryModeOf(attributes.mode) };
  await using directory = await prepareDirectory(options.directory, directoryAttributes, present);
  const record = recordName(options);
  const hasNumberedFiles = options.layout === 'one-per-key' || owned.some(name => name.startsWith('key_'));
  // Before: old and new files, so that a run killed in the middle finds both to be its own.
  if (hasNumberedFiles && hasChanges(plan)) {
    await writeEntryIfChanged(
      directory,
      record,
      await formatFileRecord(directory, wanted, owned),
      attributes,
    );
  }
  await applyFileSet(directory, wanted, plan, attributes);
  if (options.layout === 'one-per-key') {
    await writeEntryIfChanged(directory, record, await formatFileRecord(directory, wanted, []), attributes);
  } else if (hasNumberedFiles) {
    await removeEntry(directory, record).catch(() => undefined);
  }
}

function refuseForeignFiles(
  { directory }: SyncKeyFilesOptions,
  wanted: ReadonlyMap<string, Uint8Array>,
  present: readonly PresentFile[],
): void {
  const foreign = present.filter(file => !file.isOurs && wanted.has(file.name)).map(file => file.name);
  if (foreign.length === 0) return;
  throw new OperatorError(
    'foreign-key-file',
    `${join(directory, foreign[0] ?? '')} is in the way (and ${foreign.length - 1} more): not known as this vault's.`,
    { hint: 'Use --adopt when its keys are this vault’s, another --output-dir, or --layout buckets.' },
  );
}

/** Distinct keys of our present files that are not wanted any more. */
function findRemovedKeys(keys: readonly SigningKey[], present: readonly PresentFile[]): Uint8Array[] {
  const candidates = present.filter(file => file.isOurs && !file.isWanted).flatMap(file => file.secretKeys);
  if (candidates.length === 0) return [];
  const sorted = keys.map(key => key.secretKey).sort(compareBytes);
  return distinct(candidates).filter(key => indexOf(sorted, key) < 0);
}

function countKeys(present: readonly PresentFile[], wanted: ReadonlyMap<string, Uint8Array>): number {
  const unchanged = present
    .filter(file => file.isWanted)
    .flatMap(file => readKeyFile(wanted.get(file.name) ?? new Uint8Array(), file.name));
  const others = present.filter(file => file.isOurs && !file.isWanted).flatMap(file => file.secretKeys);
  const count = distinct([...unchanged, ...others]).length;
  wipe(unchanged);
  return count;
}

function distinct(keys: readonly Uint8Array[]): Uint8Array[] {
  return keys
    .toSorted(compareBytes)
    .filter((key, index, sorted) => index === 0 || compareBytes(key, sorted[index - 1] ?? key) !== 0);
}

/** The wanted file that holds a present file's keys, in the layout `one-per-key`. */
function findHolders(
  wanted: ReadonlyMap<string, Uint8Array>,
  present: readonly PresentFile[],
): (name: string) => string[] {
  const names = [...wanted.keys()];
  const contents = [...wanted.values()];
  const holders = new Map<string, string[]>();
  for (const file of present) {
    if (!file.isOurs || file.isWanted || file.content === undefined) continue;
    // Equal layout: the files' order is that of their keys.
    const index = indexOf(contents, file.content);
    const holder = index < 0 ? undefined : names[index];
    if (holder !== undefined && holder !== file.name) holders.set(file.name, [holder]);
  }
  return name => holders.get(name) ?? [];
}

/** Place of an item in a sorted list, negative when it is not in it. */
function indexOf(sorted: readonly Uint8Array[], item: Uint8Array): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compareBytes(sorted[middle] ?? item, item);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
