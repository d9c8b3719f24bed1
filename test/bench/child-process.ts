import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Cost } from './measure.ts';
import type { StepName, StepOptions } from './steps.ts';

const ROOT = join(import.meta.dirname, '../..');
const REPORTER = join(import.meta.dirname, 'report-usage.mjs');

export interface StepResult {
  readonly cost: Cost;
  /** Further figures of the step, by name. */
  readonly figures?: Readonly<Record<string, number | string>>;
}

/**
 * Runs a step of `steps.ts` in a process of its own.
 * @param env - variables for it
 */
export async function runStep(
  name: StepName,
  options: StepOptions = {},
  env: Readonly<Record<string, string>> = {},
): Promise<StepResult> {
  const args = [join(import.meta.dirname, 'steps.ts'), name, JSON.stringify(options)];
  return JSON.parse(await run(process.execPath, args, env));
}

/**
 * Runs a whole program, start-up included.
 * @param exitCode - what it has to end with
 * @returns its cost and what it wrote to stdout
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  exitCode = 0,
): Promise<{ cost: Cost; stdout: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  try {
    const usageFile = join(folder, 'usage.json');
    const began = performance.now();
    const env = { NODE_OPTIONS: `--import=${REPORTER}`, BENCH_USAGE_FILE: usageFile };
    const stdout = await run(command, args, env, exitCode);
    const wallMs = performance.now() - began;
    return { cost: { wallMs, ...JSON.parse(readFileSync(usageFile, 'utf8')) }, stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Wall time of a whole program without anything loaded into it: the median of several runs. */
export async function timeProgram(
  command: string,
  args: readonly string[],
  runs: number,
): Promise<{ wallMs: number; stdout: string }> {
  const times: number[] = [];
  let stdout = '';
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    stdout = await run(command, args, {});
    times.push(performance.now() - began);
  }
  return { wallMs: times.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? Number.NaN, stdout };
}

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  exitCode = 0,
): Promise<string> {
  const child = spawn(command, args, {
    cwd: ROOT,
    // The settings of the caller's own vaults stay out.
    env: { PATH: process.env.PATH, HOME: tmpdir(), LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<number | null>((resolve, reject) =>
    child.once('close', resolve).once('error', reject),
  );
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (status !== exitCode)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}
