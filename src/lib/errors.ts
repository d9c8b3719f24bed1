import { type ErrorCode, type ErrorCodeOf, EXIT_CODES_OF_KINDS } from './error-codes.ts';
import { foreignText, oneLine, printable } from './foreign-text.ts';

/** Exit codes of every command, in one place. */
export const EXIT = {
  done: 0,
  failed: EXIT_CODES_OF_KINDS.failure,
  usage: EXIT_CODES_OF_KINDS.usage,
  differences: EXIT_CODES_OF_KINDS.differences,
  bug: EXIT_CODES_OF_KINDS.bug,
  /** Ctrl-C, as shells have it: 128 and the signal's number. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorOptionsWithHint {
  /** Whether the message has line ends of its own; any other message is made one line, whatever was put into it. */
  readonly hasLines?: boolean | undefined;
  /** What to do next, one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * An error that a user can act on. `code` is stable for scripts (`--json`) and explained in docs/errors.md, the message
 * names the thing and the value, never a secret; `hint` says what to do next. Whatever is not an OperatorError is a bug
 * (exit 70, with its stack).
 */
export class OperatorError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCodeOf<'failure'>, message: string, options?: ErrorOptionsWithHint);
  /** The form for the classes below and for an error of another thread or process: a code of another kind, with its exit code. */
  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithHint & { exitCode: ExitCode });
  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptionsWithHint & { exitCode?: ExitCode | undefined } = {},
  ) {
    super(
      options.hasLines ? printable(message) : oneLine(message),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** The command line or a setting is wrong; nothing has been done. Exit 2. */
export class UsageError extends OperatorError {
  declare readonly code: ErrorCodeOf<'usage'>;

  constructor(code: ErrorCodeOf<'usage'>, message: string, options: ErrorOptionsWithHint = {}) {
    super(code, message, { ...options, exitCode: EXIT.usage });
  }
}

/** Something outside refused, was unreachable or answered nonsense. Exit 1. */
export class ExternalError extends OperatorError {
  declare readonly code: ErrorCodeOf<'external'>;
  /** Whether the same step may succeed when it is repeated. */
  readonly retryable: boolean;

  constructor(
    code: ErrorCodeOf<'external'>,
    message: string,
    options: ErrorOptionsWithHint & { retryable?: boolean | undefined } = {},
  ) {
    super(code, message, { ...options, exitCode: EXIT.failed });
    this.retryable = options.retryable ?? false;
  }
}

/** Differences were found, or a brake stopped the command before it did something drastic. Exit 3. */
export class DifferencesError extends OperatorError {
  declare readonly code: ErrorCodeOf<'differences'>;

  constructor(code: ErrorCodeOf<'differences'>, message: string, options: ErrorOptionsWithHint = {}) {
    super(code, message, { ...options, exitCode: EXIT.differences });
  }
}

/**
 * The message of anything that was thrown. One of another maker (a parser that quotes its file, Postgres, Node) is a
 * foreign text: see {@link foreignText}.
 */
export function messageOf(error: unknown): string {
  if (error instanceof OperatorError) return error.message;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return foreignText(error instanceof Error ? error.message : String(error));
}

/** The stack of a bug. Its message may be of anybody: only its first line begins where a line begins. */
export function stackOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return printable(stack).replaceAll(/\n(?! {4}at )/g, '\n    ');
}
