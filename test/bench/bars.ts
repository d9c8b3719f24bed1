// npm run bench -- bars: what the bars of create-keys and upload-keypairs say on a terminal is left of 100 keystores by scrypt,
// beside what was left. Two minutes of both cores. KEYSTORES chooses another number.
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { remoteDbArguments, startOperatorScene } from '../support/scenes/operator-scene.ts';
import { type BarSample, barReader, judgeBar } from './bar-samples.ts';
import { createKeysArguments, encryptByScrypt } from './keystore-benches.ts';
import { check } from './measure.ts';
import { prepareBench } from './prepare.ts';

const KEYSTORES = Number(process.env.KEYSTORES || 100);
/** The keys that may be done before the time left has to be right. */
const AFTER = 10;
const SHARE = 0.2;
/** A bar shows whole seconds: in the end a fifth is less than that, so seconds are compared there. */
const LAST_MS = 10_000;
const LAST_OFF_MS = 2_000;

await using context = await prepareBench({ needsDatabase: true });
const dataDir = context.createDirectory();
const created = await watch(
  'operator',
  createKeysArguments(dataDir, KEYSTORES),
  'Exporting validator keystores',
);

await using scene = await startOperatorScene({
  validators: KEYSTORES,
  oracles: 11,
  threshold: 8,
  hasEmbeddedDatabase: false,
});
await encryptByScrypt(scene);
const url = await context.createDatabase();
const key = ['--encrypt-key-file', join(context.createDirectory(), 'encrypt-key')];
await watch('v3-operator', remoteDbArguments(scene, url, ['setup', ...key]));
const upload = ['upload-keypairs', ...key, '--execution-endpoints', scene.devnet.rpcUrl];
const uploaded = await watch('v3-operator', remoteDbArguments(scene, url, upload), 'Encrypting keypairs');
const isRight = [report('create-keys', created), report('upload-keypairs', uploaded)];
if (!isRight.every(Boolean)) process.exitCode = 3;

/** Runs a launcher on a terminal. @returns what a bar has shown, and when */
async function watch(program: string, args: readonly string[], label?: string): Promise<BarSample[]> {
  const terminal = spawn(join(PROJECT_ROOT, program), [...args], {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: dataDir, TERM: 'xterm', LANG: 'C.UTF-8' },
    cols: 200,
    rows: 50,
  });
  let screen = '';
  const samples: BarSample[] = [];
  const read = label === undefined ? undefined : barReader(label);
  terminal.onData(data => {
    screen += data;
    for (const sample of read?.(data, performance.now()) ?? []) samples.push(sample);
  });
  const exitCode = await new Promise<number>(resolve => terminal.onExit(({ exitCode }) => resolve(exitCode)));
  check(exitCode === 0, `${program} ended with ${exitCode}:\n${screen}`);
  return samples;
}

function report(name: string, samples: readonly BarSample[]): boolean {
  const bar = judgeBar(samples, { after: AFTER, lastMs: LAST_MS });
  check(bar.samples.length > 0, `the bar of ${name} was never seen`);
  console.log(`\n${name} of ${KEYSTORES} keystores by scrypt (load average ${loadavg()[0]?.toFixed(2)})`);
  console.log('  keys   said   left   off');
  for (const { done, saidMs, leftMs } of bar.samples) {
    const off = leftMs >= LAST_MS ? percent(saidMs / leftMs - 1) : `${seconds(saidMs - leftMs)} s`;
    console.log(
      `  ${String(done).padStart(4)} ${seconds(saidMs).padStart(6)} ${seconds(leftMs).padStart(6)}  ${off}`,
    );
  }
  console.log(
    `  every tenth of the work took ${bar.paceMs.map(seconds).join(', ')} s: a machine that others use changes its pace`,
  );
  const isShareRight = bar.worstShare <= SHARE;
  const isEndRight = bar.worstLastMs <= LAST_OFF_MS;
  console.log(
    `  target   ${percent(bar.worstShare)} of ${percent(SHARE)} at most while ${LAST_MS / 1000} s or more are left, of ${bar.judged} lines (median ${percent(bar.medianShare)}, ${bar.within} within) ${isShareRight ? 'met' : 'MISSED'}`,
  );
  console.log(
    `  target   ${seconds(bar.worstLastMs)} of ${seconds(LAST_OFF_MS)} s at most in the last ${LAST_MS / 1000} s, shown in whole seconds ${isEndRight ? 'met' : 'MISSED'}`,
  );
  return isShareRight && isEndRight;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
