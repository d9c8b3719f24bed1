import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { PROGRAM, PROJECT_ROOT } from './cli.ts';

/** A process of `operator signer`. */
export interface SignerProcess extends AsyncDisposable {
  /** All that it has written. */
  readonly output: string;
}

/** Runs `operator signer` until it is disposed of; resolves when it listens. */
export async function spawnSignerProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<SignerProcess> {
  const child = spawn(PROGRAM, ['signer', ...args], {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listening = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('Signing exits with')) listening.resolve();
    });
  }
  const closed = once(child, 'close');
  void closed.then(() => listening.reject(new Error(`the signer ended: ${output}`)));
  await listening.promise;
  return {
    get output() {
      return output;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
