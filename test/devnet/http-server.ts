import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listenOnLoopback } from './listen.ts';

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON, unless it is text. */
  readonly body?: unknown;
}

export interface LoopbackServer extends AsyncDisposable {
  readonly url: string;
  /** Every request so far. */
  readonly requests: readonly ReceivedRequest[];
}

/**
 * A JSON server on loopback.
 * @param answer - 'reset' cuts the connection, 'hang' never answers
 */
export async function startServer(
  answer: (request: ReceivedRequest) => Answer | 'reset' | 'hang' | Promise<Answer | 'reset' | 'hang'>,
  { port, maxBytes }: { readonly port?: number; readonly maxBytes?: number } = {},
): Promise<LoopbackServer> {
  const requests: ReceivedRequest[] = [];
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const bytes = await buffer(incoming);
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: bytes.toString('utf8'),
    };
    requests.push(request);
    const given =
      maxBytes !== undefined && bytes.length > maxBytes
        ? { status: 413, body: 'Request Entity Too Large' }
        : await answer(request);
    if (given === 'hang') return;
    if (given === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const isText = typeof given.body === 'string';
    response.writeHead(given.status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? given.body : JSON.stringify(given.body ?? {}));
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const listening = await listenOnLoopback(server, port);
  return {
    url: `http://127.0.0.1:${listening}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise(resolve => server.close(resolve));
    },
  };
}
