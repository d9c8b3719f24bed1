import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { PROJECT_ROOT } from './cli.ts';

/** A process that is told what to do line by line, and answers each line by one. */
export interface LineProcess extends AsyncDisposable {
  readonly pid: number;
  /** The next line that it writes. @throws with all that it has written, when it ends before or says nothing for long */
  next(): Promise<string>;
  /** Writes a line to it and waits for the answer. */
  ask(line: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<unknown>;
}

const TIMEOUT_MS = 60_000;

/** Starts it in the project's directory; nothing of this process' environment reaches it but the path. */
export function startLineProcess([program, ...args]: readonly [string, ...string[]]): LineProcess {
  const child = spawn(program, args, {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH, HOME: tmpdir() },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const written: string[] = [];
  const unread: string[] = [];
  let wake: (() => void) | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      written.push(line);
      if (stream === child.stdout) unread.push(line);
      wake?.();
    });
  }
  void ended.then(() => wake?.());
  // Its own end is seen by whoever waits for its answer.
  child.stdin.on('error', () => undefined);
  const next = async () => {
    const deadline = performance.now() + TIMEOUT_MS;
    while (unread.length === 0) {
      const leftMs = deadline - performance.now();
      if (hasEnded(child) || leftMs <= 0) {
        const what = hasEnded(child) ? 'ended' : 'said nothing more';
        throw new Error(`${program} ${args.join(' ')} ${what}; it has written:\n${written.join('\n')}`);
      }
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return unread.shift() ?? '';
  };
  return {
    pid: child.pid ?? 0,
    next,
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return await next();
    },
    kill: signal => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (!hasEnded(child)) child.kill('SIGKILL');
      await ended;
    },
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
