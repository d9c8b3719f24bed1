import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, OperatorError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { nodeCommand } from '../lib/node-command.ts';
import { startedFile } from '../lib/package-root.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import type { SignerSettings } from '../settings/signer-settings.ts';
import { followProgress } from './relayed-progress.ts';
import {
  errorOfReport,
  ORDERS_FD,
  type ReportedProgress,
  type SignerOrders,
  type SignerReport,
} from './signer-orders.ts';

export type SpawnSettings = Omit<
  SignerSettings,
  'listen' | 'tls' | 'clientNames' | 'hosts' | 'allowUnauthenticated'
>;

export interface SpawnedSigner extends AsyncDisposable {
  /** Path of the socket where the signer speaks Web3Signer's API; the same after a restart. */
  readonly socketPath: string;
  /** Keys that it had when it was ready first. */
  readonly keyCount: number;
  /** Checksummed address of its hot wallet, when it was given one. */
  readonly walletAddress: string | undefined;
}

export interface SpawnOptions {
  /** `INFO` has a line for every signature; they go to stderr. Default: `WARNING`. */
  readonly logLevel?: SignerOrders['logLevel'] | undefined;
  readonly logFormat?: SignerOrders['logFormat'] | undefined;
  /** Interrupts the first start. Later the signer ends with its disposal: steps that are under way may still need it. */
  readonly signal?: AbortSignal | undefined;
  /** Is told what is wrong as soon as the signer has ended, and undefined when it is back. */
  readonly onTrouble?: ((trouble: string | undefined) => void) | undefined;
  /** Variables for its environment, beside the few that are handed on. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Is told how far the first start has come. */
  readonly progress?: ProgressReporter | undefined;
}

/** All that the child is given of the environment: passwords and tokens stand in the rest. */
const PASSED_VARIABLES = [
  'PATH',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];
const CHILD_FILE = startedFile('compose/signer-child');
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A child that lived so long had no trouble starting. */
const STABLE_MS = 60_000;
const STOP_TIMEOUT_MS = 8_000;

/**
 * Starts the built-in signer as a process of its own on a private socket and waits until it listens. It holds the keys;
 * this process never sees one. It is started again, with growing pauses, when it dies, and ends with this process
 * whatever ends that. No core dump, inspector or report can write its memory out.
 * @throws OperatorError that the signer met at its first start
 */
export async function spawnSigner(
  deps: { readonly log: Pick<Logger, 'warn' | 'error'> },
  settings: SpawnSettings,
  options: SpawnOptions = {},
): Promise<SpawnedSigner> {
  // Made by the child, which removes it at its end, also when this process is gone by then.
  const directory = join(tmpdir(), `stakewise-signer-${randomBytes(12).toString('hex')}`);
  const socketPath = join(directory, 'signer.sock');
  const orders: SignerOrders = {
    settings: { ...settings, listen: { kind: 'socket', path: socketPath } },
    logLevel: options.logLevel ?? 'WARNING',
    logFormat: options.logFormat,
  };
  const stop = new AbortController();
  const starting = options.signal ? AbortSignal.any([stop.signal, options.signal]) : stop.signal;
  try {
    const { variables, progress, onTrouble } = options;
    const onProgress = progress === undefined ? () => undefined : followProgress(progress);
    const first = await startChild(orders, { variables, onProgress }, starting);
    // Later ones happen beside what else is shown.
    const start = (signal: AbortSignal) =>
      startChild(orders, { variables, onProgress: () => undefined }, signal);
    const supervision = supervise({ ...deps, onTrouble }, first, start, stop.signal);
    return {
      socketPath,
      keyCount: first.ready.keys,
      walletAddress: first.ready.wallet,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await supervision;
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

interface ReadyChild {
  readonly process: ChildProcess;
  readonly exit: Promise<string>;
  readonly ready: ReadyReport;
}

type ReadyReport = Extract<SignerReport, { readonly ready: unknown }>['ready'];

/** Ends when it is told to stop and the child is gone. */
async function supervise(
  {
    log,
    onTrouble = () => undefined,
  }: { readonly log: Pick<Logger, 'warn' | 'error'> } & Pick<SpawnOptions, 'onTrouble'>,
  first: ReadyChild,
  start: (stopped: AbortSignal) => Promise<ReadyChild>,
  stopped: AbortSignal,
): Promise<void> {
  let backoffMs = MIN_BACKOFF_MS;
  let child: ReadyChild | undefined = first;
  while (child !== undefined || !stopped.aborted) {
    if (child !== undefined) {
      const startedAt = performance.now();
      const how = await endOf(child, stopped);
      if (stopped.aborted) return;
      if (performance.now() - startedAt > STABLE_MS) backoffMs = MIN_BACKOFF_MS;
      onTrouble(`it ended (${how}) and is started again`);
      log.error({ how, restartInMs: backoffMs }, 'the signer ended unexpectedly');
    }
    await sleep(backoffMs, undefined, { signal: stopped }).catch(() => undefined);
    backoffMs = Math.min(MAX_BACKOFF_MS, 2 * backoffMs);
    if (stopped.aborted) return;
    child = await start(stopped).catch((error: unknown) => {
      if (stopped.aborted) return undefined;
      const reason = messageOf(error);
      const hint = error instanceof OperatorError ? error.hint : undefined;
      onTrouble(`it does not start: ${reason}`);
      log.error({ reason, hint, restartInMs: backoffMs }, 'the signer does not start');
      return undefined;
    });
    if (child === undefined) continue;
    onTrouble(undefined);
    log.warn({ keys: child.ready.keys }, 'the signer is back');
  }
}

/** Waits for the child's end; told to stop, asks it to end and, if it does not, makes it. */
async function endOf(child: ReadyChild, stopped: AbortSignal): Promise<string> {
  const asked = Promise.withResolvers<'stop'>();
  const ask = () => asked.resolve('stop');
  stopped.addEventListener('abort', ask, { once: true });
  if (stopped.aborted) ask();
  const outcome = await Promise.race([child.exit, asked.promise]);
  stopped.removeEventListener('abort', ask);
  return outcome === 'stop' ? endChild(child.process, child.exit) : outcome;
}

async function endChild(child: ChildProcess, exit: Promise<string>): Promise<string> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  const how = await exit;
  clearTimeout(timer);
  return how;
}

interface ChildStart {
  readonly variables: SpawnOptions['variables'];
  readonly onProgress: (report: ReportedProgress) => void;
}

async function startChild(
  orders: SignerOrders,
  { variables, onProgress }: ChildStart,
  stopped: AbortSignal,
): Promise<ReadyChild> {
  stopped.throwIfAborted();
  const child = launch(variables);
  const exit = exitOf(child);
  try {
    const ready = await exchange(child, orders, { exit, onProgress }, stopped);
    return { process: child, exit, ready };
  } catch (error) {
    await endChild(child, exit);
    throw error;
  }
}

/**
 * The shell sets the limit, which Node cannot, and becomes the signer. Where the kernel pipes core dumps to a program it
 * does not look at the limit: there the filter leaves all memory out.
 */
function launch(variables: SpawnOptions['variables']): ChildProcess {
  const environment = Object.fromEntries(
    PASSED_VARIABLES.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const command = 'ulimit -c 0 && { echo 0 > /proc/self/coredump_filter; } 2> /dev/null; exec "$0" "$@"';
  return spawn('/bin/sh', ['-c', command, ...nodeCommand([], [CHILD_FILE])], {
    env: { ...environment, ...variables },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
}

async function exitOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = await once(child, 'exit');
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  } catch (error) {
    return messageOf(error);
  }
}

type FinalReport = Exclude<SignerReport, { readonly progress: unknown }>;

/** Never settles when the pipe fails or ends: that is the child's end, which tells more. */
function finalReport(
  lines: Interface,
  onProgress: ChildStart['onProgress'],
  stopped: AbortSignal,
): Promise<FinalReport> {
  const { promise, resolve, reject } = Promise.withResolvers<FinalReport>();
  lines.on('line', line => {
    const report = JSON.parse(line) as SignerReport;
    if ('progress' in report) onProgress(report.progress);
    else resolve(report);
  });
  stopped.addEventListener('abort', () => reject(stopped.reason), { once: true });
  return promise;
}

/** Gives the orders and waits for the report. */
async function exchange(
  child: ChildProcess,
  orders: SignerOrders,
  { exit, onProgress }: Pick<ReadyChild, 'exit'> & Pick<ChildStart, 'onProgress'>,
  stopped: AbortSignal,
): Promise<ReadyReport> {
  const pipe = child.stdio[ORDERS_FD] as Socket;
  // Kept open: the child ends when it closes. Its errors are seen as the child's end.
  pipe.on('error', () => undefined);
  pipe.write(`${JSON.stringify(orders)}\n`);
  const lines = createInterface({ input: pipe });
  lines.on('error', () => undefined);
  const report = await Promise.race([
    finalReport(lines, onProgress, stopped),
    exit.then(async how => {
      // The report may have come with the end.
      await sleep(50);
      throw new OperatorError('signer-crashed', `The signer ended before it was ready (${how}).`);
    }),
  ]);
  pipe.unref();
  if ('ready' in report) return report.ready;
  throw errorOfReport(report.error);
}
