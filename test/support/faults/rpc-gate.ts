import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../../devnet/listen.ts';

export interface RpcGate extends AsyncDisposable {
  readonly url: string;
  /** Requests so far; a batch is one. */
  readonly requests: number;
}

/**
 * Stands between a client and its execution node.
 * @param options.before - called with the number of the request, from 1, and its text; the request goes on when it
 *   resolves, and never when it says false
 * @param options.after - the same for the answer
 */
export async function startRpcGate(options: {
  readonly nodeUrl: string;
  readonly before?: (number: number, body: string) => Promise<boolean> | boolean;
  readonly after?: (number: number, body: string) => Promise<boolean> | boolean;
}): Promise<RpcGate> {
  let requests = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    requests += 1;
    const number = requests;
    if ((await options.before?.(number, body)) === false) return;
    const headers = { 'content-type': 'application/json' };
    const passedOn = await fetch(options.nodeUrl, { method: 'POST', headers, body });
    const answered = await passedOn.text();
    if ((await options.after?.(number, body)) === false) return;
    response.writeHead(passedOn.status, headers).end(answered);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
