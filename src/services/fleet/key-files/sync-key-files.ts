import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { decideRemovals, type RemovalPolicy } from '../../../domain/fleet/removals.ts';
import { keysComeBack, keysGo, retiredKeysGo } from '../../../domain/fleet/slashing-protection.ts';
import {
  type KeyFileOwner,
  type KeyLayout,
  orderForMoves,
  renderKeyFiles,
} from '../../../domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../../domain/keys/derivation.ts';
import { fromHex, type Hex, toHex, wipe } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { applyFileSet, type FileSetPlan, hasChanges, planFileSet } from '../../../lib/file-set.ts';
import { directoryModeOf, type FileAttributes, isMemoryFileSystem } from '../../../lib/files.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { removeEntry, writeEntryIfChanged } from '../../../lib/held-files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameEach, nameList } from '../../../lib/name-list.ts';
import { findDirectory, prepareDirectory } from '../../../lib/output-directory.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { compareKeys, type FileKey, indexOf, type KeyChanges } from './key-changes.ts';
import {
  formatFileRecord,
  listPresentFiles,
  listStrayFiles,
  type PresentFile,
  recordName,
} from './present-key-files.ts';
import { formatValidatorsRecord, readValidatorsRecord, validatorsRecordName } from './validators-record.ts';

export interface SyncKeyFilesOptions extends KeyFileOwner {
  /** Web3Signer's `--key-store-path`; made when missing. */
  readonly directory: string;
  readonly layout: KeyLayout;
  /** Every key and current share of the vault; wiped by the caller. */
  readonly keys: readonly FileKey[];
  /** Public keys of validators that are retired, and of their shares: these go without question, and never stay. */
  readonly retired?: RecordTable | undefined;
  readonly removals: RemovalPolicy;
  /** Whether `key_N.yaml` files are taken over whose keys are all this vault's. */
  readonly adopt: boolean;
  /** Public keys of the vault beyond `keys` that `adopt` takes, such as shares of earlier oracle sets. */
  readonly vaultPublicKeys?: ReadonlySet<Hex> | undefined;
  /** Public keys of all shares that the database knows, of whichever oracle set; asked where a removed key may be one. */
  readonly listShares?: (() => Promise<RecordTable>) | undefined;
  /** Is told at once what is worth knowing before anything is written. */
  readonly warn?: ((line: string) => void) | undefined;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
  /** Whether nothing is written, only compared. */
  readonly check: boolean;
  readonly attributes: FileAttributes;
}

export interface SyncKeyFilesResult {
  /** Keys that the directory holds of this vault afterwards. */
  readonly keyCount: number;
  /** Validators' keys that were removed, or with `check` would be. */
  readonly removedKeys: number;
  /** Removed shares: of oracle sets that were replaced, or of removed validators. */
  readonly removedShares: number;
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
  const { directory, attributes, check } = options;
  const warnings: string[] = [];
  const warn = (line: string) => {
    warnings.push(line);
    options.warn?.(line);
  };
  for (const line of await warnOfDisk(directory)) warn(line);
  await using held = await findDirectory(directory, attributes);
  let wanted = renderKeyFiles(options.keys, options);
  const record = await readValidatorsRecord(held, options);
  const present = await listPresentFiles({ ...options, directory: held, wanted, record });
  const here = validatorsOf(options.keys);
  let extra: readonly FileKey[] = [];
  try {
    nameEach(
      present.flatMap(({ warning }) => warning ?? []),
      warn,
      more => warn(`${more} more files in ${directory} are no key files and are replaced.`),
    );
    refuseForeignFiles(options, wanted, present);
    await warnOfStrayFiles(options, held, present, warn);
    const changes = await compareKeys({ ...options, present, wanted, validators: here, record });
    const { removedValidators, validatorsBefore } = changes;
    const { retired, others } = splitRemoved(options, changes);
    if (retired.length > 0) warn(retiredKeysGo(retired, { directory, check }));
    if (decide(options, { before: validatorsBefore - retired.length, removed: others }) === 'keep') {
      extra = changes.removed
        .map(secretKey => ({ publicKey: publicKeyOf(secretKey), secretKey }))
        .filter(({ publicKey }) => options.retired?.has(publicKey) !== true);
      const kept = new Set(removedValidators);
      for (const { publicKey } of extra) if (kept.has(toHex(publicKey))) here.add(publicKey);
      wipe(wanted.values());
      wanted = renderKeyFiles([...options.keys, ...extra], options);
      warn(
        `${others.length} of ${validatorsBefore} keys in ${directory} are no longer this vault's and were kept; --removals allow removes them.`,
      );
    } else if (others.length > 0) warn(keysGo(others, { directory, check }));
    if (changes.returning.length > 0) warn(keysComeBack(changes.returning, { directory, check }));
    if (options.layout === 'one-per-key') wanted = orderForMoves(wanted, findHolders(wanted, present));
    const owned = present.filter(file => file.isOurs).map(file => file.name);
    const plan = await planFileSet(held, wanted, owned, attributes);
    const hashes = new Map(Array.from(wanted, ([name, content]) => [name, hashOf(content)]));
    const text = formatValidatorsRecord(record, { files: hashes, here });
    if (!check) {
      options.whenInterrupted?.(
        `Each key file in ${directory} is the old one or the new one. Run the same command again before a signer reads them: it writes the others.`,
      );
      await applyKeyFiles(options, held, { wanted, owned, plan, record: text });
    }
    const isKept = extra.length > 0;
    return {
      keyCount: options.keys.length + extra.length,
      removedKeys: isKept ? retired.length : removedValidators.length,
      removedShares: isKept ? 0 : changes.removedShares,
      keptKeys: extra.length,
      files: plan,
      isChanged: hasChanges(plan),
      hashes,
      warnings,
    };
  } finally {
    wipe(wanted.values());
    for (const { secretKeys } of present) wipe(secretKeys);
  }
}

function validatorsOf(keys: readonly FileKey[]): RecordTable {
  const validators = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const { isShare, publicKey } of keys) if (isShare !== true) validators.add(publicKey);
  return validators;
}

/** Shares do not count: those of an oracle set that was replaced go with every change of the set. Nor do retired keys. */
function decide(
  { removals }: SyncKeyFilesOptions,
  { before, removed }: { readonly before: number; readonly removed: readonly Hex[] },
): 'remove' | 'keep' {
  return decideRemovals({
    before,
    removed: removed.length,
    policy: removals,
    named: removed,
    hint: 'Check that this is the right database and vault, then repeat with --removals keep (adds only) or --removals allow. Web3Signer disables keys that are gone at a reload in its slashing protection database.',
  });
}

/** Removed validators that are retired, and those that the brake is for. */
function splitRemoved(
  { retired: table }: Pick<SyncKeyFilesOptions, 'retired'>,
  { removedValidators }: KeyChanges,
): { readonly retired: readonly Hex[]; readonly others: readonly Hex[] } {
  const { retired = [], others = [] } = Object.groupBy(removedValidators, publicKey =>
    table?.has(fromHex(publicKey, PUBLIC_KEY_LENGTH)) ? 'retired' : 'others',
  );
  return { retired, others };
}

/** Names what a signer would load beside this vault's files: what the Python operator has left, or another vault's. */
async function warnOfStrayFiles(
  options: SyncKeyFilesOptions,
  held: HeldDirectory | undefined,
  present: readonly PresentFile[],
  warn: (line: string) => void,
): Promise<void> {
  const ours = new Set(present.filter(file => file.isOurs).map(file => file.name));
  const stray = await listStrayFiles(held, options, name => ours.has(name));
  if (stray.length > 0) warn(strayFiles(stray, options));
}

/** What is said of `key_N.yaml` files that are not known as this vault's. */
export function strayFiles(
  names: readonly string[],
  { directory, adopt }: Pick<SyncKeyFilesOptions, 'directory' | 'adopt'>,
): string {
  const files = names.length === 1 ? 'one file that is' : `${names.length} files that are`;
  const what = `${directory} also holds ${files} not known as this vault's (${nameList(names)}): Web3Signer loads the keys in there, too.`;
  return adopt
    ? `${what} --adopt takes over no file that has another key than this vault's, or none at all; remove what no other vault needs.`
    : `${what} --adopt takes over each file whose keys are all this vault's.`;
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
  files: {
    readonly wanted: ReadonlyMap<string, Uint8Array>;
    readonly owned: readonly string[];
    readonly plan: FileSetPlan;
    /** Content of the record of validators. */
    readonly record: Uint8Array;
  },
): Promise<void> {
  const { attributes } = options;
  const { wanted, owned, plan } = files;
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
  // Last: killed before, the files of which the record knows nothing are looked at by themselves.
  await writeEntryIfChanged(directory, validatorsRecordName(options), files.record, attributes);
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
    `${join(directory, foreign[0] ?? '')} is in the way (${foreign.length} files in all: ${nameList(foreign)}): not known as this vault's.`,
    { hint: 'Use --adopt when its keys are this vault’s, another --output-dir, or --layout buckets.' },
  );
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
