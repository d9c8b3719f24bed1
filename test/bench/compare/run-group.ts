import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface GroupRun {
  readonly exitCode: number | null;
  /** What it and all that it started have written to stdout, and beside it. */
  readonly stdout: string;
  readonly stderr: string;
}

/** How long processes that were told to end may take. */
const GRACE_MS = 10_000;

/**
 * Runs a program as the head of a process group of its own, so that all that it starts ends with it.
 * @param options.signal - tells the whole group to end; its end is waited for
 * @throws the signal's reason
 */
export async function runGroup(
  [command = '', ...args]: readonly string[],
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): Promise<GroupRun> {
  signal.throwIfAborted();
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const tell = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // All of it has ended.
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    tell('SIGINT');
    timer = setTimeout(() => tell('SIGKILL'), GRACE_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    signal.throwIfAborted();
    return { exitCode, stdout, stderr };
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}
