import { countOf } from '../../lib/plural.ts';
import { renderNumberedWords } from './numbered-words.ts';
import type { Prompter } from './prompt.ts';

/**
 * Shows a fresh mnemonic until the user has typed it back. The screen is emptied in between, so that it is not copied
 * from there. The words are compared as the word list has them, whatever the spacing, case or Unicode form.
 */
export async function confirmMnemonic(prompter: Prompter, mnemonic: string): Promise<void> {
  let mistake: string | undefined;
  do {
    const typed = await askBack(prompter, mnemonic, mistake);
    mistake = findMistake(wordsOf(typed), wordsOf(mnemonic));
  } while (mistake !== undefined);
  prompter.print('\ndone.\n');
}

/**
 * The screen is emptied whatever ends it: whoever aborts leaves the words there, too.
 * @param mistake - what was wrong the last time
 */
async function askBack(prompter: Prompter, mnemonic: string, mistake: string | undefined): Promise<string> {
  try {
    prompter.clear();
    if (mistake !== undefined) prompter.print(`${mistake} Here are the words again.\n\n`);
    prompter.print(
      'This is your seed phrase. Write it down and store it safely, ' +
        'it is the ONLY way to recover your validator keys.\n\n' +
        `${renderNumberedWords(mnemonic, prompter.columns)}\n\n`,
    );
    await prompter.waitForKey('Press any key when you have written down your mnemonic.');
    prompter.clear();
    prompter.print('\n');
    return await prompter.askLine(
      'Please type your mnemonic (separated by spaces) to confirm you have written it down\n\n: ',
    );
  } finally {
    prompter.clear();
  }
}

/** The first word that is not as shown, by its number: the word itself is part of the secret. */
function findMistake(typed: readonly string[], shown: readonly string[]): string | undefined {
  const wrong = shown.findIndex((word, i) => typed[i] !== word);
  if (wrong === -1 && typed.length === shown.length) return undefined;
  const count = `You typed ${countOf(typed.length, 'word')} of ${shown.length}.`;
  if (wrong === -1) return `There is no word ${shown.length + 1}. ${count}`;
  if (typed[wrong] === undefined) return `Word ${wrong + 1} is missing. ${count}`;
  return typed.length === shown.length
    ? `Word ${wrong + 1} is not the one that was shown.`
    : `Word ${wrong + 1} is not the one that was shown. ${count}`;
}

/** A number before a word is not part of it: the words are shown with one. */
function wordsOf(text: string): string[] {
  const words = text.normalize('NFKD').toLowerCase().trim().split(/\s+/u);
  return words.map(word => word.replace(/^\d+\.?/u, '')).filter(word => word !== '');
}
