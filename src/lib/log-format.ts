import { oneLine, printable } from './foreign-text.ts';

export const LOG_FORMATS = ['plain', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/**
 * A line as the JSON log of a service has it (see logger.ts), for who has one line to write and no use for a logger: none is
 * loaded.
 * @param fields - stand between time and message; text in them is made one line
 */
export function jsonLogLine(
  level: 'warn' | 'fatal',
  fields: Readonly<Record<string, unknown>>,
  message: string,
): string {
  const line = { level, time: new Date().toISOString(), ...fields, msg: message };
  return `${JSON.stringify(line, harmlessMember)}\n`;
}

/** One line without anything that acts on whoever shows it; a stack keeps its lines. */
function harmlessMember(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return key === 'stack' ? printable(value) : oneLine(value);
}
