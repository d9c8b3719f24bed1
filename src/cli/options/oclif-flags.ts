import type { Interfaces } from '@oclif/core';
import { boolean, string } from '@oclif/core/flags';
import { REQUIRED_GROUP } from '../help/option-groups.ts';
import { fileVariable, flagName, type Option, type Options } from './option.ts';

/**
 * The options as oclif's flags, for parsing and for help. They have no `env`, `default` or `parse`: values, variables and
 * questions are the business of resolve-options, for the reasons at the head of option.ts.
 */
export function oclifFlags(options: Options, heading?: string): Interfaces.FlagInput {
  const flags: Interfaces.FlagInput = {};
  for (const [key, option] of Object.entries(options)) {
    const name = flagName(key);
    const helpGroup = isRequired(option) ? REQUIRED_GROUP : (option.helpGroup ?? heading);
    flags[name] = oclifFlag(option, helpGroup);
    if (!option.secret || option.hasOwnFileOption) continue;
    const variable = fileVariable(option);
    flags[`${name}-file`] = string({
      helpValue: 'FILE',
      description: `File to read --${name} from.${variable === undefined ? '' : ` [env: ${variable}]`}`,
      ...(helpGroup === undefined ? {} : { helpGroup }),
    });
  }
  return flags;
}

/** Whether a script has to give the option, or one beside it that stands for it. */
function isRequired({ presence, fallback }: Option<unknown>): boolean {
  return (presence === 'required' || presence === 'repeated-required') && fallback === undefined;
}

/** Longer ones would be broken in the middle of a word: help is 80 columns wide. */
const MAX_PLACEHOLDER_WIDTH = 60;

function oclifFlag(option: Option<unknown>, helpGroup: string | undefined): Interfaces.FlagInput[string] {
  const { placeholder, choices = [] } = option.value;
  const isLong = placeholder.length > MAX_PLACEHOLDER_WIDTH;
  const unless = option.unless === undefined ? '' : ` Not with --${flagName(option.unless)}.`;
  const words = isLong ? ` One of ${choices.join(', ')}.` : '';
  const description = `${option.description}${words}${unless}`;
  const definition = {
    description: option.env === undefined ? description : `${description} [env: ${option.env}]`,
    ...(option.char === undefined ? {} : { char: option.char }),
    ...(option.aliases === undefined ? {} : { aliases: [...option.aliases] }),
    ...(helpGroup === undefined ? {} : { helpGroup }),
  };
  if (option.presence === 'switch') return boolean(definition);
  const valued = { ...definition, helpValue: isLong ? 'WORD' : placeholder };
  return option.presence.startsWith('repeated')
    ? string({ ...valued, multiple: true, multipleNonGreedy: true })
    : string(valued);
}
