import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export interface RunningProgram extends AsyncDisposable {
  /** Waits until the program has printed this. */
  readonly printed: (text: string) => Promise<void>;
}

/** Starts a launcher that runs until it is stopped. */
export function startProgram(home: string, program: string, args: readonly string[]): RunningProgram {
  console.log(`$ ${program} ${args.join(' ')} &`);
  const env = { PATH: process.env.PATH, HOME: home, LANG: process.env.LANG };
  const child = spawn(join(root, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
    process.stdout.write(text);
  });
  // One line for every signature: not for the screen.
  let log = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    log += text;
  });
  return {
    printed: async text => {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${log}`);
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await closed;
    },
  };
}

export type Run = (
  program: string,
  args: readonly string[],
  options?: { isSecret?: boolean },
) => Promise<string>;

/** Runs the launchers as a user would, printing each command line and what came of it; a failure ends the demo. */
export function createRunner(home: string): Run {
  // Settings of the caller's own vaults must not reach the demo.
  const env = { PATH: process.env.PATH, HOME: home, LANG: process.env.LANG };
  return async (program, args, { isSecret = false } = {}) => {
    console.log(`$ ${program} ${args.join(' ')}`);
    const began = performance.now();
    // Not spawnSync: this process also serves the IPFS gateway that the command asks.
    const child = spawn(join(root, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
      if (!isSecret) process.stdout.write(text);
    });
    child.stderr.pipe(process.stdout, { end: false });
    const [status] = await new Promise<[number | null]>((resolve, reject) => {
      child.once('error', reject).once('close', code => resolve([code]));
    });
    if (isSecret) console.log('(its 24 words are kept out of this log)');
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
    console.log(`(${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
    return stdout;
  };
}
