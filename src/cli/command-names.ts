/** Other names of commands: newer Python operators have a `start` for every kind of signer. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['start-local', 'start'],
  ['start-remote-signer', 'start'],
  ['start-hashi-vault', 'start'],
]);

/** Names of two words that a command has, too: people look for it where the others of its kind are. */
export const TWO_WORD_NAMES: ReadonlyMap<string, string> = new Map([
  ['fleet status', 'status'],
  ['remote-db status', 'status'],
]);

/** The command's own words; words that are no other name of one come back as they are. */
export function ownWords(words: readonly string[]): readonly string[] {
  const own = TWO_WORD_NAMES.get(words.join(' '));
  return own === undefined ? words : [own];
}

/** The words of a command line that may be options: those before the first "--". */
export function wordsBeforeDashes(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

/** The option that names a file of variables: it may stand anywhere in a command line. */
export const ENV_FILE_OPTION = '--env-file';

/** Whether a word is that option, with or without its file behind a "=". */
export function isEnvFileOption(word: string): boolean {
  return word === ENV_FILE_OPTION || word.startsWith(`${ENV_FILE_OPTION}=`);
}

/** The command's own name; a word that is no other name of one comes back as it is. */
export function ownName(word: string): string {
  return OTHER_NAMES.get(word) ?? word;
}

/** Whether a word is one of the two options that ask for help. */
export function isHelpOption(word: string): boolean {
  return word === '--help' || word === '-h';
}
