import { isDeepStrictEqual } from 'node:util';
import {
  type Definition,
  formatDefinitions,
  mergeDefinitions,
  readSimpleDefinitions,
} from '../../../domain/fleet/client-definitions.ts';
import { type KeptSettings, keepMembers, keepOptions } from '../../../domain/fleet/kept-settings.ts';
import type { ValidatorFile } from '../../../domain/fleet/validator-clients.ts';
import { OperatorError } from '../../../lib/errors.ts';
import type { FileAttributes } from '../../../lib/files.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { nameList } from '../../../lib/name-list.ts';
import { findDirectory } from '../../../lib/output-directory.ts';
import { decodeText } from '../../../lib/text.ts';
import type { RenderedFile } from './render-templates.ts';

export interface KeptFiles {
  /** What is to be in the files, by name. */
  readonly files: ReadonlyMap<string, RenderedFile>;
  /** Validators in both, the old definitions and the new, that change: the names of their fields by public key. */
  readonly changedEntries: ReadonlyMap<string, readonly string[]>;
  /** What stays of others, for the user to know. */
  readonly warnings: readonly string[];
}

interface Kept {
  readonly file: RenderedFile;
  readonly changedEntries?: ReadonlyMap<string, readonly string[]> | undefined;
  readonly warnings: readonly string[];
}

type Keeper = (path: string, file: RenderedFile, present: Buffer) => Kept | Promise<Kept>;

/** How each file is brought together with the one that is there; a file of a user's own template has nobody else's settings. */
const KEEPERS: Readonly<Record<ValidatorFile, Keeper>> = {
  'validator_definitions.yml': keepEntries,
  'signer_keys.yml': (path, file, present) => keepNamed(path, file, present, keepOptions),
  'proposer_config.json': (path, file, present) => keepNamed(path, file, present, keepMembers),
};

/**
 * Puts into the files of a validator client what others have put into those that are there: Lighthouse itself, which stores
 * what its API is told in its definitions, and users, who add options of theirs. A file that says the same already, in a form of
 * others, keeps its bytes.
 * @param directory - where the files are, or will be
 * @throws OperatorError naming a file that cannot be read
 */
export async function keepSettings(
  directory: string,
  attributes: FileAttributes,
  rendered: ReadonlyMap<string, RenderedFile>,
): Promise<KeptFiles> {
  await using held = await findDirectory(directory, attributes);
  const files = new Map(rendered);
  const warnings: string[] = [];
  let changedEntries: ReadonlyMap<string, readonly string[]> = new Map();
  if (held === undefined) return { files, changedEntries, warnings };
  for (const [name, keep] of Object.entries(KEEPERS)) {
    const file = rendered.get(name);
    const present = file === undefined ? undefined : await readPresent(held, name);
    if (file === undefined || present === undefined || present.equals(file.content)) continue;
    const kept = await keep(held.pathOf(name), file, present);
    files.set(name, kept.file);
    for (const warning of kept.warnings) warnings.push(warning);
    changedEntries = kept.changedEntries ?? changedEntries;
  }
  return { files, changedEntries, warnings };
}

/**
 * A file of the directory itself. Not what a link leads to, and not what has another name besides: whoever owns the directory
 * could have a file of root's copied into one of his own.
 */
async function readPresent(directory: HeldDirectory, name: string): Promise<Buffer | undefined> {
  try {
    const found = await directory.read(name);
    if (found === 'missing' || found === 'irregular' || found.stats.nlink > 1) return undefined;
    return found.content;
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-too-large') return undefined;
    throw error;
  }
}

async function keepEntries(path: string, file: RenderedFile, present: Buffer): Promise<Kept> {
  const wanted = await readDefinitions(file.content);
  const before = await readDefinitions(present);
  if (wanted === undefined) return { file, warnings: [] };
  if (before === undefined) {
    const isEmpty = decodeText(present).trim() === '';
    const warning = `${path} is no list of validator definitions: what it has is replaced.`;
    return { file, warnings: isEmpty ? [] : [warning] };
  }
  const { definitions, isSame, disabled, keptFields, changed } = mergeDefinitions(wanted, before);
  const warnings: string[] = [];
  if (disabled.length > 0) {
    warnings.push(
      `${disabled.length} validators stay switched off (enabled: false) in ${path}: ${nameList(disabled)}.`,
    );
  }
  if (keptFields.length > 0) warnings.push(tellOfKept(path, keptFields));
  const isForeign = disabled.length > 0 || keptFields.length > 0;
  const holdsSecret = file.holdsSecret || keptFields.includes('client_identity_password');
  const content = isForeign ? Buffer.from(formatDefinitions(definitions)) : file.content;
  // A file of ours that only got blank lines is no form of somebody else's.
  const isOurs = decodeText(present).trimEnd() === decodeText(content).trimEnd();
  return {
    file: { content: isSame && !isOurs ? present : content, holdsSecret },
    changedEntries: changed,
    warnings,
  };
}

/** What looks like a password in settings of others. */
const LIKE_SECRET = /:\/\/[^\s/]*@|password|token/i;

function keepNamed(
  path: string,
  file: RenderedFile,
  present: Buffer,
  keep: (wanted: string, present: string) => KeptSettings,
): Kept {
  const before = decodeText(present);
  const { text, names } = keep(decodeText(file.content), before);
  if (names.length === 0) return { file, warnings: [] };
  const content = path.endsWith('.json') && isSameJson(text, before) ? present : Buffer.from(text);
  const holdsSecret = file.holdsSecret || LIKE_SECRET.test(text);
  return { file: { content, holdsSecret }, warnings: [tellOfKept(path, names)] };
}

/** @param text - a JSON document */
function isSameJson(text: string, other: string): boolean {
  return isDeepStrictEqual(JSON.parse(text), JSON.parse(other));
}

function tellOfKept(path: string, names: readonly string[]): string {
  return `What is not this command's stays in ${path}: ${nameList(names)}. Remove the file to be rid of it.`;
}

async function readDefinitions(content: Uint8Array): Promise<Definition[] | undefined> {
  const text = decodeText(content);
  const simple = readSimpleDefinitions(text);
  if (simple !== undefined) return simple;
  const { parseDefinitions } = await import('../../../domain/fleet/parse-definitions.ts');
  return parseDefinitions(text);
}
