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

  it.each([
    RECORDED.replace('okay', 'okey'),
    RECORDED.replace('diamond', 'abandon'),
    RECORDED.split(' ').slice(1).join(' '),
    'one two three',
    '',
  ])('parseMnemonic refuses %j', text => {
    expect(() => parseMnemonic(text)).toThrowError(
      expect.objectContaining({
        code: 'invalid-mnemonic',
        exitCode: 2,
        message: 'That is not a valid mnemonic, please check for typos.',
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
