import type { ServerResponse } from 'node:http';
import type { LatestLook } from './latest-look.ts';
import { type PageContent, renderMain, seenText } from './render-page.ts';

/** Pages that are kept up to date at once: browsers of a team and its walls. */
export const MOST_VIEWERS = 32;

/** Something that moves on each connection, well before anything between calls it dead. */
const HEARTBEAT_MS = 15_000;
/** How long a browser waits before it connects again. */
const RETRY_MS = 5_000;

export interface LiveViewersOptions {
  readonly look: LatestLook;
  readonly intervalMs: number;
  /** Is told why the fleet could not be looked at. */
  readonly onFault: (error: unknown) => void;
}

/**
 * The open pages. As long as there is one, the fleet is looked at again and again, and each page is sent what has changed, by
 * server-sent events. A page that does not read what it is sent is let go.
 */
export class LiveViewers implements Disposable {
  readonly #options: LiveViewersOptions;
  /** What each page has now. */
  readonly #viewers = new Map<ServerResponse, string | undefined>();
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(options: LiveViewersOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#viewers.size >= MOST_VIEWERS;
  }

  /** Takes a page in; its headers are sent already. */
  add(response: ServerResponse): void {
    this.#viewers.set(response, undefined);
    response.on('close', () => this.#remove(response));
    this.#send(response, `retry: ${RETRY_MS}\n\n`);
    if (this.#timers.length === 0) this.#begin();
    void this.#update();
  }

  [Symbol.dispose](): void {
    for (const response of this.#viewers.keys()) response.end();
    this.#viewers.clear();
    this.#end();
  }

  #remove(response: ServerResponse): void {
    this.#viewers.delete(response);
    if (this.#viewers.size === 0) this.#end();
  }

  #begin(): void {
    this.#timers = [
      setInterval(() => void this.#update(), this.#options.intervalMs),
      setInterval(() => this.#beat(), HEARTBEAT_MS),
    ];
  }

  #end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  async #update(): Promise<void> {
    try {
      this.#show(await this.#options.look.get());
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #show(content: PageContent): void {
    const main = renderMain(content);
    const { seenAt } = content.observation;
    for (const [response, last] of this.#viewers) {
      const events = eventText('seen', `${seenAt}|${seenText(seenAt)}`);
      this.#send(response, last === main ? events : events + eventText('main', main));
      if (this.#viewers.has(response)) this.#viewers.set(response, main);
    }
  }

  #beat(): void {
    for (const response of this.#viewers.keys()) this.#send(response, ': still here\n\n');
  }

  #send(response: ServerResponse, text: string): void {
    // What was sent before was not read: another page would wait in memory, and then another.
    if (response.writableNeedDrain) response.destroy();
    else response.write(text);
  }
}

/** An event as browsers read them: each line of its data by itself. */
function eventText(name: string, data: string): string {
  const lines = data.split('\n').map(line => `data: ${line}\n`);
  return `event: ${name}\n${lines.join('')}\n`;
}
