import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { escapeValue, filesOfTemplates, fillTemplate } from '../../../../src/services/fleet/template-text.ts';
import { it } from '../../../support/fixtures.ts';

describe('escapeValue', () => {
  it('escapeValue gives one line that YAML 1.1, YAML 1.2 and JSON read back', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.webUrl({ withQueryParameters: true, withFragments: true }),
        ),
        text => {
          const yaml = escapeValue(text, 'yaml');
          const json = escapeValue(text, 'json');
          expect(yaml).not.toMatch(/[\n\r]/);
          for (const version of ['1.1', '1.2'] as const) {
            expect(parse(`a: ${yaml}\nb: [${json}, 1]\n`, { version })).toEqual({ a: text, b: [text, 1] });
          }
          expect(JSON.parse(json)).toBe(text);
        },
      ),
    );
  });

  it('escapeValue leaves a string of any other file as it is, on one line', () => {
    expect(escapeValue('a "b" c', 'text')).toBe('a "b" c');
    expect(escapeValue(['0xaa'], 'text')).toBe('["0xaa"]');
    for (const value of ['a\nb', 'a\u2028b', 'a\0b'])
      expect(() => escapeValue(value, 'text')).toThrow(/line end/);
    expect(() => escapeValue(undefined, 'text')).toThrow(/missing/);
  });
});

describe('fillTemplate', () => {
  it('fillTemplate ends a file with a line end, whether its template has one or not', async ({
    directory,
  }) => {
    for (const [name, template, text] of [
      ['a.yml', 'keys: <%= it.keys %>', 'keys: ["0xaa"]\n'],
      ['b.yml', 'keys: <%= it.keys %>\n', 'keys: ["0xaa"]\n'],
      ['c.json', '{"keys": <%= it.keys %>}', '{"keys": ["0xaa"]}\n'],
      ['d.txt', '<% for (const key of it.keys) { %>\n<%= key %>\n\n<% } %>', '0xaa\n'],
      ['e.txt', '', ''],
    ] as const) {
      const path = join(directory, `${name}.eta`);
      await writeFile(path, template);
      expect(await fillTemplate(path, name, { keys: ['0xaa'] }), name).toBe(text);
    }
  });
});

describe('filesOfTemplates', () => {
  it('filesOfTemplates finds the templates of a folder, links of volumes among them, and nothing hidden', async ({
    directory,
  }) => {
    await mkdir(join(directory, '..2026_12_01'));
    await mkdir(join(directory, 'folder.eta'));
    for (const name of [
      '..2026_12_01/keys.json.eta',
      'b.yml.eta',
      '.b.yml.eta.swp',
      '.hidden.eta',
      'b.yml.eta~',
    ])
      await writeFile(join(directory, name), '');
    await symlink('..2026_12_01/keys.json.eta', join(directory, 'keys.json.eta'));
    expect(filesOfTemplates(directory)).toEqual(['b.yml', 'keys.json']);
    expect(() => filesOfTemplates(join(directory, 'missing'))).toThrow(/missing does not exist/);
  });
});
