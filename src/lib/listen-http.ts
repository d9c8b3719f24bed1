import type { Server } from 'node:http';
import { messageOf, OperatorError } from './errors.ts';

/** Where a server listens, and what messages call it. */
export interface ListenPlace {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Such as "metrics": the options are called `--metrics-port` and `--metrics-host`. */
  readonly name: string;
}

/**
 * Has a server listen.
 * @returns its address, as a browser takes it
 * @throws OperatorError 'port-in-use', 'cannot-listen'
 */
export async function listenHttp(server: Server, { host, port, name }: ListenPlace): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen({ host, port }, resolve);
  await promise.catch((error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE';
    throw new OperatorError(
      isTaken ? 'port-in-use' : 'cannot-listen',
      isTaken
        ? `The ${name} port ${port} of ${host} is in use.`
        : `Cannot listen for ${name} on port ${port} of ${host}: ${messageOf(error)}.`,
      { cause: error, hint: `Choose another --${name}-port or --${name}-host.` },
    );
  });
  const address = server.address();
  const actual = typeof address === 'object' ? (address?.port ?? port) : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

/** Ends a server and every connection to it. */
export function closeHttp(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
