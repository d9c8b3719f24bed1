import { generateMnemonic as generateWords, mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist as czech } from '@scure/bip39/wordlists/czech.js';
import { wordlist as english } from '@scure/bip39/wordlists/english.js';
import { wordlist as italian } from '@scure/bip39/wordlists/italian.js';
import { wordlist as korean } from '@scure/bip39/wordlists/korean.js';
import { wordlist as portuguese } from '@scure/bip39/wordlists/portuguese.js';
import { wordlist as chineseSimplified } from '@scure/bip39/wordlists/simplified-chinese.js';
import { wordlist as spanish } from '@scure/bip39/wordlists/spanish.js';
import { wordlist as chineseTraditional } from '@scure/bip39/wordlists/traditional-chinese.js';
import { UsageError } from '../../lib/errors.ts';

/** The mnemonic languages that `init` offers, in the order in which it names them. */
export const LANGUAGES = [
  'chinese_simplified',
  'chinese_traditional',
  'czech',
  'english',
  'italian',
  'korean',
  'portuguese',
  'spanish',
] as const;
export type Language = (typeof LANGUAGES)[number];

const WORD_LISTS: Readonly<Record<Language, readonly string[]>> = {
  chinese_simplified: chineseSimplified,
  chinese_traditional: chineseTraditional,
  czech,
  english,
  italian,
  korean,
  portuguese,
  spanish,
};

/** A fresh BIP-39 mnemonic of 24 words (256 bits of the system's CSPRNG), separated by single spaces. */
export function generateMnemonic(language: Language): string {
  return generateWords([...WORD_LISTS[language]], 256);
}

/**
 * The full words of a mnemonic as its word list has them, found over the eight languages. Upper case, surplus spaces and
 * Unicode's other forms are accepted, and words cut after four letters, as the staking deposit CLI accepts them.
 * @throws UsageError 'invalid-mnemonic' when no language gives a valid checksum, or two of them give different words
 */
export function parseMnemonic(text: string): string {
  const words = text.trim().toLowerCase().split(/\s+/u);
  const whole = findMnemonics(words, word => word.normalize('NFKD'));
  // Whole words decide first: a four-letter prefix may stand for several words of another language.
  const found = whole.size > 0 ? whole : findMnemonics(words, abbreviate);
  const [mnemonic] = found;
  if (mnemonic === undefined || found.size > 1) throw invalidMnemonic();
  return mnemonic;
}

/** The 64-byte BIP-39 seed of a mnemonic, without a passphrase. The caller wipes it. */
export function mnemonicToSeed(mnemonic: string): Uint8Array {
  return mnemonicToSeedSync(mnemonic);
}

function findMnemonics(words: readonly string[], reduce: (word: string) => string): Set<string> {
  const found = new Set<string>();
  for (const list of Object.values(WORD_LISTS)) {
    const byForm = new Map<string, string | null>();
    for (const word of list) byForm.set(reduce(word), byForm.has(reduce(word)) ? null : word);
    const full = words.map(word => byForm.get(reduce(word)));
    if (!full.every(word => typeof word === 'string')) continue;
    const mnemonic = full.join(' ');
    if (validateMnemonic(mnemonic, [...list])) found.add(mnemonic);
  }
  return found;
}

function abbreviate(word: string): string {
  return word.normalize('NFKC').slice(0, 4);
}

function invalidMnemonic(): UsageError {
  return new UsageError('invalid-mnemonic', 'That is not a valid mnemonic, please check for typos.');
}
