import type { Logger } from '../../../lib/logger.ts';

/** Tells a thing when it changes, not round after round. */
export interface ChangeLog {
  /** @param text - undefined when there is nothing to tell any more: what comes then is new */
  info(topic: string, text: string | undefined): void;
  warn(topic: string, text: string | undefined): void;
}

export function createChangeLog(log: Pick<Logger, 'info' | 'warn'>): ChangeLog {
  const told = new Map<string, string | undefined>();
  const tell = (level: 'info' | 'warn') => (topic: string, text: string | undefined) => {
    if (text !== undefined && told.get(topic) !== text) log[level](text);
    told.set(topic, text);
  };
  return { info: tell('info'), warn: tell('warn') };
}
