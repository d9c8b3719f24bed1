import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { MessageReader } from '../faults/message-reader.ts';

/** A pooler of transactions, as PgBouncer with pool_mode=transaction. */
export interface TransactionPooler extends AsyncDisposable {
  /** Database URL that leads through it. */
  readonly url: string;
}

/** A connection to the server, which serves one transaction of one client after another. */
interface Backend {
  readonly socket: Socket;
  /** The one whose transaction it is in; undefined between transactions. */
  client: Client | undefined;
}

interface Client {
  readonly socket: Socket;
  /** What it has sent and no backend has got. */
  waiting: Buffer[];
}

const IDLE = 'I'.charCodeAt(0);

/**
 * Gives each transaction of each client to the backend that has waited longest, so that hardly two of them in a row have the
 * same one. Each client brings a backend of its own, which stays when it goes: its authentication is the server's.
 */
export async function startTransactionPooler(serverUrl: string): Promise<TransactionPooler> {
  const upstream = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const idle: Backend[] = [];
  const waiting: Client[] = [];

  /** The next transactions begin where a backend and a client wait for each other. */
  const assign = () => {
    while (idle.length > 0 && waiting.length > 0) {
      const backend = idle.shift();
      const client = waiting.shift();
      if (backend === undefined || client === undefined) return;
      backend.client = client;
      backends.set(client, backend);
      backend.socket.write(Buffer.concat(client.waiting));
      client.waiting = [];
    }
  };
  const backends = new Map<Client, Backend>();

  const openBackend = (first: Client): Backend => {
    const socket = track(connect(Number(upstream.port), upstream.hostname), sockets);
    const backend: Backend = { socket, client: first };
    const answers = new MessageReader(true);
    socket.on('data', (chunk: Buffer) => {
      for (const { type, bytes } of answers.read(chunk)) {
        backend.client?.socket.write(bytes);
        if (type !== 'Z' || bytes[5] !== IDLE) continue;
        if (backend.client !== undefined) backends.delete(backend.client);
        backend.client = undefined;
        idle.push(backend);
      }
      assign();
    });
    return backend;
  };

  const pooler = createServer(socket => {
    const client: Client = { socket: track(socket, sockets), waiting: [] };
    backends.set(client, openBackend(client));
    const requests = new MessageReader(false);
    socket.on('data', (chunk: Buffer) => {
      for (const { type, bytes } of requests.read(chunk)) {
        // The client goes; what it has used stays for others.
        if (type === 'X') {
          socket.end();
          continue;
        }
        const backend = backends.get(client);
        if (backend !== undefined) {
          backend.socket.write(bytes);
          continue;
        }
        client.waiting.push(bytes);
        if (!waiting.includes(client)) waiting.push(client);
      }
      assign();
    });
  });
  const port = await listenOnLoopback(pooler);
  const url = new URL(serverUrl);
  url.port = String(port);
  url.searchParams.set('sslmode', 'disable');
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      pooler.close();
      await once(pooler, 'close');
    },
  };
}

function track(socket: Socket, sockets: Set<Socket>): Socket {
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  return socket;
}
