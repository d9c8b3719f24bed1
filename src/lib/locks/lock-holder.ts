import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who holds a lock, as its file says. */
export interface LockHolder {
  readonly pid: number;
  /** Name of the machine or container. */
  readonly host: string | undefined;
  /** Names the running kernel: containers of one machine share it. */
  readonly kernel: string | undefined;
  /** Device and inode of the file that the kernel holds locked for it; undefined where the file system has no locks. */
  readonly lockedFile: string | undefined;
  /** Whether it counts while it lives. Earlier releases did not. */
  readonly isCounting: boolean;
  /** The process and the moment of its start, for those that see the same processes. */
  readonly identity: string;
}

const UNKNOWN_START = '-';

/**
 * Everything of this process' entry but the counter, which follows it.
 * The first line is that of earlier releases, so that they respect the lock.
 */
export function formatHolder(lockedFile: string | undefined): string {
  const token = randomBytes(8).toString('hex');
  const facts = { host: hostname(), kernel: runningKernel(), lockedFile };
  return `${identityOf(process.pid)} ${token}\n${JSON.stringify(facts)}\n`;
}

/** The counter of an entry, always of the same length, so that it is replaced in place. */
export function formatCount(count: number): string {
  return `${String(count).padStart(12, '0')}\n`;
}

/** Reads a lock file; whatever it may hold, nothing but what has the right form comes out. */
export function parseHolder(text: string): LockHolder | undefined {
  const match = /^((\d{1,10}) (\d{1,20}|-)) [0-9a-z]{1,32}\n(?:(\{.*\})\n\d+\n)?/.exec(text);
  if (match === null) return undefined;
  const [, identity = '', pid, , facts] = match;
  return {
    pid: Number(pid),
    host: textOf(facts, 'host'),
    kernel: textOf(facts, 'kernel'),
    lockedFile: textOf(facts, 'lockedFile'),
    isCounting: facts !== undefined,
    identity,
  };
}

/** Names a running kernel for good: containers of one machine share it, another machine and another start have another one. */
export function runningKernel(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Whether the process is seen from here, and is the same one. */
export function isRunningHere({ pid, identity }: LockHolder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  return identityOf(pid) === identity;
}

// Pids are given anew, in a container soon; with its start time (clock ticks since boot) a process is named for good.
function identityOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid} ${UNKNOWN_START}`;
  }
}

function textOf(json: string | undefined, member: string): string | undefined {
  try {
    const value: unknown = json === undefined ? undefined : JSON.parse(json)[member];
    return typeof value === 'string' && /^[\w.:-]{1,100}$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
