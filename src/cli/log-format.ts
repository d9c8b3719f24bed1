import type { LogFormat } from '../lib/log-format.ts';
import { readEnvironment } from '../settings/environment.ts';
import { wordsBeforeDashes } from './command-names.ts';
import { GLOBAL_OPTIONS } from './flags/global.ts';

const OPTION = '--log-format';

/**
 * How warnings and the error of a command are written, looked up before the command line is parsed and where it cannot be: as the
 * option's own reading would find it. What is no format is told as an error, and that one in plain text.
 */
export function logFormatOf(argv: readonly string[]): LogFormat {
  const { env, value } = GLOBAL_OPTIONS.logFormat;
  const text = optionOf(argv) ?? (env === undefined ? undefined : readEnvironment(env));
  return text !== undefined && value.choices?.find(known => known === text.toLowerCase()) === 'json'
    ? 'json'
    : 'plain';
}

function optionOf(argv: readonly string[]): string | undefined {
  const words = wordsBeforeDashes(argv);
  const at = words.findLastIndex(word => word === OPTION || word.startsWith(`${OPTION}=`));
  const word = words[at];
  return word === OPTION ? words[at + 1] : word?.slice(OPTION.length + 1);
}
