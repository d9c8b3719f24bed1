import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Definition,
  formatDefinitions,
  mergeDefinitions,
  readSimpleDefinitions,
} from '../../../../src/domain/fleet/client-definitions.ts';
import { parseDefinitions } from '../../../../src/domain/fleet/parse-definitions.ts';
import { escapeValue } from '../../../../src/services/fleet/template-text.ts';

const KEYS = ['a1', 'b2', 'c3'].map(byte => `0x${byte.repeat(48)}`);

/** Entries as this program writes them. */
const written = (keys: readonly string[], url = 'http://web3signer:6174') =>
  `---\n${keys
    .map(
      key =>
        `- enabled: true\n  suggested_fee_recipient: '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86'\n  type: web3signer\n  url: ${url}\n  voting_public_key: '${key}'\n`,
    )
    .join('')}`;

/** The same as Lighthouse saves it: no mark at the beginning, no quotes, its own order, an empty description. */
const saved = (keys: readonly string[], change: (text: string, key: string) => string = text => text) =>
  keys
    .map(key =>
      change(
        `- enabled: true\n  voting_public_key: ${key}\n  description: ''\n  suggested_fee_recipient: 0x48319f97e5da1233c21c48b80097c0fb7a20ff86\n  type: web3signer\n  url: http://web3signer:6174\n`,
        key,
      ),
    )
    .join('');

const read = (text: string): readonly Definition[] => readSimpleDefinitions(text) ?? [];
const merge = (wanted: string, present: string) => mergeDefinitions(read(wanted), read(present));

describe('readSimpleDefinitions', () => {
  it('readSimpleDefinitions reads what this program writes and what Lighthouse saves', () => {
    expect(read(written(KEYS))).toHaveLength(3);
    expect(read(saved(KEYS))).toHaveLength(3);
    expect(read(saved(KEYS))[1]?.get('voting_public_key')).toBe(KEYS[1]);
    for (const empty of ['--- []\n', '[]\n', '[]']) expect(readSimpleDefinitions(empty)).toEqual([]);
  });

  it.each([
    ['', 'nothing'],
    ['---\n', 'a document without content'],
    ['- enabled: true\n  description: >\n    long\n', 'a scalar of several lines'],
    ['- {enabled: true}\n', 'flow style'],
    ['# by hand\n- enabled: true\n', 'a comment'],
    ['- enabled: true # off on Monday\n', 'a comment behind a value'],
    ['- enabled: &on true\n', 'an anchor'],
    ['- description: "a\\x41"\n', 'an escape that JSON does not know'],
    ['- description: a: b\n', 'a colon'],
    ['- enabled: true\n  enabled: false\n', 'a field twice'],
    ['  enabled: true\n', 'a field without an entry'],
    ['- enabled: true\r\n', 'line ends of another system'],
  ])('readSimpleDefinitions leaves %j to a parser: %s', text => {
    expect(readSimpleDefinitions(text)).toBeUndefined();
  });

  it('readSimpleDefinitions reads from a file what a parser of YAML reads from it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean(), fc.nat()), { minLength: 1 }), entries => {
        const file = `---\n${entries
          .map(
            ([graffiti, enabled, gas], index) =>
              `- enabled: ${enabled}\n  voting_public_key: 0x${index}\n  gas_limit: ${gas}\n  graffiti: ${escapeValue(graffiti, 'yaml')}\n`,
          )
          .join('')}`;
        const simple = readSimpleDefinitions(file);
        expect(simple).toHaveLength(entries.length);
        const parsed = parseDefinitions(file);
        // The same, but for the quotes.
        expect(mergeDefinitions(simple ?? [], parsed ?? []).changed.size).toBe(0);
        expect(readSimpleDefinitions(formatDefinitions(simple ?? []))).toEqual(simple);
      }),
    );
  });
});

describe('mergeDefinitions', () => {
  it('mergeDefinitions finds no difference to a file that Lighthouse has saved, in any order', () => {
    for (const present of [saved(KEYS), saved(KEYS.toReversed()), written(KEYS)]) {
      expect(merge(written(KEYS), present)).toMatchObject({ isSame: true, disabled: [], keptFields: [] });
    }
  });

  it('mergeDefinitions keeps a validator switched off, and fields that are not its own', () => {
    const present = saved(KEYS, (text, key) =>
      key === KEYS[1]
        ? `${text.replace('enabled: true', 'enabled: false')}  graffiti: mine\n  gas_limit: 5\n`
        : text,
    );
    const merged = merge(written(KEYS), present);
    expect(merged).toMatchObject({
      isSame: true,
      disabled: [KEYS[1]],
      keptFields: ['graffiti', 'gas_limit'],
    });
    const text = formatDefinitions(merged.definitions);
    expect(text.match(/enabled: false/g)).toHaveLength(1);
    expect(text).toContain(`voting_public_key: '${KEYS[1]}'\n  graffiti: mine\n  gas_limit: 5\n`);
  });

  it.each([
    ['a key comes', written(KEYS), saved(KEYS.slice(1)), []],
    ['a key goes', written(KEYS.slice(1)), saved(KEYS), []],
    ['the URL is another', written(KEYS.slice(0, 1), 'http://other:1'), saved(KEYS.slice(0, 1)), ['url']],
    ['a key is there twice', written(KEYS.slice(0, 1)), saved([KEYS[0] ?? '', KEYS[0] ?? '']), []],
    [
      'a truth is a text',
      written(KEYS.slice(0, 1)),
      saved(KEYS.slice(0, 1)).replace('true', '"true"'),
      ['enabled'],
    ],
  ])('mergeDefinitions finds a difference where %s', (_, wanted, present, fields) => {
    const merged = merge(wanted, present);
    expect(merged.isSame).toBe(false);
    expect([...merged.changed.values()].flat()).toEqual(fields);
  });

  it('mergeDefinitions takes nothing of a local keystore into the entry of a signer but that it is off', () => {
    const local = `- enabled: false\n  voting_public_key: ${KEYS[0]}\n  type: local_keystore\n  voting_keystore_path: /k.json\n`;
    const merged = merge(written(KEYS.slice(0, 1)), local);
    expect(formatDefinitions(merged.definitions)).toBe(written(KEYS.slice(0, 1)).replace('true', 'false'));
  });
});

describe('parseDefinitions', () => {
  it('parseDefinitions reads flow style, comments and long scalars, and keeps what stands there', () => {
    const text = `# by hand\n- {enabled: false, voting_public_key: ${KEYS[0]}, builder: {boost: [1]}}\n- description: >\n    two\n    lines\n  graffiti: 'it''s'\n  nothing:\n`;
    expect(parseDefinitions(text)?.map(entry => Object.fromEntries(entry))).toEqual([
      { enabled: 'false', voting_public_key: KEYS[0], builder: '{"boost":["1"]}' },
      { description: '"two lines\\n"', graffiti: '"it\'s"', nothing: 'null' },
    ]);
  });

  it.each(['', 'enabled: true\n', '- a\n- b\n', '- {a\n', '- a: 1\n  a: 2\n'])(
    'parseDefinitions finds no entries in %j',
    text => {
      expect(parseDefinitions(text)).toBeUndefined();
    },
  );
});
