import type { Logger } from '../../src/lib/logger.ts';

/** A line that was logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
  /** The fields that came with the text; none when the text came alone. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RecordingLog {
  readonly log: Logger;
  /** Every line so far, the earliest first. */
  readonly lines: readonly LogLine[];
  /** Texts of the lines so far, of one level or of all. */
  texts(level?: LogLine['level']): string[];
}

/** A log that keeps what is logged, as it was given: nothing is formatted, redacted or left out by level. */
export function recordingLog(): RecordingLog {
  const lines: LogLine[] = [];
  const record = (level: LogLine['level']) => (first: object | string, text?: string) => {
    const line =
      typeof first === 'string' ? { text: first, fields: {} } : { text: text ?? '', fields: { ...first } };
    lines.push({ level, ...line });
  };
  const log = {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  };
  return {
    // What the program calls of pino's logger, and no more of it.
    log: log as unknown as Logger,
    lines,
    texts: level => lines.filter(line => level === undefined || line.level === level).map(line => line.text),
  };
}
