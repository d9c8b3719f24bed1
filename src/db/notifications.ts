import pg from 'pg';
import { type Endpoint, translateQueryError } from './errors.ts';

/** What hears a channel of Postgres. */
export interface Listener {
  /** Is given what was told. */
  readonly onNotification: (payload: string) => void;
  /** Is told once that the connection has ended, also by its own disposal. */
  readonly onEnd: () => void;
}

/** Keeps a connection that hears a channel until it is disposed. @throws ExternalError */
export type Listen = (channel: string, listener: Listener) => Promise<AsyncDisposable>;

/**
 * Makes a connection of a pool hear a channel. It is the listener's alone from then on, and is closed when it is disposed: the
 * server ends the listening with it.
 * @param listener.endpoint - where the connection leads, for messages
 * @throws ExternalError when the server refuses
 */
export async function listenOn(
  client: pg.PoolClient,
  channel: string,
  { endpoint, onNotification, onEnd }: Listener & { readonly endpoint: Endpoint | undefined },
): Promise<AsyncDisposable> {
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    client.release(true);
    onEnd();
  };
  client.on('notification', heard => {
    if (heard.channel === channel) onNotification(heard.payload ?? '');
  });
  client.on('end', end).on('error', end);
  try {
    await client.query(`listen ${pg.escapeIdentifier(channel)}`);
  } catch (error) {
    end();
    throw translateQueryError(error, endpoint);
  }
  return {
    async [Symbol.asyncDispose]() {
      end();
    },
  };
}
