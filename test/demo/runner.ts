import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

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
