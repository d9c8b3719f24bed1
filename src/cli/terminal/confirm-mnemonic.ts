import type { Prompter } from './prompt.ts';

/**
 * Shows a fresh mnemonic until the user has typed it back. The screen is emptied in between, so that it is not copied
 * from there. The words are compared as the word list has them, whatever the spacing, case or Unicode form.
 */
export async function confirmMnemonic(prompter: Prompter, mnemonic: string): Promise<void> {
  for (;;) {
    const typed = await askBack(prompter, mnemonic);
    if (asWords(typed) === asWords(mnemonic)) break;
  }
  prompter.print('\ndone.\n');
}

/** The screen is emptied whatever ends it: whoever aborts leaves the words there, too. */
async function askBack(prompter: Prompter, mnemonic: string): Promise<string> {
  try {
    prompter.clear();
    prompter.print(
      'This is your seed phrase. Write it down and store it safely, ' +
        'it is the ONLY way to recover your validator keys.\n\n' +
        `${mnemonic}\n\n\n`,
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

function asWords(text: string): string {
  return text.normalize('NFKD').toLowerCase().trim().split(/\s+/u).join(' ');
}
