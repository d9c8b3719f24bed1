import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');

/** Whether everything that the programs say is shown: else only what they print as results, and logs of what fails. */
const isVerbose = process.argv.includes('--verbose');

/** A text with the demo's directory as `$DEMO`: its path is as long as the rest of a command line. */
export function withoutPaths(text: string, home: string): string {
  return text.replaceAll(home, '$DEMO');
}

/** What takes longer than this is not going to happen. */
const PATIENCE_MS = 60_000;

export interface RunningProgram extends AsyncDisposable {
  /** Waits until the program has printed or logged this. @throws with its log when it ends before, or takes too long */
  readonly printed: (text: string) => Promise<void>;
  /** Waits until something is so that the program does. @throws with its log when it ends before, or takes too long */
  readonly until: (what: string, isSo: () => Promise<boolean>) => Promise<void>;
  /** Asks it to stop, and waits for its end. */
  readonly stop: () => Promise<{ readonly exitCode: number | null; readonly afterMs: number }>;
}

/** Starts a launcher that runs until it is stopped; its log is shown when that is asked for, and when it fails. */
export function startProgram(
  home: string,
  program: string,
  args: readonly string[],
  { showsLog = false } = {},
): RunningProgram {
  console.log(withoutPaths(`$ ${program} ${args.join(' ')} &`, home));
  const env = { PATH: process.env.PATH, HOME: home, LANG: process.env.LANG };
  const child = spawn(join(root, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  // Its failure is told by whoever waits for it.
  closed.catch(() => undefined);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
    process.stdout.write(withoutPaths(text, home));
  });
  let log = '';
  createInterface({ input: child.stderr }).on('line', line => {
    log += `${line}\n`;
    if (showsLog || isVerbose) console.log(`  | ${shorten(withoutPaths(line, home))}`);
  });
  const until: RunningProgram['until'] = async (what, isSo) => {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await isSo())) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (!hasEnded && performance.now() < deadline) {
        await new Promise(resolve => setTimeout(resolve, 50));
        continue;
      }
      const why = hasEnded ? `ended with ${child.exitCode ?? child.signalCode}` : 'took too long';
      throw new Error(
        `${program} ${args[0]} ${why}; waited for ${what}.\n${showsLog || isVerbose ? '' : log}`,
      );
    }
  };
  const stop: RunningProgram['stop'] = async () => {
    const began = performance.now();
    child.kill('SIGTERM');
    await closed;
    return { exitCode: child.exitCode, afterMs: performance.now() - began };
  };
  return {
    until,
    stop,
    printed: text => until(`“${text}”`, async () => stdout.includes(text) || log.includes(text)),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await stop();
    },
  };
}

/** Public keys and signatures are known by their first and last digits. */
function shorten(line: string): string {
  return line.replace(/0x([0-9a-f]{8})[0-9a-f]{80,}([0-9a-f]{4})\b/g, '0x$1…$2');
}

export type Run = (
  program: string,
  args: readonly string[],
  options?: { isSecret?: boolean; showsLog?: boolean },
) => Promise<string>;

/** How a launcher ended, and what it said. */
export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Listeners {
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

/** Runs a launcher to its end, whatever that is, and prints nothing. */
export async function runQuietly(
  home: string,
  program: string,
  args: readonly string[],
  { onStdout, onStderr }: Listeners = {},
): Promise<Ended> {
  // Settings of the caller's own vaults must not reach the demo.
  const env = { PATH: process.env.PATH, HOME: home, LANG: process.env.LANG };
  // Not spawnSync: this process also serves the IPFS gateway that the command asks.
  const child = spawn(join(root, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
    onStdout?.(text);
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
    onStderr?.(text);
  });
  const [exitCode] = await new Promise<[number | null]>((resolve, reject) => {
    child.once('error', reject).once('close', code => resolve([code]));
  });
  return { exitCode, stdout, stderr };
}

/** Runs the launchers as a user would, printing each command line and what came of it; a failure ends the demo. */
export function createRunner(home: string): Run {
  return async (program, args, { isSecret = false, showsLog = false } = {}) => {
    console.log(withoutPaths(`$ ${program} ${args.join(' ')}`, home));
    const began = performance.now();
    const show = (text: string) => void process.stdout.write(withoutPaths(text, home));
    const { exitCode, stdout, stderr } = await runQuietly(home, program, args, {
      ...(!isSecret && { onStdout: show }),
      ...((showsLog || isVerbose) && { onStderr: show }),
    });
    if (isSecret) console.log('(its 24 words are kept out of this log)');
    if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}\n${stderr}`);
    console.log(`(${secondsSince(began)})\n`);
    return stdout;
  };
}

/** Time since `performance.now()` was this. */
export function secondsSince(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

/** Prints what is done, and what was found afterwards. */
export async function tell(what: string, work: () => Promise<string>): Promise<void> {
  console.log(what);
  const began = performance.now();
  console.log(`  ${await work()}`);
  console.log(`(${secondsSince(began)})\n`);
}

/** Prints a heading, does the work, and notes how long it took. */
export type Chapter = <T>(title: string, work: () => Promise<T>) => Promise<T>;

export function createChapters(): { readonly chapter: Chapter; readonly durations: readonly string[] } {
  const durations: string[] = [];
  const chapter: Chapter = async (title, work) => {
    console.log(`\n— ${title} —\n`);
    const began = performance.now();
    const result = await work();
    durations.push(`${secondsSince(began).padStart(8)}  ${title}`);
    return result;
  };
  return { chapter, durations };
}
