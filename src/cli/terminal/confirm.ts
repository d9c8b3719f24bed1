import { missingOptions } from '../options/command-line-error.ts';
import type { Prompter } from './prompt.ts';

/**
 * Asks a yes-or-no question in click's form.
 * @param options.byDefault - what an empty answer means
 * @param options.flag - the switch that answers yes, which must be given where nobody can be asked
 * @throws CommandLineError 'missing-option'; Aborted
 */
export async function confirm(
  prompter: Prompter | undefined,
  question: string,
  { byDefault = false, flag }: { readonly byDefault?: boolean | undefined; readonly flag: string },
): Promise<boolean> {
  if (prompter === undefined) throw missingOptions([{ flag }]);
  for (;;) {
    const answer = (await prompter.askLine(`${question} ${byDefault ? '[Y/n]' : '[y/N]'}: `)).trim();
    if (answer === '') return byDefault;
    if (/^y(es)?$/i.test(answer)) return true;
    if (/^no?$/i.test(answer)) return false;
    prompter.print('Error: invalid input\n');
  }
}
