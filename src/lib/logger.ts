import { type Logger, pino } from 'pino';
import { oneLine, printable } from './foreign-text.ts';

export type { Logger };

/** Field names whose values never reach a log line, wherever they stand in the logged object. */
const SECRET_FIELDS = [
  'mnemonic',
  'password',
  'secretKey',
  'privateKey',
  'encryptKey',
  'encryptionKey',
  'dbUrl',
  'token',
];

/** The log levels of the Python operator, and what every logger here calls them; pino's own names stay in this file. */
export const LOG_LEVELS = ['FATAL', 'CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PINO_LEVELS = {
  FATAL: 'fatal',
  CRITICAL: 'fatal',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
} as const satisfies Record<LogLevel, string>;

/** Logger of a process whose lines are read by machines: one JSON document a line, on stderr. */
export function createLogger(level: LogLevel): Logger {
  const write = openStderr();
  return pino(
    { level: PINO_LEVELS[level], base: null, redact: secretPaths() },
    { write: line => write(formatJson(line)) },
  );
}

/** A command's logger for the person at the terminal, on stderr: warnings, and with `isVerbose` everything. */
export function createCommandLogger(isVerbose: boolean, write = openStderr()): Logger {
  return pino(
    {
      level: PINO_LEVELS[isVerbose ? 'DEBUG' : 'WARNING'],
      base: null,
      timestamp: false,
      redact: secretPaths(),
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => write(formatForUser(line)) },
  );
}

export const LOG_FORMATS = ['plain', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface ServiceLoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes secrets out of a finished line: whatever they came in with, they do not leave. */
  readonly scrub: (line: string) => string;
  /** Default: stderr. */
  readonly write?: ((line: string) => void) | undefined;
}

/** Logger of a long-running process: lines as the Python operator writes them, or one JSON document a line. */
export function createServiceLogger(options: ServiceLoggerOptions): Logger {
  const { level, format, scrub, write = openStderr() } = options;
  const toLine = format === 'json' ? formatJson : formatPlain;
  return pino(
    {
      level: PINO_LEVELS[level],
      base: null,
      redact: secretPaths(),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => write(scrub(toLine(line))) },
  );
}

function openStderr(): (line: string) => void {
  const destination = pino.destination({ dest: 2, sync: true });
  return line => destination.write(line);
}

function secretPaths(): string[] {
  return SECRET_FIELDS.flatMap(field => [field, `*.${field}`]);
}

const USER_PREFIXES: Readonly<Record<string, string>> = {
  warn: 'Warning: ',
  error: 'Error: ',
  fatal: 'Error: ',
};

/** What has to be looked at: escapes of JSON for controls, and characters that JSON leaves as they are. */
const MAY_ACT = /\\[bfnrtu]|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The document, every text in it one line without anything that acts on whoever shows it; a stack keeps its lines. */
function parseLine(line: string): Record<string, unknown> {
  return JSON.parse(line, (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    return key === 'stack' ? printable(value) : oneLine(value);
  });
}

function formatJson(line: string): string {
  const document = line.trimEnd();
  return MAY_ACT.test(document) ? `${JSON.stringify(parseLine(document))}\n` : line;
}

/** `Warning: message field=value` */
function formatForUser(line: string): string {
  const { level, msg = '', err: _, ...fields } = parseLine(line);
  return `${USER_PREFIXES[String(level)] ?? ''}${msg}${formatFields(fields)}\n`;
}

/** `2026-11-22 17:13:24 INFO     [task] message field=value`, in UTC. */
function formatPlain(line: string): string {
  const { level, time, task, msg = '', err, ...fields } = parseLine(line);
  const name = String(level)
    .toUpperCase()
    .replace(/^WARN$/, 'WARNING');
  const at = String(time).slice(0, 19).replace('T', ' ');
  const prefix = task === undefined ? '' : `[${task}] `;
  const { stack } = (err ?? {}) as { stack?: unknown };
  // Nobody's text in it begins where a line of the log begins.
  const trace = stack === undefined ? '' : `\n${String(stack).replaceAll(/\n(?! {4}at )/g, '\n    ')}`;
  return `${at} ${name.padEnd(8)} ${prefix}${msg}${formatFields(fields)}${trace}\n`;
}

function formatFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`)
    .join('');
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
