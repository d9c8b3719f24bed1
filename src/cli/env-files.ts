import { stat } from 'node:fs/promises';
import { isSea } from 'node:sea';
import { parseEnv } from 'node:util';
import { UsageError } from '../lib/errors.ts';
import { readFileBytes } from '../lib/files.ts';
import { decodeText } from '../lib/text.ts';
import { readEnvironment } from '../settings/environment.ts';
import { ENV_FILE_OPTION, wordsBeforeDashes } from './command-names.ts';
import { GLOBAL_OPTIONS } from './flags/global.ts';
import { CommandLineError, invalidValue } from './options/command-line-error.ts';

/** What the files of `--env-file` say. */
export interface EnvFiles {
  /** The command line without them. */
  readonly argv: readonly string[];
  /** Variables that the environment does not have, and their values. */
  readonly variables: Readonly<Record<string, string>>;
  /** The file that each of these variables came from. */
  readonly paths: ReadonlyMap<string, string>;
  /** Whether there are files that can be read once only, such as the pipe of `--env-file <(decrypt secrets)`. */
  readonly isReadOnce: boolean;
  /** Why a file cannot be used. */
  readonly failure?: unknown;
}

/**
 * Takes every `--env-file` out of a command line, wherever it stands, and reads the files by Node's own parser of such files. What
 * the environment has already stays as it is; an empty variable counts as unset there. Of several files the last one counts.
 */
export async function readEnvFiles(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<EnvFiles> {
  const { paths: given, rest, isCutOff } = takeEnvFileOptions(argv);
  const variables: Record<string, string> = {};
  const paths = new Map<string, string>();
  const found = { argv: rest, variables, paths };
  let isReadOnce = false;
  try {
    if (isCutOff)
      throw new CommandLineError('missing-value', `Option '${ENV_FILE_OPTION}' requires an argument.`);
    for (const text of given) {
      const { path, values } = await readEnvFile(text);
      isReadOnce ||= !(await stat(path)).isFile();
      for (const [name, value] of Object.entries(values)) {
        if (readEnvironment(name, environment) !== undefined || value === '') continue;
        variables[name] = value;
        paths.set(name, path);
      }
    }
  } catch (failure) {
    return { ...found, isReadOnce, failure };
  }
  return { ...found, isReadOnce };
}

/** A command line without its `--env-file`, what these name, and whether the last one names nothing. */
function takeEnvFileOptions(argv: readonly string[]) {
  const words = wordsBeforeDashes(argv);
  const paths: string[] = [];
  const rest: string[] = [];
  let isNamed = false;
  for (const word of words) {
    if (isNamed) paths.push(word);
    else if (word.startsWith(`${ENV_FILE_OPTION}=`)) paths.push(word.slice(ENV_FILE_OPTION.length + 1));
    else if (word !== ENV_FILE_OPTION) rest.push(word);
    isNamed = !isNamed && word === ENV_FILE_OPTION;
  }
  return { paths, rest: [...rest, ...argv.slice(words.length)], isCutOff: isNamed };
}

async function readEnvFile(
  given: string,
): Promise<{ readonly path: string; readonly values: Readonly<Record<string, string>> }> {
  try {
    const path = await GLOBAL_OPTIONS.envFile.value.parse(given, { kind: 'flag' });
    if (typeof path !== 'string') throw new TypeError('the path of a file is text');
    const bytes = await readFileBytes(path);
    if (bytes.length === 0 && isSea() && !(await stat(path)).isFile()) throw emptyPipe(path);
    return { path, values: parseEnvText(path, bytes) };
  } catch (error) {
    throw error instanceof UsageError ? invalidValue(ENV_FILE_OPTION, error) : error;
  }
}

/** Node of a single executable looks for files of variables before it runs anything, and what it has read of a pipe is gone. */
function emptyPipe(path: string): UsageError {
  return new UsageError('invalid-env-file', `${path} is an empty pipe.`, {
    hint: 'Begin the command line with --node-options=--, as in "operator --node-options=-- start": in a single executable Node reads the pipe itself without that.',
  });
}

function parseEnvText(path: string, bytes: Uint8Array): Record<string, string> {
  let text: string;
  try {
    text = decodeText(bytes, { fatal: true });
  } catch {
    // Nothing of it is repeated: it may hold secrets.
    throw new UsageError('invalid-env-file', `${path} is not UTF-8 text.`, {
      hint: 'Name a file with one NAME=value a line, as .env.example has them.',
    });
  } finally {
    bytes.fill(0);
  }
  return Object.fromEntries(
    Object.entries(parseEnv(text)).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
