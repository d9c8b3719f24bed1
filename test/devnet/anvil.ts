import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './listen.ts';

export interface AnvilOptions {
  readonly chainId: number;
  /** Any free one when left out. */
  readonly port?: number;
  /** Blocks per epoch: `finalized` is two epochs behind the head. */
  readonly slotsPerEpoch: number;
}

export interface Anvil extends AsyncDisposable {
  readonly rpcUrl: string;
  stop(): Promise<void>;
}

/**
 * Becomes the program that it is given; a shell left behind waits for the end of stdin, that is of whoever holds the other
 * end of the pipe, and then ends the program.
 */
const TIED_TO_PARENT = 'exec 3<&0; (read -r _ <&3; kill -9 $$) >/dev/null 2>&1 & exec "$@" </dev/null 3<&-';

/** Starts anvil on loopback; it mines a block for every transaction until it is told another pace. */
export async function startAnvil({ chainId, port, slotsPerEpoch }: AnvilOptions): Promise<Anvil> {
  const anvil = spawn(
    '/bin/sh',
    [
      '-c',
      TIED_TO_PARENT,
      'anvil',
      findAnvil(),
      '--host',
      '127.0.0.1',
      '--port',
      `${port ?? (await freePort())}`,
      '--chain-id',
      `${chainId}`,
      '--slots-in-an-epoch',
      `${slotsPerEpoch}`,
    ],
    // Nothing is ever written to its stdin: it ends when this process does, also by SIGKILL.
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const kill = () => anvil.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.removeListener('exit', kill);
    if (anvil.exitCode !== null || anvil.signalCode !== null) return;
    const ended = once(anvil, 'exit');
    kill();
    await ended;
  };
  try {
    const address = await readListeningAddress(anvil);
    return { rpcUrl: `http://${address}`, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function findAnvil(): string {
  if (process.env.ANVIL) return process.env.ANVIL;
  const manifest = createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/package.json');
  return join(dirname(manifest), 'bin', 'anvil');
}

function readListeningAddress(anvil: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    if (anvil.stdout === null || anvil.stderr === null) throw new Error('anvil was started without pipes');
    let complaints = '';
    anvil.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    anvil.once('error', reject);
    anvil.once('exit', code => reject(new Error(`anvil ended with ${code}: ${complaints}`)));
    // The listener stays, so that the pipe is read for as long as anvil writes.
    createInterface({ input: anvil.stdout }).on('line', line => {
      const match = /^Listening on (\S+)$/.exec(line);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
  });
}
