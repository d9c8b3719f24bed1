import { type Logger, pino } from 'pino';
import { oneLine, printable } from './foreign-text.ts';
import type { LogFormat } from './log-format.ts';
import { timeText } from './time-text.ts';
import { inTone, type Tone } from './tones.ts';

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
export function createCommandLogger(isVerbose: boolean, write?: (line: string) => void): Logger {
  const tint = write === undefined ? tintedOnStderr : untinted;
  const print = write ?? openStderr();
  return pino(
    {
      level: PINO_LEVELS[isVerbose ? 'DEBUG' : 'WARNING'],
      base: null,
      timestamp: false,
      redact: secretPaths(),
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => print(formatForUser(line, tint)) },
  );
}

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
  const tint = options.write === undefined ? tintedOnStderr : untinted;
  const toText = level === 'DEBUG' ? (text: string) => text : shortenKeys;
  const toLine = format === 'json' ? formatJson : (line: string) => formatPlain(line, { tint, toText });
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

/** Colours a word by what it means, or leaves it as it is. */
type Tint = (tone: Tone, word: string) => string;

const untinted: Tint = (_tone, word) => word;
const tintedOnStderr: Tint = (tone, word) => inTone(tone, word, process.stderr);

const TONES: Readonly<Record<string, Tone>> = { warn: 'warning', error: 'error', fatal: 'error' };

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
function formatForUser(line: string, tint: Tint): string {
  const { level, msg = '', err: _, ...fields } = parseLine(line);
  return `${tinted(level, USER_PREFIXES[String(level)] ?? '', tint)}${msg}${formatFields(fields)}\n`;
}

interface PlainForm {
  readonly tint: Tint;
  /** What becomes of the text of a line; its fields, such as the key that has signed, stay in full. */
  readonly toText: (text: string) => string;
}

/** `2026-11-22 17:13:24 INFO     [task] message field=value`, in UTC. */
function formatPlain(line: string, { tint, toText }: PlainForm): string {
  const { level, time, task, msg = '', err, ...fields } = parseLine(line);
  const name = String(level)
    .toUpperCase()
    .replace(/^WARN$/, 'WARNING');
  const at = timeText(String(time));
  const prefix = task === undefined ? '' : `[${task}] `;
  const { stack } = (err ?? {}) as { stack?: unknown };
  // Nobody's text in it begins where a line of the log begins.
  const trace = stack === undefined ? '' : `\n${String(stack).replaceAll(/\n(?! {4}at )/g, '\n    ')}`;
  return `${at} ${tinted(level, name.padEnd(8), tint)} ${prefix}${toText(String(msg))}${formatFields(fields)}${trace}\n`;
}

function tinted(level: unknown, word: string, tint: Tint): string {
  const tone = TONES[String(level)];
  return tone === undefined ? word : tint(tone, word);
}

/** Public keys and signatures; the 32 bytes of hashes and roots are searched for as they are. */
const LONG_HEX = /0x([0-9a-fA-F]{8})[0-9a-fA-F]{84,}([0-9a-fA-F]{4})(?![0-9a-fA-F])/g;

/** Keys of 98 letters as people compare them: `0x92f21c08…a8b3`. */
function shortenKeys(text: string): string {
  return text.replaceAll(LONG_HEX, '0x$1…$2');
}

function formatFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`)
    .join('');
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
