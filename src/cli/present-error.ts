import { CLIError } from '@oclif/core/errors';
import { withoutSecrets } from '../lib/endpoint-url.ts';
import type { ErrorCode } from '../lib/error-codes.ts';
import { EXIT, type ExitCode, messageOf, OperatorError, stackOf } from '../lib/errors.ts';
import { printable } from '../lib/foreign-text.ts';
import { jsonLogLine } from '../lib/log-format.ts';
import type { ERROR_RESULT } from './error-result.ts';
import { didYouMean } from './nearest-name.ts';
import { CommandLineError } from './options/command-line-error.ts';
import type { ResultOf } from './result-members.ts';
import { RouteError } from './route.ts';
import { Aborted } from './terminal/aborted.ts';

/** An error as it is shown: lines for stderr, a document for `--json`, the exit code. */
export interface PresentedError {
  readonly exitCode: ExitCode;
  readonly text: string;
  readonly json: ResultOf<typeof ERROR_RESULT>;
  /** The stack of a bug. */
  readonly stack?: string | undefined;
}

export interface ErrorContext {
  /** Name the program was called by. */
  readonly program: string;
  /** Words of the command that ran, if one was found. */
  readonly words: readonly string[];
  /** Options of that command, without their dashes. */
  readonly options?: readonly string[] | undefined;
  /** Whether those words are a group that wants a subcommand. */
  readonly isGroup: boolean;
  /** Whether the lines end with the error's code, as docs/errors.md lists it. */
  readonly isVerbose: boolean;
}

/** The one place that decides what a failure looks like; whatever is no {@link OperatorError} is a bug. */
export function presentError(thrown: unknown, context: ErrorContext): PresentedError {
  const presented = presentWithoutCode(thrown, context);
  if (!context.isVerbose) return presented;
  return { ...presented, text: `${presented.text}Code: ${presented.json.error.code}\n` };
}

/** The error as a line of a JSON log: all of it in one, with nothing beside it. */
export function errorLogLine({ json, stack }: PresentedError): string {
  const { message, ...fields } = json.error;
  return jsonLogLine('fatal', stack === undefined ? fields : { ...fields, stack }, message);
}

function presentWithoutCode(thrown: unknown, context: ErrorContext): PresentedError {
  if (thrown instanceof Aborted) {
    const exitCode = thrown.isInterrupt ? EXIT.interrupted : EXIT.failed;
    return present(exitCode, 'aborted', thrown.message, undefined, thrown.message);
  }
  const error = fromOclif(thrown, context) ?? thrown;
  if (error instanceof OperatorError) {
    const usage = error instanceof CommandLineError ? usageLines(error, context) : '';
    const hint = error.hint === undefined ? '' : `\n${error.hint}`;
    return present(
      error.exitCode,
      error.code,
      error.message,
      error.hint,
      `${usage}Error: ${error.message}${hint}`,
    );
  }
  const stack = stackOf(error);
  const text = `Error: this is a bug in the program, please report it with the lines below.\n${stack}`;
  return { ...present(EXIT.bug, 'internal-error', messageOf(error), undefined, text), stack };
}

function present(
  exitCode: ExitCode,
  code: ErrorCode,
  message: string,
  hint: string | undefined,
  text: string,
): PresentedError {
  const shown = { code, message: printable(message) };
  const json = { error: hint === undefined ? shown : { ...shown, hint: printable(hint) } };
  return { exitCode, text: `${printable(text)}\n`, json };
}

function usageLines(error: CommandLineError, { program, words, isGroup }: ErrorContext): string {
  const isOfGroup = error instanceof RouteError || isGroup;
  const command = [program, ...(error instanceof RouteError ? error.words : words)].join(' ');
  const rest = isOfGroup ? '[OPTIONS] COMMAND [ARGS]...' : '[OPTIONS]';
  return `Usage: ${command} ${rest}\nTry '${command} --help' for help.\n\n`;
}

/** oclif's sentences about a command line, in click's. Its errors have no codes, so the parser's texts are matched. */
function fromOclif(error: unknown, { options = [] }: ErrorContext): CommandLineError | undefined {
  if (!(error instanceof CLIError)) return undefined;
  const [line = ''] = error.message.split('\n');
  if ('flags' in error && Array.isArray(error.flags)) {
    // What follows the "=" may be a secret.
    const [option = ''] = String(error.flags[0]).split('=', 1);
    const names = options.map(name => `--${name}`);
    const hint = option.startsWith('--') ? didYouMean(option, names) : undefined;
    return new CommandLineError('no-such-option', `No such option: ${option}`, { hint });
  }
  if ('args' in error && Array.isArray(error.args)) return unexpectedArguments(error.args.map(String));
  const noValue = /^Flag (--[\w-]+) expects/.exec(line);
  if (noValue) return new CommandLineError('missing-value', `Option '${noValue[1]}' requires an argument.`);
  const twice = /^Flag (--[\w-]+) can only be specified once/.exec(line);
  if (twice) return new CommandLineError('given-twice', `Option '${twice[1]}' can only be given once.`);
  return new CommandLineError('invalid-command-line', line);
}

/** The words themselves are not repeated when there are many: they are mostly a mnemonic without quotes. */
function unexpectedArguments(words: readonly string[]): CommandLineError {
  const [word] = words;
  if (words.length === 1) {
    return new CommandLineError(
      'unexpected-argument',
      `Got unexpected extra argument (${withoutSecrets(word ?? '')})`,
    );
  }
  return new CommandLineError('unexpected-argument', `Got ${words.length} unexpected extra arguments.`, {
    hint: 'Put values that contain spaces in quotes.',
  });
}
