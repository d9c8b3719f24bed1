import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { COMPILE_CACHE, PROJECT_ROOT } from '../programs/cli.ts';
import type { StandingProgram } from '../programs/standing-program.ts';
import { type RequestPoint, startRequestProxy } from './request-proxy.ts';
import { type StatementPoint, startWireProxy } from './wire-proxy.ts';

interface FilePoint {
  /** Any call of node:fs, or one that can change something. */
  readonly kind: 'file operation' | 'file change';
  readonly number: number;
  readonly when: 'before' | 'after';
}

// A program is ended after each of its statements, requests and file operations, or before each of them, not both: between one
// and the next it changes nothing but its own memory, so what it leaves is the same.

/** Where a process is ended: at a statement on the wire to Postgres, or at a call of node:fs. */
export type KillPoint = ({ readonly kind: 'statement' } & StatementPoint) | FilePoint;

/** Where a launcher is ended: at a request on the wire to one of its HTTP servers, or at a call of node:fs. */
export type LauncherKillPoint = ({ readonly kind: 'request' } & RequestPoint) | FilePoint;

export interface ProcessRun {
  /** What the process was about to do, or had just done, when it was ended; undefined when it came to its own end. */
  readonly killedAt: string | undefined;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  /** Words after `remote-db`; the database is given separately. */
  readonly args: readonly string[];
  readonly databaseUrl: string;
  readonly env?: Readonly<Record<string, string>>;
}

const PRELOADED = join(import.meta.dirname, 'kill-at-file-operation.mjs');

/** Runs a `remote-db` command of the built program as a process of its own, to its end. */
export function runRemoteDb(options: ProcessOptions): Promise<ProcessRun> {
  return finish(start(options));
}

/** Runs a `remote-db` command in a process that stays. */
export async function runRemoteDbIn(
  program: StandingProgram,
  { args, databaseUrl, env }: ProcessOptions,
): Promise<ProcessRun> {
  const run = await program.run(['remote-db', ...args], {
    env: { HOME: '/nonexistent', REMOTE_DB_URL: databaseUrl, ...env },
  });
  return { ...run, killedAt: undefined };
}

/** Runs a `remote-db` command and ends it by SIGKILL at the point; should it never get there, it runs to its end. */
export async function runKilledAt(point: KillPoint, options: ProcessOptions): Promise<ProcessRun> {
  if (point.kind !== 'statement') {
    return withKilledAt(await finish(start({ ...options, env: { ...options.env, ...killingAt(point) } })));
  }
  let child: ChildProcess | undefined;
  await using proxy = await startWireProxy({
    serverUrl: options.databaseUrl,
    point,
    onReached: () => void child?.kill('SIGKILL'),
  });
  const started = start({ ...options, databaseUrl: proxy.url });
  child = started;
  const run = await finish(started);
  return { ...run, killedAt: proxy.reached && `${point.when} ${proxy.reached.replaceAll(/\s+/g, ' ')}` };
}

/**
 * Runs `./operator` and ends it by SIGKILL at the point; should it never get there, it runs to its end.
 * @param options.servers - URLs of all the HTTP servers that it talks to
 * @param options.args - given the URLs to talk to them by
 */
export async function runLauncherKilledAt(
  point: LauncherKillPoint,
  options: {
    readonly servers: readonly string[];
    readonly args: (urls: readonly string[]) => readonly string[];
    readonly env?: (urls: readonly string[]) => Readonly<Record<string, string>>;
  },
): Promise<ProcessRun> {
  const launch = (urls: readonly string[], killing: Readonly<Record<string, string>> = {}) =>
    spawn(join(PROJECT_ROOT, 'operator'), options.args(urls), {
      cwd: PROJECT_ROOT,
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        ...options.env?.(urls),
        ...killing,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  if (point.kind !== 'request') return withKilledAt(await finish(launch(options.servers, killingAt(point))));
  let child: ChildProcess | undefined;
  const onReached = () => void child?.kill('SIGKILL');
  await using proxy = await startRequestProxy({ servers: options.servers, point, onReached });
  const launched = launch(proxy.urls);
  child = launched;
  const run = await finish(launched);
  return { ...run, killedAt: proxy.reached && `${point.when} ${proxy.reached}` };
}

function killingAt({ kind, when, number }: FilePoint): Readonly<Record<string, string>> {
  const which = kind === 'file change' ? 'changing' : 'any';
  return {
    NODE_OPTIONS: `--import=${PRELOADED}`,
    KILL_AT_FILE_OPERATION: `${when}:${which}:${number}`,
  };
}

function withKilledAt(run: ProcessRun): ProcessRun {
  return { ...run, killedAt: /^killed (.*)$/m.exec(run.stderr)?.[1] };
}

function start({ args, databaseUrl, env }: ProcessOptions): ChildProcess {
  return spawn(process.execPath, [join(PROJECT_ROOT, 'bin/run.js'), 'remote-db', ...args], {
    cwd: PROJECT_ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      REMOTE_DB_URL: databaseUrl,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(child: ChildProcess): Promise<ProcessRun> {
  const closed = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve([code, signal]));
  });
  const { stdout: out, stderr: err } = child;
  if (out === null || err === null) throw new Error('no pipes');
  const [stdout, stderr, [exitCode, signal]] = await Promise.all([text(out), text(err), closed]);
  if (signal !== null && signal !== 'SIGKILL') throw new Error(`ended by ${signal}: ${stderr}`);
  return { killedAt: undefined, exitCode, stdout, stderr };
}

/**
 * Tries one point after the other, a few at a time, until the process comes to its own end: every point there is, however
 * many there are. A run may make a statement less than another one (its lease is renewed in time, or not); a point that was
 * not reached, though later ones were, is tried again.
 * @param tryPoint - returns whether the point was reached
 * @returns the number of points
 */
export async function forEveryPoint(
  lanes: number,
  tryPoint: (number: number) => Promise<boolean>,
): Promise<number> {
  let next = 1;
  let isOver = false;
  let count = 0;
  const missed: number[] = [];
  const lane = async () => {
    while (!isOver) {
      const number = next++;
      if (await tryPoint(number)) count = Math.max(count, number);
      else {
        isOver = true;
        missed.push(number);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  for (const number of missed.filter(point => point < count)) {
    if (!(await isReachedInTime(number, tryPoint)))
      throw new Error(`point ${number} of ${count} was left out`);
  }
  return count;
}

/** Whether one of a few runs gets to the point. */
async function isReachedInTime(
  number: number,
  tryPoint: (number: number) => Promise<boolean>,
): Promise<boolean> {
  for (let attempt = 0; attempt < 5; attempt++) if (await tryPoint(number)) return true;
  return false;
}
