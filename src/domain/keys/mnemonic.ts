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
import { countOf } from '../../lib/plural.ts';

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
 * How words are compared, one way after the other. Whole words decide first: without its accents, or cut after four letters, one
 * may stand for several words of other languages. BIP-39 takes words of Spanish as the same without their accents, and the staking
 * deposit CLI takes words cut after four letters.
 */
const FORMS: readonly ((word: string) => string)[] = [
  word => word.normalize('NFKD'),
  withoutAccents,
  word => cutShort(word.normalize('NFKC')),
  word => cutShort(withoutAccents(word).normalize('NFKC')),
];

/** Numbers of words that BIP-39 has. */
const WORD_COUNTS: readonly number[] = [12, 15, 18, 21, 24];

/** What may be repeated of a text that was to be a word: what else stands there may be another secret. */
const WORD = /^\p{L}[\p{L}\p{M}]{0,15}$/u;

/**
 * The full words of a mnemonic as its word list has them, found over the eight languages. Upper case, surplus spaces and
 * Unicode's other forms are accepted, words without their accents, and words cut after four letters.
 * @throws UsageError 'invalid-mnemonic' when no language gives a valid checksum, or two of them give different words. Its
 *   hint names the number of words or the first word that is not in the list, never another one
 */
export function parseMnemonic(text: string): string {
  const words = text.trim().toLowerCase().split(/\s+/u);
  for (const form of FORMS) {
    const found = findMnemonics(words, form);
    const [mnemonic] = found;
    if (mnemonic !== undefined && found.size === 1) return mnemonic;
    if (found.size > 1) throw invalidMnemonic('Its words are valid in two languages: write them in full.');
  }
  throw invalidMnemonic(describeFault(words));
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

function withoutAccents(word: string): string {
  return word.normalize('NFKD').replace(/\p{Mn}/gu, '');
}

function cutShort(word: string): string {
  return word.slice(0, 4);
}

/** What to look for. The count comes first: what is no mnemonic at all is not repeated. */
function describeFault(words: readonly string[]): string {
  const count = words[0] === '' ? 0 : words.length;
  if (!WORD_COUNTS.includes(count)) {
    return `It has ${countOf(count, 'word')}, and a mnemonic has 12, 15, 18, 21 or 24.`;
  }
  const { language, unknown } = nearestLanguage(words);
  const list = `the ${language[0]?.toUpperCase()}${language.slice(1).replace('_', ' ')} list`;
  const [first] = unknown;
  if (first === undefined)
    return `All its words are in ${list}, but one is another than it was, or two have changed places.`;
  const word = words[first] ?? '';
  return `Word ${first + 1}${WORD.test(word) ? `, "${word}",` : ''} is not in ${list}.`;
}

/** The language that has most of the words, and the places of those that it lacks; English where none has more. */
function nearestLanguage(words: readonly string[]): { language: Language; unknown: readonly number[] } {
  const compared = LANGUAGES.map(language => {
    const known = FORMS.map(form => ({ form, words: new Set(WORD_LISTS[language].map(form)) }));
    const isKnown = (word: string) => known.some(list => list.words.has(list.form(word)));
    return { language, unknown: words.flatMap((word, place) => (isKnown(word) ? [] : [place])) };
  });
  const fewest = compared.reduce((least, { unknown }) => Math.min(least, unknown.length), words.length);
  const best = compared.filter(({ unknown }) => unknown.length === fewest);
  return (
    best.find(({ language }) => language === 'english') ?? best[0] ?? { language: 'english', unknown: [] }
  );
}

/** @param hint - a sentence */
function invalidMnemonic(hint: string): UsageError {
  return new UsageError('invalid-mnemonic', 'That is not a valid mnemonic, please check for typos.', {
    hint,
  });
}
