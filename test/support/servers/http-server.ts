import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenOnLoopback } from '../../devnet/listen.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What to answer; undefined after the handler has done something else with the response. */
export type Handler = (
  request: SeenRequest,
  response: ServerResponse,
) => Answer | undefined | Promise<Answer | undefined>;

export interface TestServer extends AsyncDisposable {
  /** http, https or `unix:`. */
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  /** Connections that were ever accepted. */
  readonly connections: () => number;
  /** Requests that were handled at the same time, at most. */
  readonly peak: () => number;
}

/** An HTTP server on loopback, or on a socket in a fresh directory. */
export async function startServer(
  handle: Handler,
  options: { readonly tls?: ServerOptions; readonly onSocket?: boolean; readonly port?: number } = {},
): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const counters = { connections: 0, running: 0, peak: 0 };
  const listener: RequestListener = async (request, response) => {
    counters.running++;
    counters.peak = Math.max(counters.peak, counters.running);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const entry = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    seen.push(entry);
    const answer = await handle(entry, response);
    counters.running--;
    if (answer !== undefined) response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.on('connection', () => counters.connections++);
  // Clients of these tests break handshakes on purpose.
  server.on('tlsClientError', () => {});
  const directory = options.onSocket ? await mkdtemp(join(tmpdir(), 'signer-')) : undefined;
  const socketPath = directory && join(directory, 'signer.sock');
  const port = socketPath === undefined ? await listenOnLoopback(server, options.port) : undefined;
  if (socketPath) await once(server.listen(socketPath), 'listening');
  return {
    url: socketPath ? `unix:${socketPath}` : `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    connections: () => counters.connections,
    peak: () => counters.peak,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      if (directory) await rm(directory, { recursive: true, force: true });
    },
  };
}
