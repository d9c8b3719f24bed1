import { spawn as spawnProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { PATIENCE_MS } from '../wait-until.ts';
import { checkJsonResult } from './json-results.ts';

export const PROJECT_ROOT = join(import.meta.dirname, '../../..');
/** What the tests run where they do not say: the launcher of the clone, or a program that was built of it. */
export const PROGRAM = resolve(PROJECT_ROOT, process.env.OPERATOR_PROGRAM ?? 'operator');
/** Thousands of processes run the same program: compiled once, each starts in two thirds of the time. */
export const COMPILE_CACHE = join(PROJECT_ROOT, 'node_modules/.cache/stakewise-operator');

export interface CliRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

export interface CliOptions {
  /** Launcher at the root of the clone. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Width of the terminal, in letters. */
  readonly columns?: number;
}

/** Environment of a fresh login: nothing of the developer's own settings reaches the program. */
function environment(options: CliOptions): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: tmpdir(),
    TERM: 'xterm',
    LANG: 'C.UTF-8',
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...options.env,
  };
}

/** Path of a launcher at the root of the clone. */
function launcher(program = PROGRAM): string {
  return resolve(PROJECT_ROOT, program);
}

/** Runs a launcher without a terminal, as a script or a container does. What it prints with `--json` is checked by its schema. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const child = spawnProcess(launcher(options.program), args, {
    cwd: options.cwd ?? PROJECT_ROOT,
    env: environment(options),
    stdio: 'pipe',
  });
  child.stdin.end(options.stdin ?? '');
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  checkJsonResult(args, { stdout, exitCode });
  return { stdout, stderr, exitCode };
}

/** One step of a dialogue: when the text has appeared after the last step, the keys are typed. */
export interface DialogueStep {
  readonly on: string | RegExp;
  readonly type: string | ((screen: string) => string);
}

/**
 * Runs a launcher on a terminal and answers its questions.
 * @returns all that the terminal showed, with plain line ends; steps that never came up are an error
 */
export async function runOnTerminal(
  args: readonly string[],
  dialogue: readonly DialogueStep[],
  options: CliOptions = {},
): Promise<{ screen: string; exitCode: number }> {
  const terminal = spawnTerminal(launcher(options.program), [...args], {
    cwd: options.cwd ?? PROJECT_ROOT,
    env: environment(options),
    cols: options.columns ?? 400,
    rows: 50,
  });
  let screen = '';
  let answeredUpTo = 0;
  const pending = [...dialogue];
  terminal.onData(data => {
    screen += data;
    const [step] = pending;
    const at = step && indexAfter(screen, step.on, answeredUpTo);
    if (!step || at === undefined) return;
    pending.shift();
    answeredUpTo = at;
    terminal.write(typeof step.type === 'string' ? step.type : step.type(screen));
  });
  // A question that no step expects would be waited at for ever.
  const impatience = setTimeout(() => terminal.kill('SIGKILL'), 2 * PATIENCE_MS);
  const exitCode = await new Promise<number>(resolve =>
    // As shells tell it of what a signal has ended.
    terminal.onExit(({ exitCode, signal }) => resolve(signal ? 128 + signal : exitCode)),
  );
  clearTimeout(impatience);
  if (pending[0])
    throw new Error(`the terminal never showed ${String(pending[0].on)}; it showed:\n${screen}`);
  return { screen: screen.replaceAll('\r\n', '\n'), exitCode };
}

function indexAfter(screen: string, wanted: string | RegExp, from: number): number | undefined {
  if (typeof wanted === 'string') {
    const at = screen.indexOf(wanted, from);
    return at === -1 ? undefined : at + wanted.length;
  }
  const match = wanted.exec(screen.slice(from));
  return match === null ? undefined : from + match.index + match[0].length;
}

/** The screen without colours and cursor movements. */
export function withoutEscapes(screen: string): string {
  return stripVTControlCharacters(screen);
}

/** A directory under the system's own, removed at the end of the block. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'stakewise-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
