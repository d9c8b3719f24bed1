import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

/** Where the devnet with this port of its execution node takes commands. */
export function controlSocketPath(rpcPort: number): string {
  return join(tmpdir(), `stakewise-devnet-${rpcPort}.sock`);
}

/** Takes commands on a socket of this user's alone: one line a connection, and one answer. */
export async function serveCommands(
  path: string,
  answer: (line: string) => Promise<string>,
): Promise<AsyncDisposable> {
  // One that was killed has left it.
  await rm(path, { force: true });
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    createInterface({ input: socket }).once('line', line => {
      answer(line).then(
        result => socket.end(`${result}\n`),
        (error: unknown) => socket.end(`Error: ${error instanceof Error ? error.message : String(error)}\n`),
      );
    });
  });
  const umask = process.umask(0o077);
  server.listen(path);
  await once(server, 'listening').finally(() => process.umask(umask));
  return {
    async [Symbol.asyncDispose]() {
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Gives a running devnet one command. @returns its answer @throws Error when none runs there */
export async function sendCommand(path: string, line: string): Promise<string> {
  const socket = connect(path);
  await once(socket, 'connect').catch(() => {
    throw new Error('No devnet runs there: start one with "npm run devnet", in another terminal.');
  });
  socket.write(`${line}\n`);
  return await text(socket);
}
