import { isMap, isScalar, isSeq, type Node, parseDocument, Scalar } from 'yaml';
import type { Definition } from './client-definitions.ts';

/**
 * The entries of a `validator_definitions.yml` in whatever form of YAML: flow style, comments, scalars of several lines. A module
 * of its own, since the parser takes its time to load and few files need it.
 * @returns undefined for what is no list of mappings
 */
export function parseDefinitions(text: string): Definition[] | undefined {
  // Scalars are told by their source: a key without quotes would be a number else, and lose its last digits.
  const document = parseDocument(text, { version: '1.2', schema: 'failsafe', logLevel: 'silent' });
  if (document.errors.length > 0) return undefined;
  const { contents } = document;
  if (!isSeq(contents)) return undefined;
  const definitions: Definition[] = [];
  for (const item of contents.items) {
    if (!isMap(item)) return undefined;
    const entry = new Map<string, string>();
    for (const { key, value } of item.items) entry.set(String(key), sourceOf(value as Node | null));
    definitions.push(entry);
  }
  return definitions;
}

/** A value on one line, as YAML. */
function sourceOf(value: Node | null): string {
  if (!isScalar(value)) return JSON.stringify(value ?? null);
  const { source } = value;
  const isPlain = value.type === Scalar.PLAIN && source !== undefined && !source.includes('\n');
  if (isPlain) return source === '' ? 'null' : source;
  return JSON.stringify(String(value.value));
}
