import type { Logger } from '../../src/lib/logger.ts';

/** A line that was logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
  /** The fields that came with the text, and those of the log that it was told by: none when the text came alone. */
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
  const open = (bindings: object): object => {
    const record = (level: LogLine['level']) => (first: object | string, text?: string) => {
      const line =
        typeof first === 'string'
          ? { text: first, fields: { ...bindings } }
          : { text: text ?? '', fields: Object.assign({}, bindings, first) };
      lines.push({ level, ...line });
    };
    return {
      debug: record('debug'),
      info: record('info'),
      warn: record('warn'),
      error: record('error'),
      child: (more: object) => open(Object.assign({}, bindings, more)),
    };
  };
  return {
    // What the program calls of pino's logger, and no more of it.
    log: open({}) as unknown as Logger,
    lines,
    texts: level => lines.filter(line => level === undefined || line.level === level).map(line => line.text),
  };
}
