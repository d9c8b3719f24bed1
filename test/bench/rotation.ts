// All exit signatures of a vault anew, after the oracles were replaced: `operator start` as it is run, with the built-in
// signer, beside the bare primitives. The oracles sign at once; the devnet's strict ones take a third of a second for a validator.
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { check } from './measure.ts';
import {
  childOf,
  judge,
  loadText,
  median,
  ORACLES,
  prepareOperator,
  publicKeysOf,
  timeExitShards,
  usageOf,
} from './operator-bench.ts';
import type { Mark } from './operator-world.ts';

const VALIDATORS = Number(process.env.VALIDATORS || 1_000);
const TARGET_MS = 40_000;
const POST = 'oracle POST /signatures';

/** Prints the figures. */
async function benchRotation(): Promise<void> {
  await using bench = await prepareOperator(VALIDATORS);
  const validators = publicKeysOf(bench.secretKeys).map(publicKey => ({ publicKey }));
  await bench.call('registerDirectly', validators);
  await bench.call('startSlots');
  await using operator = startOperatorProcess(bench.args);
  await operator.printed('Started operator service', 60_000);
  const signer = childOf(operator.pid);
  const before = { operator: usageOf(operator.pid), signer: usageOf(signer) };
  await bench.takeMarks();
  await bench.call('updateOracles', { count: ORACLES.oracles, threshold: ORACLES.threshold, replace: true });
  // One line for each batch, in the order of the indexes.
  const lastLine = new RegExp(`Successfully rotated exit signatures.*"${VALIDATORS - 1}"`);
  await operator.printed(lastLine, 120_000);
  const after = { operator: usageOf(operator.pid), signer: usageOf(signer) };
  const cpuOf = (who: 'operator' | 'signer') => Math.round(after[who].cpuMs - before[who].cpuMs);
  const { batches, wallMs } = readBatches(await bench.takeMarks());
  check(batches.length === Math.ceil(VALIDATORS / 100), `${batches.length} batches`);
  const bare = await timeExitShards(bench, VALIDATORS);
  const medianOf = (name: keyof Batch) => Math.round(median(batches.map(batch => batch[name])));
  console.log(
    `rotation: ${VALIDATORS} validators × ${ORACLES.oracles} oracles, ${batches.length} batches, one transaction each`,
  );
  console.log(
    `  cost     ${(wallMs / 1000).toFixed(1)} s from the first look at what is outdated to the last transaction (${loadText()}): operator ${cpuOf('operator')} ms CPU, its signer ${cpuOf('signer')} ms; ${Math.round(after.operator.peakMb)} MB peak`,
  );
  console.log(
    `  batch    median ${medianOf('made')} ms to the oracles, ${medianOf('approved')} ms to the transaction (of it the oracles' own CPU ${medianOf('oraclesCpu')} ms), one slot and a look for its block`,
  );
  console.log(
    `  bare     ${Math.round(bare.cpuMs)} ms CPU   a signature, a check, a split and 11 encryptions per validator, one thread`,
  );
  console.log(`  ratio    ${((cpuOf('operator') + cpuOf('signer')) / bare.cpuMs).toFixed(2)} (CPU)`);
  judge('all batches', wallMs / 1000, TARGET_MS / 1000, 's');
  console.log('');
}

interface Batch {
  /**
   * Time from the look at what is outdated, or the end of the batch before as far as it can be seen, to the first oracle.
   */
  readonly made: number;
  /** Time from there to the transaction. */
  readonly approved: number;
  readonly oraclesCpu: number;
}

function readBatches(marks: readonly Mark[]): {
  readonly batches: readonly Batch[];
  readonly wallMs: number;
} {
  const posts = marks.findIndex(({ what }) => what === POST);
  const first =
    marks.slice(0, posts).findLast(({ what }) => what === 'oracle GET /signatures')?.atMs ?? Number.NaN;
  const batches: Batch[] = [];
  let from = first;
  let asked: Mark | undefined;
  let last = first;
  for (const mark of marks) {
    // What the operator last asked the node for is the receipt of the batch before.
    if (mark.what === 'eth_getTransactionReceipt' && asked === undefined) from = mark.atMs;
    else if (mark.what === POST) asked ??= mark;
    else if (mark.what === 'eth_sendRawTransaction' && asked !== undefined) {
      batches.push({
        made: asked.atMs - from,
        approved: mark.atMs - asked.atMs,
        oraclesCpu: mark.cpuMs - asked.cpuMs,
      });
      last = mark.atMs;
      asked = undefined;
    }
  }
  return { batches, wallMs: last - first };
}

await benchRotation();
