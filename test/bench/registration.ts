// From a vault's assets in a block to its transaction at the node: `operator start` as it is run, with the built-in signer,
// beside the bare primitives of a registration; with deposit data, and for a vault of version 5 with deposits that the keys sign.
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { signMessage } from '../../src/domain/consensus/bls.ts';
import { compoundingCredentials, DEPOSIT_AMOUNT_GWEI } from '../../src/domain/consensus/deposit.ts';
import { depositSigningRoot, findInvalidDeposits } from '../../src/domain/consensus/deposit-signature.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { check } from './measure.ts';
import {
  judge,
  loadText,
  median,
  type OperatorBench,
  ORACLES,
  prepareOperator,
  timeExitShards,
} from './operator-bench.ts';
import type { Mark } from './operator-world.ts';

const SLOT_MS = 1000;
const ROUNDS = 3;
/** The better end of what the Python operator takes. */
const SIZES = [
  { size: 1, targetMs: 1300 },
  { size: 10, targetMs: 1100 },
  { size: 50, targetMs: 2500 },
];
const SIZES_WITH_DEPOSITS = [{ size: 50, targetMs: 2500 }];
/** Public key and encrypted signature. */
const SHARD_BYTES = 48 + 193;

interface Timeline {
  /** Time from the block with the assets to the operator's next look at the chain. */
  readonly looked: number;
  /** Time from there to the first oracle. */
  readonly asked: number;
  /** Time from there to the transaction. */
  readonly sent: number;
  /** All of it. */
  readonly total: number;
  readonly calls: number;
}

/** What is registered, and how. */
interface Variant {
  /** Whether the keys sign the deposits when they are made, for want of deposit data. */
  readonly isSigning: boolean;
  readonly sizes: readonly { readonly size: number; readonly targetMs: number }[];
}

/** Prints the figures. */
async function benchRegistration({ isSigning, sizes }: Variant): Promise<void> {
  const validators = sizes.reduce((sum, { size }) => sum + size * ROUNDS, 0);
  const world = isSigning ? { vaultVersion: 5, electra: true } : {};
  await using bench = await prepareOperator(validators, world);
  await bench.call('startSlots');
  // As many validators as with deposit data: of 32 ETH each.
  const amounts = isSigning ? ['--max-validator-balance-gwei', '32000000000'] : [];
  await using operator = startOperatorProcess([...bench.args, ...amounts]);
  await operator.printed('Started operator service');
  await sleep(2 * SLOT_MS);
  let registrations = 0;
  for (const { size, targetMs } of sizes) {
    const lines: Timeline[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Blocks come at any moment between two looks of the operator.
      await sleep(SLOT_MS - (performance.now() % SLOT_MS) + (round * SLOT_MS) / ROUNDS);
      await bench.takeMarks();
      await bench.call('depositEther', 32 * size);
      await operator.printed(new RegExp(`(Successfully registered[^]*){${++registrations}}`));
      lines.push(timelineOf(await bench.takeMarks()));
    }
    const calls = median(lines.map(line => line.calls));
    const bare = await timeBare(bench, { size, calls, isSigning });
    const medianOf = (name: keyof Timeline) => Math.round(median(lines.map(line => line[name])));
    const total = medianOf('total');
    const how = isSigning ? ' of type 0x02, their deposits signed by their keys' : '';
    console.log(
      `registration: ${size} validators${how} × ${ORACLES.oracles} oracles, assets in a block to transaction sent`,
    );
    console.log(
      `  cost     median ${total} ms, ${lines.map(line => Math.round(line.total)).join(', ')} (${loadText()}): to the next look at the chain ${medianOf('looked')} ms, to the oracles ${medianOf('asked')} ms, to the transaction ${medianOf('sent')} ms; ${calls} calls of the node`,
    );
    const deposits = isSigning ? 'a deposit signed and checked, ' : '';
    console.log(
      `  bare     ${Math.round(bare)} ms   ${deposits}a signature, a check, a split and 11 encryptions per validator, a body for each oracle at once, ${calls} round trips`,
    );
    console.log(
      `  ratio    ${((medianOf('asked') + medianOf('sent')) / bare).toFixed(2)} (without the wait for the next look)`,
    );
    judge(`from block to transaction, ${size} validators,`, total, targetMs, 'ms');
  }
}

function timelineOf(marks: readonly Mark[]): Timeline {
  const at = (what: string, after = 0) =>
    marks.find(mark => mark.what === what && mark.atMs > after)?.atMs ?? Number.NaN;
  const sent = at('eth_sendRawTransaction');
  const asked = at('oracle POST /');
  // The block with the assets is the first one: its deposit is what made it.
  const block = at('block');
  const looks = marks.filter(
    ({ what, atMs }) => what === 'eth_getBlockByNumber' && atMs > block && atMs < asked,
  );
  const looked = looks[0]?.atMs ?? Number.NaN;
  check(sent > asked && asked > looked, 'the order of what happened');
  const calls = marks.filter(
    ({ what, atMs }) => what.startsWith('eth_') && atMs >= looked && atMs < sent,
  ).length;
  return { looked: looked - block, asked: asked - looked, sent: sent - asked, total: sent - block, calls };
}

interface Bare {
  readonly size: number;
  readonly calls: number;
  readonly isSigning: boolean;
}

/**
 * The least it takes: as many round trips to the node, the primitives, on one thread, and a body of their size for each oracle at
 * once.
 */
async function timeBare(bench: OperatorBench, { size, calls, isSigning }: Bare): Promise<number> {
  const post = async (shards: string) => {
    const body = JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'eth_blockNumber', params: [], shards });
    const headers = { 'content-type': 'application/json' };
    const answer = await request(bench.rpcUrl, { method: 'POST', body, headers });
    await answer.body.dump();
  };
  const began = performance.now();
  for (let call = 0; call < calls; call++) await post('');
  if (isSigning) signDeposits(bench, size);
  await timeExitShards(bench, size);
  const shards = 'ab'.repeat(size * ORACLES.oracles * SHARD_BYTES);
  await Promise.all(Array.from({ length: ORACLES.oracles }, () => post(shards)));
  return performance.now() - began;
}

/** Signs deposits of 32 ETH one by one, and checks them together. */
function signDeposits({ vault, network, entries, secretKeys }: OperatorBench, count: number): void {
  const { genesisForkVersion } = network;
  const withdrawalCredentials = compoundingCredentials(fromHex(vault, 20));
  const deposits = secretKeys.slice(0, count).map((secretKey, i) => {
    const { publicKey = new Uint8Array() } = entries[i] ?? {};
    const message = { publicKey, withdrawalCredentials, amountGwei: DEPOSIT_AMOUNT_GWEI };
    return { ...message, signature: signMessage(secretKey, depositSigningRoot(message, genesisForkVersion)) };
  });
  check(findInvalidDeposits(deposits, genesisForkVersion).length === 0, 'signatures of deposits');
}

await benchRegistration({ isSigning: false, sizes: SIZES });
await benchRegistration({ isSigning: true, sizes: SIZES_WITH_DEPOSITS });
console.log('  Python   1.3 to 1.9 s for 1, 1.1 to 1.6 s for 10\n');
