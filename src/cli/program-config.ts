import type { Interfaces } from '@oclif/core';
import type { Config } from '@oclif/core/config';

/** What the program tells its commands beside their words. oclif makes a configuration anew for each command, of the same options. */
export interface ProgramOptions extends Interfaces.Options {
  /** The files of `--env-file` that variables came from, by the variables' names. */
  readonly variablePaths?: ReadonlyMap<string, string> | undefined;
}

/** The files of `--env-file` that variables came from, by the variables' names. */
export function variablePathsOf({ options }: Pick<Config, 'options'>): ReadonlyMap<string, string> {
  const { variablePaths }: ProgramOptions = options;
  return variablePaths ?? new Map();
}
