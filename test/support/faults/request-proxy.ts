import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listenOnLoopback } from '../../devnet/listen.ts';

/** One place in a program's talk with its HTTP servers: the n-th request, counted from 1 over all of them. */
export interface RequestPoint {
  readonly number: number;
  /** `before`: the server never sees the request. `after`: it has answered, the client never learns. */
  readonly when: 'before' | 'after';
}

/** A request on its way to a server, or with its answer on the way back. */
export interface ProxiedRequest {
  /** Its place among the servers. */
  readonly server: number;
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly body: string;
  readonly isAnswered: boolean;
}

export interface RequestProxy extends AsyncDisposable {
  /** The URLs to give in place of the servers', in their order. */
  readonly urls: readonly string[];
  /** The request at which the client was told off. */
  readonly reached: string | undefined;
}

/**
 * Stands between a client and its HTTP servers and counts whole requests.
 * @param options.onReached - ends the client; called once, nothing is passed on to or from it any more
 * @param options.hold - every request waits for it, and every answer; what it says false to is never passed on
 */
export async function startRequestProxy(options: {
  readonly servers: readonly string[];
  readonly point?: RequestPoint | undefined;
  readonly onReached?: () => void;
  readonly hold?: (request: ProxiedRequest) => Promise<boolean>;
}): Promise<RequestProxy> {
  let count = 0;
  let reached: string | undefined;
  const reach = (text: string) => {
    reached ??= text;
    options.onReached?.();
  };
  const serve = async (number: number, server: URL, incoming: IncomingMessage, outgoing: ServerResponse) => {
    const body = await buffer(incoming);
    const { method = '', url: path = '' } = incoming;
    const request = { server: number, method, path, body: body.toString('latin1') };
    if (reached !== undefined || (await options.hold?.({ ...request, isAnswered: false })) === false) return;
    const isPoint = ++count === options.point?.number;
    const text = `${method} ${path} ${/"method":"(\w+)"/.exec(request.body)?.[1] ?? ''}`;
    if (isPoint && options.point?.when === 'before') return reach(text);
    const answer = await forward(server, incoming, body);
    if (isPoint) return reach(text);
    if (reached !== undefined || (await options.hold?.({ ...request, isAnswered: true })) === false) return;
    outgoing.writeHead(answer.status, answer.headers);
    outgoing.end(answer.body);
  };
  const listening = await Promise.all(
    options.servers.map(async (url, number) => {
      const server = createServer((incoming, outgoing) => {
        // The other end was killed, or the server cut the connection.
        serve(number, new URL(url), incoming, outgoing).catch(() => outgoing.destroy());
      });
      return { server, port: await listenOnLoopback(server) };
    }),
  );
  return {
    urls: listening.map(({ port }) => `http://127.0.0.1:${port}`),
    get reached() {
      return reached;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(listening.map(({ server }) => close(server)));
    },
  };
}

async function forward(server: URL, incoming: IncomingMessage, body: Buffer) {
  const path = `${server.pathname.replace(/\/$/, '')}${incoming.url}`;
  const forwarded = request({
    host: server.hostname,
    port: server.port,
    path,
    method: incoming.method,
    agent: false,
    headers: { ...incoming.headers, host: server.host, connection: 'close' },
  });
  forwarded.end(body);
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage];
  const { connection, ...headers } = response.headers;
  return { status: response.statusCode ?? 502, headers, body: await buffer(response) };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
