import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findSchemaFaults, type JsonSchema } from '../../support/checkers/json-schema.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';
import { RESULT_SCHEMAS, SHOWN_RESULTS } from '../../support/programs/json-results.ts';

const SCHEMAS = join(PROJECT_ROOT, 'docs/schemas');

/** A part of a published schema, as far as it is looked at. */
interface Part extends JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Part>>;
  readonly items?: Part;
  readonly anyOf?: readonly Part[];
}

interface Place {
  readonly place: string;
  /** Name of the member that the part is; empty for the whole, and for what lists are made of. */
  readonly name: string;
  readonly depth: number;
  readonly part: Part;
}

function* partsOf(part: Part, at: Omit<Place, 'part'>): Generator<Place> {
  yield { ...at, part };
  for (const [name, member] of Object.entries(part.properties ?? {})) {
    yield* partsOf(member, { place: `${at.place}.${name}`, name, depth: at.depth + 1 });
  }
  if (part.items !== undefined) yield* partsOf(part.items, { ...at, place: `${at.place}[]`, name: '' });
  // The forms of one member, which itself has no type of its own.
  for (const one of part.anyOf ?? []) yield* partsOf(one, { ...at, name: '' });
}

function readSchema(name: string): Part {
  return JSON.parse(readFileSync(join(SCHEMAS, `${name}.json`), 'utf8'));
}

const parts = RESULT_SCHEMAS.flatMap(name => [
  ...partsOf(readSchema(name), { place: name, name: '', depth: 0 }),
]);
const members = parts.filter(({ name }) => name !== '');

function placesOf(found: readonly Place[]): string[] {
  return found.map(({ place }) => place);
}

describe('docs/schemas', () => {
  it('docs/schemas has a schema of each command, and no other', () => {
    const commands = globSync('**/*.ts', { cwd: join(PROJECT_ROOT, 'src/commands') });
    const names = commands.map(file => file.replace(/\.ts$/, '').replaceAll('/', '-'));
    expect(RESULT_SCHEMAS).toEqual(names.sort());
    expect(RESULT_SCHEMAS.length).toBeGreaterThan(20);
  });

  it('each command has the result that the file of its name declares, and takes the type alone: it runs without the schema', () => {
    const imports = /^import (type \{ RESULT \}|.*) from '(?:\.\.\/)+cli\/(results?[/-][\w/-]+)\.ts';$/gm;
    for (const file of globSync('**/*.ts', { cwd: join(PROJECT_ROOT, 'src/commands') })) {
      const text = readFileSync(join(PROJECT_ROOT, 'src/commands', file), 'utf8');
      const taken = [...text.matchAll(imports)].map(([, what, from]) => ({ what, from }));
      expect(taken).toEqual([{ what: 'type { RESULT }', from: `results/${file.replace(/\.ts$/, '')}` }]);
      expect(text).toMatch(/\)<typeof RESULT> \{$/m);
    }
  });

  it('each command shows a result to the tests', () => {
    const shown = new Set(Object.values(SHOWN_RESULTS).flat());
    expect(RESULT_SCHEMAS.filter(name => !shown.has(name))).toEqual([]);
    expect([...shown].filter(name => !RESULT_SCHEMAS.includes(name))).toEqual([]);
    const asked = Object.keys(SHOWN_RESULTS).filter(file =>
      readFileSync(join(PROJECT_ROOT, file), 'utf8').includes(
        'expect(unseenResults(import.meta.filename)).toEqual([])',
      ),
    );
    expect(asked).toEqual(Object.keys(SHOWN_RESULTS));
  });
});

describe('the rule of results', () => {
  it('every member of a result has a description, and every object names all its members', () => {
    expect(placesOf(parts.filter(({ part }) => !part.description && part.anyOf === undefined))).toEqual([]);
    const open = parts.filter(({ part }) => part.type === 'object' && part.additionalProperties !== false);
    expect(placesOf(open)).toEqual([]);
  });

  it('numbers of results are integers from 0, durations among them; amounts are decimal strings', () => {
    expect(placesOf(parts.filter(({ part }) => part.type === 'number'))).toEqual([]);
    const integers = parts.filter(({ part }) => part.type === 'integer');
    expect(placesOf(integers.filter(({ part }) => part.minimum !== 0))).toEqual([]);
    const isOf = (pattern: RegExp, type: string) =>
      members.filter(({ name, part }) => pattern.test(name) && part.type !== type);
    expect(placesOf(isOf(/(Wei|Gwei)$/, 'string'))).toEqual([]);
    expect(placesOf(isOf(/Ms$/, 'integer'))).toEqual([]);
  });

  it('names of members tell times, files and directories, and no name tells a kind in another way', () => {
    const times = members.filter(({ name, part }) => name.endsWith('At') !== (part.format === 'date-time'));
    expect(placesOf(times)).toEqual([]);
    const others = members.filter(({ name }) => /(Path|Directory|Count)$|^(is|has)[A-Z]/.test(name));
    expect(placesOf(others)).toEqual([]);
    const paths = members.filter(({ name, part }) => /(File|Dir)$/.test(name) && part.type !== 'string');
    expect(placesOf(paths)).toEqual([]);
  });

  it('lists of results have a name in the plural, or say what has become of the things', () => {
    const lists = members.filter(({ part }) => part.type === 'array');
    const names = new Set(lists.map(({ name }) => name));
    expect([...names].filter(name => !name.endsWith('s')).sort()).toEqual([
      'alreadyExiting',
      'keysPerValidator',
      'later',
      'planned',
      'recovered',
      'refused',
      'untouched',
    ]);
  });

  it('a member of one name is written in one way in all results', () => {
    const wordsOf = ({ type, pattern, format, items }: Part) =>
      JSON.stringify([type, pattern, format, items?.type]);
    const ways = Map.groupBy(members, ({ name, depth }) => `${depth === 1 ? '' : 'of a member: '}${name}`);
    const differing = [...ways].filter(([, found]) => new Set(found.map(one => wordsOf(one.part))).size > 1);
    expect(differing.map(([name]) => name)).toEqual([]);
  });
});

describe('the checker of JSON Schemas', () => {
  const schema = {
    type: 'object',
    properties: {
      count: { type: 'integer', minimum: 0, maximum: 9 },
      names: { type: 'array', items: { type: 'string', pattern: '^a' } },
      state: { enum: ['on', 'off'] },
      at: { type: 'string', format: 'date-time' },
      either: { anyOf: [{ type: 'boolean' }, { type: 'string' }] },
    },
    required: ['count'],
    additionalProperties: false,
  };

  it('the checker passes a valid document', () => {
    const document = { count: 1, names: ['a'], state: 'on', at: '2026-01-01T00:00:00.000Z', either: true };
    expect(findSchemaFaults(schema, document)).toEqual([]);
  });

  it.each<readonly [string, unknown, string]>([
    ['a missing member', {}, '$ lacks "count"'],
    ['a member too many', { count: 1, more: 1 }, '$ has a member that the schema does not name: "more"'],
    ['a number as text', { count: '1' }, '$.count is no integer: "1"'],
    ['a fraction', { count: 1.5 }, '$.count is no integer: 1.5'],
    ['a number too small', { count: -1 }, '$.count is less than 0: -1'],
    ['a number too large', { count: 10 }, '$.count is more than 9: 10'],
    ['an item of another pattern', { count: 1, names: ['a', 'b'] }, '$.names[1] is not ^a: b'],
    ['another value', { count: 1, state: 'up' }, '$.state is none of the values: "up"'],
    ['a time that is none', { count: 1, at: 'soon' }, '$.at is no date-time: soon'],
    ['null', { count: 1, names: null }, '$.names is no array: null'],
    ['none of several', { count: 1, either: 1 }, '$.either is no boolean: 1'],
  ])('the checker of JSON Schemas finds %s', (_, document, fault) => {
    expect(findSchemaFaults(schema, document)).toContain(fault);
  });

  it('the checker refuses a keyword that it does not know', () => {
    expect(findSchemaFaults({ type: 'string', maxLength: 3 }, 'four')).toEqual([
      '$: the checker does not know "maxLength"',
    ]);
  });
});
