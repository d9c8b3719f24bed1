import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../measure.ts';

const ROOT = join(import.meta.dirname, '../../..');
const REPORTER = join(import.meta.dirname, '../report-usage.mjs');

/** Far more than any of them takes. */
const LONGEST_MS = 30 * 60_000;

interface MeasuredProgramOptions {
  /** What the printed line begins with. */
  readonly title: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly exitCode?: number;
  /** What is done once the program has printed the line; the program is told to stop after it. */
  readonly meanwhile?: { readonly line: string; run(): Promise<void> };
}

/**
 * Runs a launcher as its user does, prints what it took, and returns what it printed.
 * @throws Error with the end of its output when it ends with another exit code
 */
export async function runMeasured(options: MeasuredProgramOptions): Promise<string> {
  const { title, args, env, meanwhile, exitCode: expected = 0 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-scale-'));
  const usageFile = join(folder, 'usage.json');
  const began = performance.now();
  const child = spawn(join(ROOT, 'operator'), args, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: tmpdir(),
      LANG: 'C.UTF-8',
      NODE_OPTIONS: `--import=${REPORTER}`,
      BENCH_USAGE_FILE: usageFile,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let waited: Promise<void> | undefined;
  const lookForLine = () => {
    if (meanwhile === undefined || waited !== undefined) return;
    if (!stdout.includes(meanwhile.line) && !stderr.includes(meanwhile.line)) return;
    waited = meanwhile.run().finally(() => child.kill('SIGTERM'));
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    lookForLine();
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    lookForLine();
  });
  const end = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.once('close', resolve).once('error', reject),
  );
  clearTimeout(end);
  await waited;
  const wallMs = performance.now() - began;
  check(
    exitCode === expected && (meanwhile === undefined || waited !== undefined),
    `${title} ended with ${exitCode}: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`,
  );
  const { cpuMs, peakMb } = JSON.parse(readFileSync(usageFile, 'utf8'));
  rmSync(folder, { recursive: true });
  const figures = [
    `${(cpuMs / 1000).toFixed(2)} s CPU`.padStart(14),
    `${(wallMs / 1000).toFixed(1)} s wall`.padStart(13),
    `${Math.round(peakMb)} MB peak`.padStart(13),
    `load ${loadavg()[0]?.toFixed(1)}`.padStart(10),
  ];
  console.log(`  ${title.padEnd(32)}${figures.join('')}`);
  return stdout;
}
