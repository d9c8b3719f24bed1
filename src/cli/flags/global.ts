import { LOG_FORMATS, type LogFormat } from '../../lib/log-format.ts';
import { defaulted, repeated } from '../options/option.ts';
import { choice, file } from '../options/value-kinds.ts';

/** `--log-format`: of the log of commands that have one, and of the warnings and the error of every command. */
export const logFormat = defaulted<LogFormat>(() => 'plain', {
  description:
    'How lines of the log, warnings and the error that ends the command are written to stderr. Default is plain.',
  env: 'LOG_FORMAT',
  value: choice(LOG_FORMATS),
});

/** `--env-file`: read before the command is looked for, see env-files.ts. */
const envFile = repeated({
  description:
    'File of variables, one NAME=value a line, for those that are not set in the environment. Of several files, the last one that has a variable counts.',
  value: file({ exists: true }),
});

/** Options that every command takes. */
export const GLOBAL_OPTIONS = { logFormat, envFile } as const;
