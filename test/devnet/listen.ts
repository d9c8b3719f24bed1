import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Ports below those that a system gives to a socket which asks for any: 32,768 on Linux, 49,152 elsewhere. */
const FIRST_PORT = 10_240;
const PORTS_PER_WORKER = 2_500;
const WORKERS = 9;

/**
 * A port of this machine that nobody listens on, and nobody else will: of the range that the system gives out, a port that is
 * free again becomes the server of another test, which then answers in place of the one that is gone. Every worker of vitest
 * has ports of its own.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ownPort();
    const server = createServer();
    if (!(await listens(server, port))) continue;
    await new Promise(resolve => server.close(resolve));
    return port;
  }
}

/**
 * Has a server listen on loopback.
 * @param port - where; one of this worker's own by default, so that nobody answers there when the server is gone
 * @returns the port
 * @throws Error of the system, such as EADDRINUSE for a port that was named
 */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  if (port !== 0) {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return port;
  }
  for (;;) {
    const own = ownPort();
    if (await listens(server, own)) return own;
  }
}

let last = randomInt(PORTS_PER_WORKER);

/** One after another: a client that has kept a connection to a server that is gone would use it for the next one at its port. */
function ownPort(): number {
  const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS;
  last = (last + 1) % PORTS_PER_WORKER;
  return FIRST_PORT + worker * PORTS_PER_WORKER + last;
}

async function listens(server: Server, port: number): Promise<boolean> {
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}
