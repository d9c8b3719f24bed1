import { type Logger, pino } from 'pino';

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

/** Logger for diagnostics on stderr; results go to stdout and are not logged. */
export function createLogger(level: 'debug' | 'info' | 'warn'): Logger {
  return pino({ level, base: null, redact: secretPaths() }, pino.destination({ dest: 2, sync: true }));
}

/** As the Python operator has them. */
export const LOG_LEVELS = ['FATAL', 'CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['plain', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface ServiceLoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes secrets out of a finished line: whatever they came in with, they do not leave. */
  readonly scrub: (line: string) => string;
  /** Default: stderr. */
  readonly write?: (line: string) => void;
}

const PINO_LEVELS = {
  FATAL: 'fatal',
  CRITICAL: 'fatal',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
} as const satisfies Record<LogLevel, string>;

/** Logger of a long-running process: lines as the Python operator writes them, or one JSON document a line. */
export function createServiceLogger(options: ServiceLoggerOptions): Logger {
  const { level, format, scrub, write = openStderr() } = options;
  const toLine = format === 'json' ? (line: string) => line : formatPlain;
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

/** `2026-11-22 17:13:24 INFO     [task] message field=value`, in UTC. */
function formatPlain(line: string): string {
  const { level, time, task, msg = '', err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = String(level)
    .toUpperCase()
    .replace(/^WARN$/, 'WARNING');
  const at = String(time).slice(0, 19).replace('T', ' ');
  const of = task === undefined ? '' : `[${task}] `;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const { stack } = (err ?? {}) as { stack?: unknown };
  const trace = stack === undefined ? '' : `\n${stack}`;
  return `${at} ${name.padEnd(8)} ${of}${msg}${rest.join('')}${trace}\n`;
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
