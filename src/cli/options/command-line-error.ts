import { type ErrorOptionsWithHint, UsageError } from '../../lib/errors.ts';

/** A wrong command line: printed with click's usage lines above it. Exit 2. */
export class CommandLineError extends UsageError {}

/** `Invalid value for '--x': …` with the code and hint of the reason. */
export function invalidValue(option: string, reason: UsageError): CommandLineError {
  const hint: ErrorOptionsWithHint = { cause: reason, hint: reason.hint };
  return new CommandLineError(reason.code, `Invalid value for '${option}': ${reason.message}`, hint);
}

/** One error for everything that was not given, so that a script is mended in one go. */
export function missingOptions(
  options: readonly { flag: string; file?: string | undefined }[],
): CommandLineError {
  const flags = options.map(option => `'${option.flag}'`);
  const secret = options.find(option => option.file !== undefined);
  const privately = secret === undefined ? '' : ` Secrets are better read from a file: ${secret.file}.`;
  return new CommandLineError(
    'missing-option',
    `Missing option${flags.length > 1 ? 's' : ''} ${flags.join(', ')}.`,
    {
      hint: `There is no terminal to ask on.${privately}`,
    },
  );
}
