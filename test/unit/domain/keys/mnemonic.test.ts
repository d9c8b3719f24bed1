import { describe, expect, it } from 'vitest';
import {
  generateMnemonic,
  LANGUAGES,
  mnemonicToSeed,
  parseMnemonic,
} from '../../../../src/domain/keys/mnemonic.ts';
import { toHex } from '../../../../src/lib/bytes.ts';

const RECORDED =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';

describe('mnemonic', () => {
  it.each(LANGUAGES)(
    'generateMnemonic makes 24 words in %s that parseMnemonic reads back, in any case and spacing',
    language => {
      const mnemonic = generateMnemonic(language);
      expect(mnemonic.split(' ')).toHaveLength(24);
      expect(parseMnemonic(mnemonic)).toBe(mnemonic);
      expect(parseMnemonic(`  ${mnemonic.toUpperCase().normalize('NFC').replaceAll(' ', '\n ')} `)).toBe(
        mnemonic,
      );
    },
  );

  it('parseMnemonic completes words cut after four letters', () => {
    const short = RECORDED.split(' ').map(word => word.slice(0, 4));
    expect(parseMnemonic(short.join(' '))).toBe(RECORDED);
  });

  it.each(['spanish', 'portuguese', 'czech', 'italian', 'korean'] as const)(
    'parseMnemonic reads words of %s without their accents, composed or decomposed, whole or cut',
    language => {
      for (let i = 0; i < 20; i++) {
        const mnemonic = generateMnemonic(language);
        const plain = mnemonic.normalize('NFKD').replace(/\p{Mn}/gu, '');
        expect(parseMnemonic(plain)).toBe(mnemonic);
        expect(parseMnemonic(mnemonic.normalize('NFC'))).toBe(mnemonic);
        if (language !== 'spanish') continue;
        const cut = (text: string) => Array.from(text.split(' '), word => word.slice(0, 4)).join(' ');
        expect(parseMnemonic(cut(plain))).toBe(mnemonic);
        expect(parseMnemonic(cut(mnemonic.normalize('NFC')))).toBe(mnemonic);
      }
    },
  );

  it.each([
    [RECORDED.replace('okay', 'okey'), 'Word 1, "okey", is not in the English list.'],
    [RECORDED.replace('diamond', 'xylophon'), 'Word 24, "xylophon", is not in the English list.'],
    [
      `ábaco abdomen abeja abierto abogado abono aborto abrazo abrir abuelo abuso zzz`,
      'Word 12, "zzz", is not in the Spanish list.',
    ],
    // Not a word: may be half a key.
    [RECORDED.replace('okay', 'K7m/Q2=='), 'Word 1 is not in the English list.'],
    [RECORDED.replace('okay', '0x3ee2224386c8'), 'Word 1 is not in the English list.'],
    [
      RECORDED.replace('diamond', 'abandon'),
      'All its words are in the English list, but one is another than it was, or two have changed places.',
    ],
    [RECORDED.split(' ').slice(1).join(' '), 'It has 23 words, and a mnemonic has 12, 15, 18, 21 or 24.'],
    ['one two three', 'It has 3 words, and a mnemonic has 12, 15, 18, 21 or 24.'],
    ['WV2Gs3secret', 'It has 1 word, and a mnemonic has 12, 15, 18, 21 or 24.'],
    ['', 'It has 0 words, and a mnemonic has 12, 15, 18, 21 or 24.'],
  ])('parseMnemonic refuses %j, and says of it no more than what to look for', (text, hint) => {
    expect(() => parseMnemonic(text)).toThrowError(
      expect.objectContaining({
        code: 'invalid-mnemonic',
        exitCode: 2,
        message: 'That is not a valid mnemonic, please check for typos.',
        hint,
      }),
    );
  });

  // The all-zero entropy of the BIP-39 vectors; their own seeds have the passphrase TREZOR, which validators never use.
  it('mnemonicToSeed gives the published seed', () => {
    const mnemonic = `${'abandon '.repeat(11)}about`;
    expect(toHex(mnemonicToSeed(parseMnemonic(mnemonic)))).toBe(
      '0x5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4',
    );
  });
});
