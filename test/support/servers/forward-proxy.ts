import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { listenOnLoopback } from '../../devnet/listen.ts';

/** A forward proxy, the only way out for those who use it. */
export interface ForwardProxy extends AsyncDisposable {
  /** Its URL, with its credentials. */
  readonly url: string;
  /** Its URL without them, as it may be shown. */
  readonly origin: string;
  /** What it was asked for: `POST http://node.test:8545/`, `CONNECT node.test:443`. */
  readonly asked: readonly string[];
}

interface ProxyOptions {
  /** Which port of this machine a name stands for: it alone can find out. */
  readonly names: Readonly<Record<string, number>>;
  /** Required in each request. */
  readonly credentials?: { readonly user: string; readonly password: string } | undefined;
}

/** Takes requests with whole URLs and CONNECT, as any proxy does. */
export async function startForwardProxy({ names, credentials }: ProxyOptions): Promise<ForwardProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const pair = credentials && `${credentials.user}:${credentials.password}`;
  const wanted = pair && `Basic ${Buffer.from(pair).toString('base64')}`;
  const isAllowed = ({ headers }: IncomingMessage) =>
    wanted === undefined || headers['proxy-authorization'] === wanted;
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    if (!isAllowed(incoming)) return void response.writeHead(407).end();
    passOn(incoming, response, names);
  });
  server.on('connection', socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('connect', (incoming, socket: Socket, head) => {
    asked.push(`CONNECT ${incoming.url}`);
    const port = names[String(incoming.url).replace(/:\d+$/, '')];
    if (!isAllowed(incoming) || port === undefined) {
      socket.end(`HTTP/1.1 ${isAllowed(incoming) ? 502 : 407} No\r\n\r\n`);
      return;
    }
    const far = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    sockets.add(far);
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
  });
  const port = await listenOnLoopback(server);
  const login =
    credentials === undefined
      ? ''
      : `${encodeURIComponent(credentials.user)}:${encodeURIComponent(credentials.password)}@`;
  return {
    url: `http://${login}127.0.0.1:${port}`,
    origin: `http://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function passOn(incoming: IncomingMessage, response: ServerResponse, names: ProxyOptions['names']): void {
  const { hostname, pathname, search, host } = new URL(String(incoming.url));
  const port = names[hostname];
  if (port === undefined) return void response.writeHead(502).end('no such name');
  const { method, headers } = incoming;
  const options = { host: '127.0.0.1', port, path: `${pathname}${search}`, method };
  const far = request({ ...options, headers: { ...headers, host } }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  far.on('error', () => response.destroy());
  incoming.pipe(far);
}
