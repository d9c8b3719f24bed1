// What the operator costs while nothing happens: `operator start` as it is run with 10,000 keys and a table of the
// network's 2,000,000 validators, in Postgres and in the embedded database. DEPOSITS and KEYS make another size.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedDatabasePath } from '../../src/compose/transaction-store.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { check } from './measure.ts';
import { childOf, judge, loadText, type OperatorBench, prepareOperator, usageOf } from './operator-bench.ts';

const DEPOSITS = Number(process.env.DEPOSITS || 2_000_000);
const KEYS = Number(process.env.KEYS || 10_000);
const SETTLE_MS = 10_000;
const WATCH_MS = 12_000;
/** The largest resident size, with everything read and looked up once; then calls and CPU are those of idle rounds. */
const TARGET_MB = 150;
const TARGET_CALLS = 3;

/** Prints the figures. */
async function benchSteady(): Promise<void> {
  await using bench = await prepareOperator(KEYS);
  // A validator of its own, so that the oracles are asked what is outdated.
  await bench.call('registerDirectly', [{ publicKey: new Uint8Array(48).fill(0xaa) }]);
  await bench.call('startSlots');
  await using postgres = await startPostgresServer();
  console.log(`steady: ${KEYS} keys, ${DEPOSITS} validators of the network, nothing to do, one-second slots`);
  const databaseDir = join(bench.folder, 'db');
  const databases = [
    { name: 'Postgres', url: postgres.url, args: ['--db-url', postgres.url] },
    {
      name: 'embedded',
      url: `pglite:${embeddedDatabasePath(databaseDir, bench.vault)}`,
      args: ['--database-dir', databaseDir],
    },
  ];
  await Promise.all(databases.map(({ url }) => fill(url, bench.networkFile)));
  for (const { name, args } of databases) await watch(bench, name, args);
  console.log('  Python   123 MB with ten keys, 14 calls per round\n');
}

async function watch(bench: OperatorBench, name: string, args: readonly string[]): Promise<void> {
  const beganAt = performance.now();
  // Said, since a start warns of the ceiling that a network has by default.
  const ceiling = ['--max-fee-per-gas-gwei', '100'];
  await using operator = startOperatorProcess([...bench.args, ...args, ...ceiling]);
  await operator.printed('Started operator service', 120_000);
  const startedMs = performance.now() - beganAt;
  await sleep(SETTLE_MS);
  const complaints = operator.output
    .split('\n')
    .filter(line => /WARN|ERROR/.test(line) && !line.includes('Only one execution endpoint is given'));
  check(complaints.length === 0, `a quiet start: ${complaints.join('\n')}`);
  const before = usageOf(operator.pid);
  await bench.takeMarks();
  await sleep(WATCH_MS);
  const after = usageOf(operator.pid);
  const marks = await bench.takeMarks();
  const blocks = marks.filter(({ what }) => what === 'block').length;
  const calls = marks.filter(({ what }) => /^(eth|net|web3)_/.test(what)).length / blocks;
  const cpuMs = (after.cpuMs - before.cpuMs) / blocks;
  const { residentMb } = after;
  const signerMb = usageOf(childOf(operator.pid)).residentMb;
  console.log(
    `  ${name.padEnd(8)} ${Math.round(residentMb)} MB resident, ${Math.round(after.peakMb)} MB peak; the signer's process ${Math.round(signerMb)} MB; started in ${(startedMs / 1000).toFixed(1)} s (${loadText()})`,
  );
  console.log(
    `  round    ${calls.toFixed(2)} calls of the node, ${cpuMs.toFixed(0)} ms CPU, over ${blocks} slots`,
  );
  judge('resident', residentMb, TARGET_MB, 'MB');
  judge('calls of the node in an idle round', calls, TARGET_CALLS, 'calls');
}

async function fill(url: string, networkFile: string): Promise<void> {
  const script = join(import.meta.dirname, 'fill-validators.ts');
  const child = spawn(process.execPath, [script, url, networkFile, String(DEPOSITS)], { stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  check(status === 0, 'the table is filled');
}

await benchSteady();
