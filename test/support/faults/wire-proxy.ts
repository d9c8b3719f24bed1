import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { type Message, MessageReader } from './message-reader.ts';

/** One place in a conversation with Postgres: the n-th statement, counted from 1 over all connections. */
export interface StatementPoint {
  readonly number: number;
  /** Counts only statements that can leave something behind: not those that read, begin or set. */
  readonly isChanging?: boolean;
  /** `before`: the server never sees the statement. `after`: it has done it, the client never learns. */
  readonly when: 'before' | 'after';
}

export interface WireProxy extends AsyncDisposable {
  /** Database URL that leads through the proxy. */
  readonly url: string;
  /** Statements that the client has sent, of those that the point counts. */
  readonly statements: number;
  /** Text of the statement at which the client was told off. */
  readonly reached: string | undefined;
}

const SSL_REQUEST = 80_877_103;
const READING = /^\s*(begin|close|declare|fetch|select|set|show|start)\b/i;

/**
 * Stands between a client and Postgres and reads the client's side of the protocol: a simple query is a statement, and so
 * is each extended one (Parse, Bind, Describe, Execute up to Sync).
 * @param options.onReached - ends the client; called once, nothing is passed on to or from it any more
 * @param options.hold - in its place: the statement waits, and goes on if this resolves to true; without a point, every
 *   statement
 */
export async function startWireProxy(options: {
  readonly serverUrl: string;
  readonly point?: StatementPoint | undefined;
  readonly onReached?: () => void;
  readonly hold?: (text: string) => Promise<boolean>;
}): Promise<WireProxy> {
  const upstream = new URL(options.serverUrl);
  const sockets = new Set<Socket>();
  let statements = 0;
  let reached: string | undefined;

  const reach = (text: string) => {
    reached = text;
    options.onReached?.();
    for (const socket of sockets) socket.destroy();
  };

  const proxy = createServer(client => {
    const server = connect(Number(upstream.port), upstream.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // The other end was killed, or is being taken away.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    /** Text of the statement whose answer is awaited and withheld. */
    let withheld: string | undefined;
    const answers = new MessageReader(true);
    const requests = new MessageReader(false);
    let group: Buffer[] = [];
    let text = '';
    client.on('data', (chunk: Buffer) => {
      for (const message of requests.read(chunk)) {
        if (reached !== undefined) return;
        group.push(message.bytes);
        text = statementText(message) ?? text;
        if (!endsGroup(message.type)) continue;
        if (isStatement(message.type)) {
          const isCounted = !options.point?.isChanging || !READING.test(text);
          if (isCounted) statements++;
          const isPoint = options.point === undefined || options.point.number === statements;
          if (isCounted && isPoint) {
            if (options.hold !== undefined) {
              const held = Buffer.concat(group);
              group = [];
              void options.hold(text).then(goesOn => goesOn && server.write(held));
              continue;
            }
            if (options.point?.when === 'before') return reach(text);
            if (options.point !== undefined) withheld = text;
          }
        }
        server.write(Buffer.concat(group));
        group = [];
      }
    });
    server.on('data', (chunk: Buffer) => {
      if (reached !== undefined) return;
      if (withheld === undefined) client.write(chunk);
      else if (answers.read(chunk).some(({ type }) => type === 'Z')) reach(withheld);
    });
  });
  const port = await listenOnLoopback(proxy);
  const url = new URL(options.serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  url.searchParams.set('sslmode', 'disable');
  return {
    url: url.href,
    get statements() {
      return statements;
    },
    get reached() {
      return reached;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

function isStatement(type: string): boolean {
  return type === 'Q' || type === 'S';
}

/** Whether what was gathered is to be passed on now. What the proxy does not know it must not count wrongly. */
function endsGroup(type: string): boolean {
  if (isStatement(type) || ['', 'p', 'X'].includes(type)) return true;
  if ('PBDEC'.includes(type)) return false;
  throw new Error(`the proxy does not count messages of type ${type}`);
}

function statementText({ type, bytes }: Message): string | undefined {
  if (type === '' && bytes.readUInt32BE(4) === SSL_REQUEST)
    throw new Error('the proxy reads plain text only');
  if (type === 'Q') return bytes.toString('utf8', 5, bytes.length - 1);
  if (type !== 'P') return undefined;
  const start = bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
