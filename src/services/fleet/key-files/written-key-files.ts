import { createHash } from 'node:crypto';
import {
  formatKeyFilesRecord,
  type KeyFilesSource,
  readKeyFilesRecord,
} from '../../../domain/fleet/key-files-record.ts';
import { type KeyFileOwner, type KeyLayout, keyFileOf } from '../../../domain/fleet/web3signer-key-file.ts';
import { equalBytes, wipe } from '../../../lib/bytes.ts';
import { hasAttributes } from '../../../lib/file-attributes.ts';
import { applyFileSet, type FileSetPlan, listEntries } from '../../../lib/file-set.ts';
import { directoryModeOf, type FileAttributes } from '../../../lib/files.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { removeEntry, writeEntryIfChanged } from '../../../lib/held-files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { findDirectory, prepareDirectory } from '../../../lib/output-directory.ts';
import { owned } from '../../../lib/owned.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { isManifest, type UnlockedVault } from '../../remote-db/unlock-vault.ts';
import { formatRecordOfHashes, listStrayFiles, recordName } from './present-key-files.ts';
import { formatValidatorsRecord, readValidatorsRecord, validatorsRecordName } from './validators-record.ts';
import type { WantedRows } from './wanted-rows.ts';

export interface KeyFilesDirectory extends KeyFileOwner {
  readonly directory: string;
  readonly layout: KeyLayout;
  readonly attributes: FileAttributes;
}

/** Name of the file beside the key files that proves them; a dot file, which Web3Signer skips. */
function provenName({ network, vault }: KeyFilesDirectory): string {
  return `.${network}-${vault.toLowerCase()}.proven`;
}

/** Files of these very rows, and what their modes and owners need. Disposing of it lets the directory go and wipes keys. */
export interface UnchangedKeyFiles extends AsyncDisposable {
  readonly plan: FileSetPlan;
  readonly present: HeldDirectory;
  /** Contents to write anew by file name: of key files with another mode or owner, and of the records. */
  readonly adjusted: ReadonlyMap<string, Uint8Array>;
  readonly records: ReadonlyMap<string, Uint8Array | string>;
  /** `key_N.yaml` files beside them that nobody's record names. */
  readonly stray: readonly string[];
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
  wanted: WantedRows,
): Promise<UnchangedKeyFiles | undefined> {
  await using stack = new AsyncDisposableStack();
  const present = await findDirectory(directory.directory, directory.attributes);
  if (present === undefined) return undefined;
  stack.use(present);
  const proven = await present.read(provenName(directory));
  const { rows } = wanted;
  if (typeof proven === 'string' || !isManifest(unlocked, rows.vault, rows.manifestEntries()))
    return undefined;
  const { encryptionKey, context } = unlocked;
  const source = sourceOf(directory, wanted);
  const recorded = readKeyFilesRecord(encryptionKey, context, source, proven.content.toString('utf8'));
  if (recorded === undefined) return undefined;
  const record = await present.read(recordName(directory));
  const hasNumberedFiles = record !== 'missing';
  if (hasNumberedFiles !== (directory.layout === 'one-per-key')) return undefined;
  const compared = await compareWithRecord(directory, present, recorded);
  if (compared === undefined) return undefined;
  const records = new Map<string, Uint8Array | string>([[provenName(directory), proven.content]]);
  if (hasNumberedFiles) records.set(recordName(directory), formatRecordOfHashes(recorded));
  const validators = await readValidatorsRecord(present, directory);
  records.set(
    validatorsRecordName(directory),
    formatValidatorsRecord(validators, {
      files: recorded,
      here: RecordTable.from(wanted.validators(), PUBLIC_KEY_LENGTH),
    }),
  );
  const stray = await listStrayFiles(present, directory, name => recorded.has(name));
  stack.defer(() => wipeAll(compared.adjusted));
  return owned(stack, { present, records, stray, ...compared });
}

/** Corrects modes and owners by writing the files anew, and removes what a killed run left. */
export async function applyUnchanged(directory: KeyFilesDirectory, files: UnchangedKeyFiles): Promise<void> {
  const { attributes } = directory;
  const directoryAttributes = { ...attributes, mode: directoryModeOf(attributes.mode) };
  await using target = await prepareDirectory(directory.directory, directoryAttributes, files.present);
  await applyFileSet(target, files.adjusted, files.plan, attributes);
  for (const [name, content] of files.records) await writeEntryIfChanged(target, name, content, attributes);
}

/**
 * Records that these files were written from these rows, all of which were proven; to be called last. Killed before, the
 * record of an earlier run stays, whose hashes fit no changed file.
 * @param files - SHA-256 by name; undefined when the directory holds more than these rows: then there is no record
 */
export async function recordKeyFiles(
  directory: KeyFilesDirectory,
  { encryptionKey, context }: UnlockedVault,
  wanted: WantedRows,
  files: ReadonlyMap<string, Uint8Array> | undefined,
): Promise<void> {
  await using held = await findDirectory(directory.directory, directory.attributes);
  if (held === undefined) return;
  const name = provenName(directory);
  if (files === undefined || wanted.rows.vault.manifestMac === null) {
    await removeEntry(held, name).catch(() => undefined);
    return;
  }
  const text = formatKeyFilesRecord(encryptionKey, context, sourceOf(directory, wanted), files);
  await writeEntryIfChanged(held, name, text, directory.attributes);
}

function sourceOf({ layout }: KeyFilesDirectory, { rows, retiredDigest }: WantedRows): KeyFilesSource {
  return {
    manifestCounter: rows.vault.manifestCounter,
    manifestMac: rows.vault.manifestMac ?? new Uint8Array(0),
    rowCount: rows.length,
    rowsDigest: rows.digest(),
    layout,
    retiredDigest,
  };
}

async function compareWithRecord(
  options: KeyFilesDirectory,
  directory: HeldDirectory,
  recorded: ReadonlyMap<string, Uint8Array>,
): Promise<Pick<UnchangedKeyFiles, 'plan' | 'adjusted'> | undefined> {
  const names = await listEntries(directory);
  const isOfOthers = (name: string) => {
    const layout = keyFileOf(name, options);
    // Another vault may have numbered files of its own; that this one has none left says the record of such files.
    return layout === undefined || (layout === 'one-per-key' && options.layout === 'buckets');
  };
  if (names.some(name => !recorded.has(name) && !isOfOthers(name))) return undefined;
  const unchanged: string[] = [];
  const adjusted = new Map<string, Uint8Array>();
  let isSame = true;
  for (const [name, hash] of recorded) {
    const entry = await directory.read(name);
    // A link may lead to a file of somebody else's.
    if (typeof entry === 'string') isSame = false;
    else if (!equalBytes(createHash('sha256').update(entry.content).digest(), hash)) isSame = false;
    else if (!hasAttributes(entry.stats, options.attributes)) adjusted.set(name, entry.content);
    else unchanged.push(name);
    if (typeof entry !== 'string' && !adjusted.has(name)) wipe(entry.content);
    if (!isSame) break;
  }
  if (!isSame) {
    wipeAll(adjusted);
    return undefined;
  }
  const plan = { added: [], changed: [], removed: [], adjusted: [...adjusted.keys()], unchanged };
  return { plan, adjusted };
}

/** One by one: a call takes only so many arguments. */
function wipeAll(contents: ReadonlyMap<string, Uint8Array>): void {
  wipe(contents.values());
}
