import { findVaultConfig } from '../settings/vault-config.ts';
import { vaultConfigPath } from '../settings/vault-directory.ts';
import { FOREIGN_OPTIONS } from './flags/foreign-settings.ts';
import { GLOBAL_OPTIONS } from './flags/global.ts';
import { maskValue } from './masked-value.ts';
import { flagName, type Options } from './options/option.ts';
import { type OptionInput, type OptionTrace, traceOptions } from './options/resolve-options.ts';
import type { ResultOf } from './result-members.ts';
import type { RESULT } from './results/config.ts';

type Shown = ResultOf<typeof RESULT>['options'][number];

/**
 * The options of a command as they may be shown: what each was given, secrets masked, and where.
 * @param command - the class of the command
 * @param paths - files that variables came from, by their names
 * @throws CommandLineError for an invalid value; OperatorError for a config.json that is none
 */
export async function showOptions(
  command: object,
  input: OptionInput,
  paths: ReadonlyMap<string, string>,
): Promise<readonly Shown[]> {
  const options: Options = { ...optionsOf(command), logFormat: GLOBAL_OPTIONS.logFormat };
  const traces = await traceOptions(options, input);
  return withConfigFile(
    traces,
    traces.filter(isOwn).map(trace => showTrace(trace, paths)),
  );
}

/** All commands of the program declare their options: see `operatorCommand`. */
function optionsOf(command: object): Options {
  return 'allOptions' in command ? (command.allOptions as Options) : {};
}

/** Settings of another program that nobody has given say nothing. */
function isOwn({ key, source }: OptionTrace): boolean {
  return !(key in FOREIGN_OPTIONS) || source === 'command-line' || source === 'variable';
}

function showTrace({ key, option, texts, ...from }: OptionTrace, paths: ReadonlyMap<string, string>): Shown {
  const path = from.source === 'variable' && from.name !== undefined ? paths.get(from.name) : undefined;
  return {
    option: `--${flagName(key)}`,
    value: texts.length === 0 ? undefined : texts.map(text => maskValue(option, text)).join(','),
    source: sourceOf(from.source, path, option.presence.endsWith('required')),
    name: from.name,
    path,
    file: from.file,
  };
}

function sourceOf(
  source: OptionTrace['source'],
  path: string | undefined,
  isRequired: boolean,
): Shown['source'] {
  switch (source) {
    case 'variable':
      return path === undefined ? 'environment' : 'env-file';
    case 'none':
      return isRequired ? 'missing' : 'none';
    default:
      return source;
  }
}

/** The network of the vault's config.json, which commands go by where none is named. */
async function withConfigFile(traces: readonly OptionTrace[], shown: readonly Shown[]): Promise<Shown[]> {
  const textOf = (key: string) => traces.find(trace => trace.key === key)?.texts[0];
  const [vault, dataDir] = [textOf('vault'), textOf('dataDir')];
  const isLeftOut = (one: Shown) => one.option === '--network' && one.source === 'none';
  if (vault === undefined || dataDir === undefined || !shown.some(isLeftOut)) return [...shown];
  const config = await findVaultConfig(dataDir, vault);
  if (config === undefined) return [...shown];
  const path = vaultConfigPath(dataDir, vault);
  return shown.map(one =>
    isLeftOut(one) ? { ...one, value: config.network, source: 'config-file', path } : one,
  );
}

/** Where an option's value comes from, for people. */
export function describeSource({ source, option, name, path, file }: Shown): string {
  const named = name === undefined || name === option ? '' : ` ${name}`;
  const read = file === undefined ? '' : `, read from ${file}`;
  switch (source) {
    case 'command-line':
      return `command line${named}${read}`;
    case 'environment':
      return `environment${named}${read}`;
    case 'env-file':
      return `${path}${named}${read}`;
    case 'config-file':
      return `${path}`;
    case 'default':
      return 'default';
    case 'missing':
      return 'missing';
    case 'none':
      return 'not given';
  }
}
