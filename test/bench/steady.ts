// What the operator costs while nothing happens: `operator start` as it is run with 10,000 keys and a table of the
// network's 2,000,000 validators, in Postgres and in the embedded database; for a vault that registers by deposit data, and for one
// of version 5 with keys of the signer, withdrawals and top-ups. DEPOSITS and KEYS make another size.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedDatabasePath } from '../../src/compose/transaction-store.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { check } from './measure.ts';
import { childOf, judge, loadText, type OperatorBench, prepareOperator, usageOf } from './operator-bench.ts';
import type { WorldOptions } from './operator-world.ts';

const DEPOSITS = Number(process.env.DEPOSITS || 2_000_000);
const KEYS = Number(process.env.KEYS || 10_000);
const SETTLE_MS = 10_000;

/** A vault, and what its operator may cost while nothing happens. */
interface Variant {
  readonly title: string;
  readonly world: Partial<WorldOptions>;
  /** How long is looked on: what is done once in an epoch counts where that is one. */
  readonly watchMs: number;
  /** The largest resident size, with everything read and looked up once. */
  readonly targetMb: number;
  /** Calls of all nodes in an idle round. */
  readonly targetCalls: number;
  /** Gives the vault a validator. */
  readonly addValidator: (bench: OperatorBench) => Promise<void>;
}

const PUBLIC_KEY = new Uint8Array(48).fill(0xaa);
const VARIANTS: readonly Variant[] = [
  {
    title: 'keys',
    world: {},
    watchMs: 12_000,
    targetMb: 150,
    targetCalls: 3,
    // So that the oracles are asked what is outdated.
    addValidator: async bench => void (await bench.call('registerDirectly', [{ publicKey: PUBLIC_KEY }])),
  },
  {
    title: 'keys of the signer, vault of version 5',
    world: { vaultVersion: 5, electra: true },
    watchMs: 33_000,
    targetMb: 160,
    targetCalls: 4,
    // So that it is looked whether holders wait for what has to be withdrawn.
    async addValidator(bench) {
      await bench.call('depositEther', 32);
      await bench.call('registerCompounding', [{ publicKey: PUBLIC_KEY, amountGwei: 32_000_000_000n }]);
    },
  },
];

/** Prints the figures. */
async function benchSteady(variant: Variant): Promise<void> {
  await using bench = await prepareOperator(KEYS, variant.world);
  await variant.addValidator(bench);
  await bench.call('startSlots');
  await using postgres = await startPostgresServer();
  console.log(
    `steady: ${KEYS} ${variant.title}, ${DEPOSITS} validators of the network, nothing to do, one-second slots`,
  );
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
  for (const { name, args } of databases) await watch(bench, variant, { name, args });
}

async function watch(
  bench: OperatorBench,
  { watchMs, targetMb, targetCalls }: Variant,
  { name, args }: { readonly name: string; readonly args: readonly string[] },
): Promise<void> {
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
  await sleep(watchMs);
  const after = usageOf(operator.pid);
  const marks = await bench.takeMarks();
  const blocks = marks.filter(({ what }) => what === 'block').length;
  const countOf = (pattern: RegExp) => marks.filter(({ what }) => pattern.test(what)).length / blocks;
  const calls = countOf(/^(eth|net|web3)_/);
  const beaconCalls = countOf(/^beacon /);
  const cpuMs = (after.cpuMs - before.cpuMs) / blocks;
  const { residentMb } = after;
  const signerMb = usageOf(childOf(operator.pid)).residentMb;
  console.log(
    `  ${name.padEnd(8)} ${Math.round(residentMb)} MB resident, ${Math.round(after.peakMb)} MB peak; the signer's process ${Math.round(signerMb)} MB; started in ${(startedMs / 1000).toFixed(1)} s (${loadText()})`,
  );
  console.log(
    `  round    ${calls.toFixed(2)} calls of the node, ${beaconCalls.toFixed(2)} of the beacon node, ${cpuMs.toFixed(0)} ms CPU, over ${blocks} slots`,
  );
  judge('resident', residentMb, targetMb, 'MB');
  judge('calls of nodes in an idle round', calls + beaconCalls, targetCalls, 'calls');
}

async function fill(url: string, networkFile: string): Promise<void> {
  const script = join(import.meta.dirname, 'fill-validators.ts');
  const child = spawn(process.execPath, [script, url, networkFile, String(DEPOSITS)], { stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  check(status === 0, 'the table is filled');
}

for (const variant of VARIANTS) await benchSteady(variant);
console.log('  Python   123 MB with ten keys, 14 calls per round\n');
