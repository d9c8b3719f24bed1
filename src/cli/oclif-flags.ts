import { Flags, type Interfaces } from '@oclif/core';
import { fileVariable, flagName, type Option, type Options } from './option.ts';

/**
 * The options as oclif's flags, for parsing and for help. Values, variables and questions are resolve-options' business:
 * oclif would read an empty variable and print its own sentences.
 */
export function oclifFlags(options: Options, helpGroup?: string): Interfaces.FlagInput {
  const flags: Interfaces.FlagInput = {};
  for (const [key, option] of Object.entries(options)) {
    const name = flagName(key);
    flags[name] = oclifFlag(option, helpGroup);
    if (!option.secret) continue;
    const variable = fileVariable(option);
    flags[`${name}-file`] = Flags.string({
      helpValue: 'FILE',
      description: `File to read --${name} from.${variable === undefined ? '' : ` [env: ${variable}]`}`,
      ...(helpGroup === undefined ? {} : { helpGroup }),
    });
  }
  return flags;
}

function oclifFlag(option: Option<unknown>, helpGroup: string | undefined): Interfaces.FlagInput[string] {
  const definition = {
    description: option.env === undefined ? option.description : `${option.description} [env: ${option.env}]`,
    ...(option.char === undefined ? {} : { char: option.char }),
    ...(helpGroup === undefined ? {} : { helpGroup }),
  };
  if (option.presence === 'switch') return Flags.boolean(definition);
  const valued = { ...definition, helpValue: option.value.placeholder };
  return option.presence.startsWith('repeated')
    ? Flags.string({ ...valued, multiple: true, multipleNonGreedy: true })
    : Flags.string(valued);
}
