import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRequestProxy } from '../faults/request-proxy.ts';
import { waitUntil } from '../wait-until.ts';
import { PROJECT_ROOT } from './cli.ts';

/** The built program, running, as npm's link starts it: no launcher has prepared anything for it. */
export interface BareProcess extends AsyncDisposable {
  readonly pid: number;
  /** All that it has written, stdout and stderr as they came. */
  readonly output: string;
  readonly isAlive: boolean;
  /** Exit code; the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until it has written this. */
  printed(text: string | RegExp): Promise<void>;
}

/** Starts it in the directory with core dumps allowed. */
export function startBareProcess(
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): BareProcess {
  const command = 'ulimit -c unlimited; exec "$0" "$@"';
  const program = [process.execPath, join(PROJECT_ROOT, 'bin/run.js'), ...args];
  const child = spawn('/bin/sh', ['-c', command, ...program], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(() => child.exitCode ?? child.signalCode);
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    get isAlive() {
      return isAlive(child);
    },
    ended,
    kill: signal => void child.kill(signal),
    async printed(text) {
      const isPrinted = () => {
        if (typeof text === 'string' ? output.includes(text) : text.test(output)) return true;
        if (!isAlive(child)) throw new Error(`it ended before it printed ${text}:\n${output}`);
        return false;
      };
      await waitUntil(`it to print ${text}`, isPrinted, { lastSeen: () => output });
    },
    async [Symbol.asyncDispose]() {
      if (isAlive(child)) child.kill('SIGKILL');
      await ended;
    },
  };
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Servers whose clients are held at one request until they are let go. */
export interface HoldingServers extends AsyncDisposable {
  /** The URLs to give in place of the servers', in their order. */
  readonly urls: readonly string[];
  /** Waits until a client is held. */
  held(): Promise<void>;
  letGo(): void;
}

/** @param holds - whether a client is held at a request of this line and body */
export async function startHoldingServers(
  servers: readonly string[],
  holds: (request: string) => boolean,
): Promise<HoldingServers> {
  const gate = Promise.withResolvers<true>();
  let isHeld = false;
  const seen: string[] = [];
  const proxy = await startRequestProxy({
    servers,
    hold: async ({ method, path, body, isAnswered }) => {
      const line = `${method} ${path} ${body.slice(0, 200)}`;
      seen.push(line);
      if (isAnswered || !holds(line)) return true;
      isHeld = true;
      return gate.promise;
    },
  });
  return {
    urls: proxy.urls,
    async held() {
      await waitUntil('a client to be held', () => isHeld, { lastSeen: () => seen.join('\n') });
    },
    letGo: () => gate.resolve(true),
    [Symbol.asyncDispose]: async () => {
      gate.resolve(true);
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** Processes that a process has started, and that run. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}
