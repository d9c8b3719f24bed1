// A key that two validator clients run is slashed. So nothing that the program says may name the way to move keys before it
// names the stop.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';

const LITERAL = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;

function textsThatNameReassign(): { file: string; text: string }[] {
  const root = join(PROJECT_ROOT, 'src');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .flatMap(file =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .filter(line => !/^\s*(\/\/|\*|\/\*\*)/.test(line))
        .flatMap(line => line.match(LITERAL) ?? [])
        .filter(text => text.includes('--reassign'))
        .map(text => ({ file, text })),
    );
}

describe('texts about moving keys', () => {
  it('every text of the program that names --reassign has named the stop of the clients before', () => {
    const texts = textsThatNameReassign();
    expect(texts.length).toBeGreaterThan(8);
    const silent = texts.filter(({ text }) => !/\bstop\b.*--reassign/i.test(text));
    expect(silent).toEqual([]);
  });
});
