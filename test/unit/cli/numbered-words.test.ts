import { describe, expect, it } from 'vitest';
import { renderNumberedWords } from '../../../src/cli/terminal/numbered-words.ts';
import { generateMnemonic, LANGUAGES } from '../../../src/domain/keys/mnemonic.ts';

const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';

/** The words by their numbers, as somebody writes them down. */
function copied(lines: string): string {
  const words = [...lines.matchAll(/(\d+)\. (\S+)/g)].map(
    ([, number, word]) => [Number(number), word] as const,
  );
  return words
    .sort(([a], [b]) => a - b)
    .map(([, word]) => word)
    .join(' ');
}

describe('renderNumberedWords', () => {
  it('a mnemonic of 24 words stands in four columns on a terminal of 80, read from left to right', () => {
    expect(renderNumberedWords(MNEMONIC, 80)).toBe(
      ' 1. okay        2. session     3. silver      4. direct\n' +
        ' 5. slot        6. fun         7. meat        8. life\n' +
        ' 9. cargo      10. fall       11. muffin     12. convince\n' +
        '13. discover   14. together   15. apart      16. token\n' +
        '17. ten        18. suffer     19. science    20. sponsor\n' +
        '21. fruit      22. abandon    23. cause      24. diamond\n',
    );
  });

  it.each([
    [110, 4],
    [80, 6],
    [40, 12],
    [20, 24],
  ])('a terminal of %s columns shows the words in %s lines, none of them broken', (columns, count) => {
    const lines = renderNumberedWords(MNEMONIC, columns);
    expect(lines.split('\n')).toHaveLength(count + 1);
    expect(Math.max(...lines.split('\n').map(line => line.length))).toBeLessThan(columns);
    expect(copied(lines)).toBe(MNEMONIC);
  });

  it.each(LANGUAGES)('whoever copies the numbered words has the mnemonic, also in %s', language => {
    const mnemonic = generateMnemonic(language);
    expect(copied(renderNumberedWords(mnemonic, 80))).toBe(mnemonic);
  });

  it('letters that are two columns wide keep the columns straight', () => {
    const words = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? '한글' : 'word'));
    const [first = ''] = renderNumberedWords(words.join(' '), 80).split('\n');
    expect(first).toBe(' 1. 한글    2. word    3. 한글    4. word    5. 한글    6. word');
  });
});
