// Lighthouse owns its `validator_definitions.yml`: it writes the file anew when it starts and at every change through its API,
// in a form of its own, with fields of its own. So the file is compared and merged entry by entry, not byte by byte.

/** One entry: its fields in order, each with its scalar as YAML has it there. */
export type Definition = ReadonlyMap<string, string>;

const KEY_FIELD = 'voting_public_key';

/** A field of an entry on one line. */
const FIELD = /^(- | {2})([a-z_]+): +(\S.*)$/;
// Scalars of one line whose meaning needs no parser; what else there is goes to one.
const PLAIN = /^[\w./~](?:[^\n]*\S)?$/;
const SINGLE_QUOTED = /^'(?:[^']|'')*'$/;
const DOUBLE_QUOTED = /^"(?:[^"\\]|\\.)*"$/;
/** Plain scalars that are no strings. */
const TYPED = /^(?:true|false|null|~|[-+]?\d+(?:\.\d+)?)$/i;

/**
 * The entries of a file as this program and Lighthouse write it: one field a line, one-line scalars.
 * @returns undefined for any other text, of which a parser of YAML may know more
 */
export function readSimpleDefinitions(text: string): Definition[] | undefined {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (/^(?:--- )?\[\]$/.test(lines.join('\n'))) return [];
  if (lines[0] === '---') lines.shift();
  const definitions: Map<string, string>[] = [];
  for (const line of lines) {
    const [, lead, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined || !isSimple(value)) return undefined;
    if (lead === '- ') definitions.push(new Map());
    const entry = definitions.at(-1);
    if (entry === undefined || entry.has(name)) return undefined;
    entry.set(name, value);
  }
  return definitions.length > 0 ? definitions : undefined;
}

function isSimple(value: string): boolean {
  if (SINGLE_QUOTED.test(value)) return true;
  if (DOUBLE_QUOTED.test(value)) return unquote(value) !== undefined;
  return PLAIN.test(value) && !/: | #|:$/.test(value);
}

/** What was decided of the entries of others in a file that is written anew. */
export interface MergedDefinitions {
  readonly definitions: readonly Definition[];
  /** Whether the file that is there says the same, in whatever form. */
  readonly isSame: boolean;
  /** Public keys whose entries stay `enabled: false`. */
  readonly disabled: readonly string[];
  /** Names of fields that are not this program's and stay, each once. */
  readonly keptFields: readonly string[];
  /** Public keys of entries that are there and change, each with the names of the fields that do. */
  readonly changed: ReadonlyMap<string, readonly string[]>;
}

/**
 * Puts what others have written into the entries that are wanted: `enabled: false` of a validator that was switched off, and
 * fields that the wanted entries do not have (Lighthouse's API stores graffiti, gas limit and builder there).
 */
export function mergeDefinitions(
  wanted: readonly Definition[],
  present: readonly Definition[],
): MergedDefinitions {
  const byKey = new Map<string, Definition>();
  // Lighthouse takes the first of two.
  for (const entry of present.toReversed()) byKey.set(keyOf(entry), entry);
  const disabled: string[] = [];
  const keptFields = new Set<string>();
  const changed = new Map<string, readonly string[]>();
  const definitions = wanted.map(entry => {
    const before = byKey.get(keyOf(entry));
    if (before === undefined) return entry;
    const merged = new Map(entry);
    if (before.get('enabled') === 'false' && entry.get('enabled') !== 'false') {
      merged.set('enabled', 'false');
      disabled.push(keyOf(entry));
    }
    for (const [name, value] of foreignFields(entry, before)) {
      merged.set(name, value);
      keptFields.add(name);
    }
    const differing = [...merged].filter(([name, value]) => !means(value, before.get(name)));
    const names = differing.map(([name]) => name);
    if (names.length > 0) changed.set(keyOf(entry), names);
    return merged;
  });
  const isSame = changed.size === 0 && haveSameKeys(definitions, present);
  return { definitions, isSame, disabled, keptFields: [...keptFields], changed };
}

/**
 * Fields of an entry that the wanted one does not have and that say something: Lighthouse gives every entry an empty description.
 * Those of a local keystore are of no use to an entry of a signer.
 */
function foreignFields(entry: Definition, before: Definition): [string, string][] {
  if (!means(entry.get('type') ?? '', before.get('type'))) return [];
  return [...before].filter(([name, value]) => !entry.has(name) && meaningOf(value) !== '');
}

function haveSameKeys(one: readonly Definition[], other: readonly Definition[]): boolean {
  const keys = new Set(one.map(keyOf));
  return one.length === other.length && other.every(entry => keys.has(keyOf(entry)));
}

/** The text of a file with these entries. */
export function formatDefinitions(definitions: readonly Definition[]): string {
  if (definitions.length === 0) return '--- []\n';
  const entries = definitions.map(entry =>
    [...entry].map(([name, value], place) => `${place === 0 ? '- ' : '  '}${name}: ${value}\n`).join(''),
  );
  return `---\n${entries.join('')}`;
}

/** Public key of an entry, lower case; empty without one. */
function keyOf(entry: Definition): string {
  return meaningOf(entry.get(KEY_FIELD) ?? '');
}

function means(value: string, other: string | undefined): boolean {
  return other !== undefined && meaningOf(value) === meaningOf(other);
}

/** What a scalar says, whether it is quoted or not; digits of hex in lower case. */
function meaningOf(value: string): string {
  const text = unquote(value);
  if (text === undefined) return TYPED.test(value) ? `\0${value}` : lowerHex(value);
  return lowerHex(text);
}

function lowerHex(text: string): string {
  return /^0x[0-9a-f]+$/i.test(text) ? text.toLowerCase() : text;
}

/** The text inside quotes; undefined for a scalar without, or with escapes that JSON does not know. */
function unquote(value: string): string | undefined {
  if (SINGLE_QUOTED.test(value)) return value.slice(1, -1).replaceAll("''", "'");
  if (!DOUBLE_QUOTED.test(value)) return undefined;
  try {
    return String(JSON.parse(value));
  } catch {
    return undefined;
  }
}
