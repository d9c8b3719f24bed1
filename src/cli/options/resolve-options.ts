import { withoutSecrets } from '../../lib/endpoint-url.ts';
import { isErrorCodeOf } from '../../lib/error-codes.ts';
import { OperatorError, UsageError } from '../../lib/errors.ts';
import { permissionWarning, readSecretFile } from '../../lib/secret.ts';
import { parseBoolean, readEnvironment } from '../../settings/environment.ts';
import type { Prompter } from '../terminal/prompt.ts';
import { CommandLineError, invalidValue, missingOptions } from './command-line-error.ts';
import {
  fileVariable,
  flagName,
  type Option,
  type OptionSource,
  type Options,
  type Resolved,
} from './option.ts';

export interface OptionInput {
  /** Values parsed from argv: text, texts or true by flag name. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: NodeJS.ProcessEnv;
  /** Files that variables came from, by their names. */
  readonly variablePaths?: ReadonlyMap<string, string> | undefined;
  /** The prompter for missing values; undefined without a terminal. */
  readonly prompter: Prompter | undefined;
  readonly warn: (message: string) => void;
  /** Switches that must be given without a terminal. */
  readonly unattended?: readonly string[] | undefined;
  /** Is shown the values that are known before each question. @throws what refuses them */
  readonly checkKnown?: ((known: Readonly<Record<string, unknown>>) => void) | undefined;
}

interface GivenText {
  readonly text: string;
  readonly source: OptionSource;
  /** The variable that it came from, or that named its file; of the command line it was none. */
  readonly variable?: string | undefined;
  /** Named in errors: the option or the variable. */
  readonly name: string;
}

/**
 * Values of a command's options: flag, else its file flag, else the variable, else its file variable, else asked on the
 * terminal in the order of the options, else their fallback.
 * @throws CommandLineError for an invalid value; one for all missing options
 * @throws Aborted when the user leaves a prompt
 */
export async function resolveOptions<O extends Options>(
  options: O,
  input: OptionInput,
): Promise<Resolved<O>> {
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(options)) values[key] = await readValue(key, option, input);
  const unanswered = Object.entries(options).filter(([key, option]) => {
    const isNeeded = option.unless === undefined || values[option.unless] !== true;
    return isNeeded && isMissing(key, option, values[key], input);
  });
  requireAnswers(unanswered, input);
  for (const [key, option] of Object.entries(options)) {
    if (option.presence !== 'optional' || values[key] !== undefined || !option.fallback) continue;
    const text = option.fallback();
    values[key] = await parseGiven(option, { text, source: { kind: 'default' }, name: `--${flagName(key)}` });
  }
  for (const [key, option] of unanswered) {
    input.checkKnown?.(values);
    values[key] = await answer(option, values, input);
  }
  // Built key by key from the same options whose types Resolved names.
  return values as Resolved<O>;
}

/** An option's value as it was given, and where. */
export interface OptionTrace {
  readonly key: string;
  readonly option: Option<unknown>;
  /** What was given, one text for each time; none where nothing was, and nothing stands for it. */
  readonly texts: readonly string[];
  readonly source: 'command-line' | 'variable' | 'default' | 'none';
  /** Name of the option, of its file's option, or of the variable. */
  readonly name?: string | undefined;
  /** The file that the text was read from. */
  readonly file?: string | undefined;
}

/**
 * Where the values of options come from that {@link resolveOptions} would find without a terminal; nothing is asked for.
 * @throws CommandLineError for an invalid value
 */
export async function traceOptions(options: Options, input: OptionInput): Promise<readonly OptionTrace[]> {
  const traces: OptionTrace[] = [];
  for (const [key, option] of Object.entries(options)) {
    traces.push({ key, option, ...(await traceOption(key, option, input)) });
  }
  return traces;
}

type Trace = Omit<OptionTrace, 'key' | 'option'>;

async function traceOption(key: string, option: Option<unknown>, input: OptionInput): Promise<Trace> {
  if (option.presence === 'switch' || option.presence.startsWith('repeated'))
    return traceWithoutFile(key, option, input);
  // Once: what names a pipe cannot be read again.
  const given = await readGiven(key, option, input);
  if (given === undefined) return traceDefault(option.fallback?.());
  await parseGiven(option, given);
  const { text, source, variable, name } = given;
  return {
    texts: [text],
    source: variable === undefined ? 'command-line' : 'variable',
    name: variable ?? name,
    file: source.kind === 'file' ? source.path : undefined,
  };
}

/** The same of a switch, and of an option that may be given several times: no file is read for them. */
async function traceWithoutFile(key: string, option: Option<unknown>, input: OptionInput): Promise<Trace> {
  // Refused as the command refuses it.
  const value = await readValue(key, option, input);
  const flag = input.flags[flagName(key)];
  if (flag === true) return { texts: ['true'], source: 'command-line', name: `--${flagName(key)}` };
  if (Array.isArray(flag) && flag.length > 0)
    return { texts: flag.map(String), source: 'command-line', name: `--${flagName(key)}` };
  const variable = option.env === undefined ? undefined : readEnvironment(option.env, input.environment);
  const isSwitch = option.presence === 'switch';
  if (variable === undefined) return traceDefault(isSwitch ? 'false' : undefined);
  return { texts: [isSwitch ? String(value) : variable], source: 'variable', name: option.env };
}

function traceDefault(text: string | undefined): Trace {
  return text === undefined ? { texts: [], source: 'none' } : { texts: [text], source: 'default' };
}

async function readValue(key: string, option: Option<unknown>, input: OptionInput): Promise<unknown> {
  if (option.presence === 'switch') return readSwitch(key, option, input);
  if (option.presence.startsWith('repeated')) return readRepeated(key, option, input);
  const given = await readGiven(key, option, input);
  return given && parseGiven(option, given);
}

function isMissing(key: string, { presence }: Option<unknown>, value: unknown, input: OptionInput): boolean {
  if (presence === 'switch') return value === false && !input.prompter && !!input.unattended?.includes(key);
  if (presence === 'repeated-required') return Array.isArray(value) && value.length === 0;
  return presence === 'required' && value === undefined;
}

function readSwitch(key: string, option: Option<unknown>, { flags, environment }: OptionInput): boolean {
  if (flags[flagName(key)] === true) return true;
  const text = option.env === undefined ? undefined : readEnvironment(option.env, environment);
  if (text === undefined) return false;
  try {
    return parseBoolean(text);
  } catch (error) {
    throw asInvalidValue(option.env ?? key, error);
  }
}

async function readRepeated(
  key: string,
  option: Option<unknown>,
  { flags, environment }: OptionInput,
): Promise<unknown[]> {
  const given = flags[flagName(key)];
  const fromFlags = Array.isArray(given) ? given.map(String) : [];
  const variable = option.env === undefined ? undefined : readEnvironment(option.env, environment);
  const texts = fromFlags.length > 0 ? fromFlags : (variable?.split(',').map(part => part.trim()) ?? []);
  const source: OptionSource = { kind: fromFlags.length > 0 ? 'flag' : 'environment' };
  return Promise.all(texts.map(text => parseGiven(option, { text, source, name: `--${flagName(key)}` })));
}

async function readGiven(
  key: string,
  option: Option<unknown>,
  input: OptionInput,
): Promise<GivenText | undefined> {
  const name = `--${flagName(key)}`;
  const flag = textOf(input.flags[flagName(key)]);
  const variable = option.env === undefined ? undefined : readEnvironment(option.env, input.environment);
  const fromFlag: GivenText | undefined =
    flag === undefined ? undefined : { text: flag, source: { kind: 'flag' }, name };
  const fromVariable: GivenText | undefined =
    variable === undefined
      ? undefined
      : { text: variable, source: { kind: 'environment' }, name, variable: option.env };
  if (fromFlag === undefined && fromVariable !== undefined && option.env !== undefined)
    await warnOfReaders(option, option.env, fromVariable.text, input);
  if (!option.secret) return fromFlag ?? fromVariable;

  if (flag !== undefined && holdsSecret(option, flag)) {
    const variableHint = fileVariable(option);
    input.warn(
      `${name} on the command line can be seen by other users and stays in the shell's history; ` +
        `${name}-file${variableHint === undefined ? '' : ` or ${variableHint}`} keeps it private.`,
    );
  }
  if (option.hasOwnFileOption) return fromFlag ?? fromVariable;
  const flagFile = await readFileText(`${name}-file`, textOf(input.flags[`${flagName(key)}-file`]), input);
  const fromFlags = sameSecret(fromFlag, flagFile);
  if (fromFlags) return fromFlags;
  const fileName = fileVariable(option);
  const path = fileName === undefined ? undefined : readEnvironment(fileName, input.environment);
  if (fromVariable && path === undefined) return fromVariable;
  const fromFile = await readFileText(fileName ?? name, path, input);
  return sameSecret(
    fromVariable && { ...fromVariable, name: option.env ?? name },
    fromFile && { ...fromFile, variable: fileName },
  );
}

/** Two ways of giving the same secret may both be used only when they say the same. */
function sameSecret(first: GivenText | undefined, second: GivenText | undefined): GivenText | undefined {
  if (first && second && first.text !== second.text) {
    throw new CommandLineError(
      'contradiction',
      `${first.name} and ${second.name} give different values; use one of them.`,
    );
  }
  return first ?? second;
}

async function readFileText(
  name: string,
  path: string | undefined,
  input: OptionInput,
): Promise<GivenText | undefined> {
  if (path === undefined) return undefined;
  try {
    const { value, warnings } = await readSecretFile(path);
    for (const warning of warnings) input.warn(warning);
    return { text: value, source: { kind: 'file', path }, name };
  } catch (error) {
    if (!(error instanceof OperatorError && isErrorCodeOf('usage', error.code))) throw error;
    throw new CommandLineError(error.code, `Invalid value for '${name}': ${error.message}`, {
      cause: error,
      hint: error.hint,
    });
  }
}

async function parseGiven(option: Option<unknown>, { text, source, name }: GivenText): Promise<unknown> {
  try {
    return await option.value.parse(text, source);
  } catch (error) {
    throw asInvalidValue(name, error);
  }
}

function asInvalidValue(name: string, error: unknown): unknown {
  return error instanceof UsageError ? invalidValue(name, error) : error;
}

function requireAnswers(unanswered: readonly [string, Option<unknown>][], { prompter }: OptionInput): void {
  const missing = unanswered.filter(([, { prompt, fallback }]) =>
    prompter ? prompt === undefined : fallback === undefined,
  );
  if (missing.length === 0) return;
  throw missingOptions(
    missing.map(([key, option]) => ({
      flag: `--${flagName(key)}`,
      file: option.secret
        ? [`--${flagName(key)}-file`, fileVariable(option)].filter(Boolean).join(' or ')
        : undefined,
    })),
  );
}

/** Asks until the answer is valid; an empty answer takes what stands in brackets. */
async function answer(
  option: Option<unknown>,
  known: Readonly<Record<string, unknown>>,
  { prompter }: OptionInput,
): Promise<unknown> {
  const offered = option.suggestion?.(known) ?? option.fallback?.();
  if (!prompter || option.prompt === undefined) return option.value.parse(offered ?? '', { kind: 'default' });
  const choices = option.value.choices === undefined ? '' : ` (${option.value.choices.join(', ')})`;
  const question = `${option.prompt}${choices}${offered === undefined ? '' : ` [${offered}]`}: `;
  for (;;) {
    const line = await prompter.askLine(question, option.hidden ?? false);
    const text = line === '' ? offered : line;
    if (text === undefined) continue;
    try {
      return await option.value.parse(text, { kind: 'prompt' });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      prompter.print(`Error: ${option.hidden ? 'The value you entered was invalid.' : error.message}\n`);
      if (option.value.hintsAtPrompt && error.hint !== undefined) prompter.print(`${error.hint}\n`);
    }
  }
}

/** Warns of a file of variables with a secret in it that others can read. */
async function warnOfReaders(
  option: Option<unknown>,
  variable: string,
  text: string,
  { variablePaths, warn }: OptionInput,
): Promise<void> {
  const path = variablePaths?.get(variable);
  const isSecret = holdsSecret(option, text) || withoutSecrets(text) !== text;
  const warning = path === undefined || !isSecret ? undefined : await permissionWarning(path);
  if (warning !== undefined) warn(warning);
}

function holdsSecret(option: Option<unknown>, text: string): boolean {
  return typeof option.secret === 'function' ? option.secret(text) : option.secret === true;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
