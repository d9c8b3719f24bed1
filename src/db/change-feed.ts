import type { Database } from './database.ts';
import { isLostConnection } from './errors.ts';

/** The channel of migration 0011. */
const CHANNEL = 'stakewise_vault_changed';

/** How long after a refusal nobody asks again. */
const PAUSE_MS = 60_000;

export interface ChangeFeedOptions {
  /** Is told the number of a vault that has changed. */
  readonly onChange: (vaultId: number) => void;
  /** Is told that the connection was lost: changes may have gone unheard since. */
  readonly onLost: () => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/**
 * Hears from Postgres at once when a vault changes. It is a hint and never the truth: a pooler of transactions takes the wish to
 * listen and tells nothing. So whoever uses it looks by himself as well, after {@link ChangeFeed.listen}.
 */
export class ChangeFeed implements AsyncDisposable {
  readonly #database: Database;
  readonly #options: ChangeFeedOptions;
  #connection: AsyncDisposable | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(database: Database, options: ChangeFeedOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Whether the server has been asked to tell, and the connection is there. */
  get isListening(): boolean {
    return this.#connection !== undefined;
  }

  /**
   * Listens, unless it does already. Not again within a minute of a refusal: what refuses to listen goes on refusing.
   * @throws ExternalError when the server cannot be reached or refuses
   */
  async listen(): Promise<void> {
    const { listen } = this.#database;
    const { onChange, onLost, now } = this.#options;
    if (listen === undefined || this.isListening || now() < this.#notBefore) return;
    const onEnd = () => {
      if (!this.isListening) return;
      this.#connection = undefined;
      onLost();
    };
    try {
      this.#connection = await listen(CHANNEL, {
        onNotification: payload => onChange(Number(payload)),
        onEnd,
      });
    } catch (error) {
      if (!isLostConnection(error)) this.#notBefore = now() + PAUSE_MS;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }
}
