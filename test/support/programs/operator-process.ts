import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { PATIENCE_MS, waitUntil } from '../wait-until.ts';
import { PROGRAM, PROJECT_ROOT } from './cli.ts';

/** A launcher of `start`, running. */
export interface OperatorProcess extends AsyncDisposable {
  readonly pid: number;
  /** All that it has written, stdout and stderr as they came. */
  readonly output: string;
  /** What it has written to stdout. */
  readonly stdout: string;
  /** Waits until it has written this. @throws with the output when it ends before, or takes too long */
  printed(text: string | RegExp, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly exitCode: number | null; readonly afterMs: number }>;
  /** Exit code; null after a signal. */
  readonly ended: Promise<number | null>;
}

export interface OperatorProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
  /** What stands before the options: the command. */
  readonly words?: readonly string[];
}

/** Starts `operator start` as a user would; nothing of this process's environment reaches it. */
export function startOperatorProcess(
  args: readonly string[],
  { env = {}, program = PROGRAM, words = ['start'] }: OperatorProcessOptions = {},
): OperatorProcess {
  const child = spawn(resolve(PROJECT_ROOT, program), [...words, ...args], {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (text: string) => {
    stdout += text;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(() => child.exitCode);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const beganAt = performance.now();
    child.kill(signal);
    return { exitCode: await ended, afterMs: performance.now() - beganAt };
  };
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    get stdout() {
      return stdout;
    },
    ended,
    stop,
    kill: signal => void child.kill(signal),
    printed: (text, timeoutMs = PATIENCE_MS) => printed(child, () => output, text, timeoutMs),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await stop('SIGKILL');
    },
  };
}

async function printed(
  child: ChildProcess,
  output: () => string,
  text: string | RegExp,
  timeoutMs: number,
): Promise<void> {
  const isThere = () => (typeof text === 'string' ? output().includes(text) : text.test(output()));
  const look = () => {
    if (isThere()) return true;
    if (child.exitCode === null && child.signalCode === null) return false;
    throw new Error(
      `ended with ${child.exitCode ?? child.signalCode} before it printed ${text}:\n${output()}`,
    );
  };
  await waitUntil(`"start" to print ${text}`, look, { timeoutMs, lastSeen: output });
}
