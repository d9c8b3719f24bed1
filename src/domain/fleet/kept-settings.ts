// Settings that somebody else has put into a file of ours, and that the next run keeps.

export interface KeptSettings {
  readonly text: string;
  /** Names of what was kept. */
  readonly names: readonly string[];
}

/** A name at the beginning of a line, of a mapping in block style. */
const TOP_LEVEL = /^("[^"\n]*"|'[^'\n]*'|[^\s#'"&*!|>%@`{}[\],?:-][^:#\n]*?)\s*:(?:\s|$)/;

/**
 * The options of a client's `--config-file` that are not ours: Teku and Prysm take one such file only, so that a user puts his
 * own options into it. Each with the lines that belong to it, comments included.
 * @param wanted - text of the file as it would be written
 * @param present - text of the file that is there
 */
export function keepOptions(wanted: string, present: string): KeptSettings {
  const own = new Set(blocksOf(wanted).map(({ name }) => name));
  const kept = blocksOf(present).filter(({ name }) => !own.has(name));
  const lines = kept.flatMap(block => block.lines);
  while (lines.at(-1)?.trim() === '') lines.pop();
  const text = lines.length === 0 ? wanted : `${wanted}${lines.join('\n')}\n`;
  return { text, names: kept.map(({ name }) => name) };
}

function blocksOf(text: string): { name: string; lines: string[] }[] {
  const blocks: { name: string; lines: string[] }[] = [];
  for (const line of text.split('\n')) {
    const name = TOP_LEVEL.exec(line)?.[1]?.replace(/^(["'])(.*)\1$/, '$2');
    if (name !== undefined) blocks.push({ name, lines: [line] });
    else if (!/^(?:---|\.\.\.)(?:\s|$)/.test(line)) blocks.at(-1)?.lines.push(line);
  }
  return blocks;
}

/**
 * The members of a JSON document that are not ours, such as fee recipients of single validators in `proposer_config.json`.
 * @param wanted - text of the document as it would be written
 * @param present - text of the one that is there; one that is no JSON has nothing to keep
 */
export function keepMembers(wanted: string, present: string): KeptSettings {
  const names: string[] = [];
  let merged: unknown;
  try {
    merged = merge(JSON.parse(wanted), JSON.parse(present), '', names);
  } catch {
    return { text: wanted, names: [] };
  }
  return names.length === 0
    ? { text: wanted, names }
    : { text: `${JSON.stringify(merged, undefined, 4)}\n`, names };
}

function merge(wanted: unknown, present: unknown, path: string, names: string[]): unknown {
  if (!isObject(wanted) || !isObject(present)) return wanted;
  const merged: [string, unknown][] = Object.entries(wanted).map(([name, value]) => [
    name,
    merge(value, present[name], `${path}${name}.`, names),
  ]);
  for (const [name, value] of Object.entries(present)) {
    if (Object.hasOwn(wanted, name)) continue;
    merged.push([name, value]);
    names.push(`${path}${name}`);
  }
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
