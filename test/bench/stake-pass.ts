// A pass of withdrawals and one of top-ups over the validators of a vault of version 5: all of them and what waits on the beacon
// chain is read of one head, and what is asked for is planned; beside the bare parsing of the same answers. VALIDATORS makes another size.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { request } from 'undici';
import { connectBeaconNode } from '../../src/clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../src/clients/beacon/beacon-snapshot.ts';
import type { ChainSnapshot } from '../../src/clients/execution/chain-snapshot.ts';
import { connectExecutionNode, type ExecutionNode } from '../../src/clients/execution/execution-node.ts';
import type { OracleConfig } from '../../src/domain/protocol/oracle-config.ts';
import type { Hex } from '../../src/lib/bytes.ts';
import type { Network } from '../../src/networks/network.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { VaultValidators } from '../../src/services/local-keys/vault-validators.ts';
import {
  type PlannedStaking,
  VaultStakingPlanner,
} from '../../src/services/staking/funding/plan-vault-staking.ts';
import { ValidatorWithdrawals } from '../../src/services/staking/withdrawals/withdraw-from-validators.ts';
import type { TransactionIntent } from '../../src/transactions/transaction.ts';
import { BEACON_CHAIN } from '../devnet/network-file.ts';
import { type Cost, check, measure } from './measure.ts';
import { judge, loadText } from './operator-bench.ts';
import {
  HEAD_BLOCK,
  HEAD_SLOT,
  hashOf,
  MISSING_ETHER,
  SLOTS_PER_EPOCH,
  STAKE_VAULT,
  STAKE_WALLET,
  stakeGwei,
  stakeKey,
} from './stake-inputs.ts';

const VALIDATORS = Number(process.env.VALIDATORS || 10_000);
const PASSES = 5;
const TARGET_CPU_MS = 1_000;
/** What no partial withdrawal goes below. */
const LEFT_GWEI = 32_000_000_000n;
/** What validators are filled up to, and what a top-up is at least. */
const MOST_GWEI = 300_000_000_000n;
const LEAST_TOP_UP_GWEI = 10_000_000_000n;
/** What has room in a transaction. */
const BATCH = 100;
const ENTRY_BYTES = 56;

/** Prints the figures. */
async function benchStakePass(): Promise<void> {
  await using server = await startServer();
  const chain = await connect(server.url);
  console.log(
    `stake-pass: a pass over ${VALIDATORS} validators of type 0x02, planned by all that waits on the beacon chain`,
  );
  const { withdraw, sent } = prepareWithdrawals(chain);
  await benchPass(server.url, {
    name: `withdrawals of ${MISSING_ETHER} ETH that the exit queue lacks`,
    run: withdraw,
    queues: ['pending_partial_withdrawals', 'pending_consolidations'],
  });
  checkWithdrawals(sent);
  const { plan, plans } = prepareFunding(chain);
  await benchPass(server.url, {
    name: `top-ups with ${MISSING_ETHER} ETH`,
    run: plan,
    queues: ['pending_partial_withdrawals', 'pending_consolidations', 'pending_deposits'],
  });
  checkTopUps(plans);
  console.log(
    `  verified ${BATCH} withdrawals in each call, of the fullest validators, nothing below 32 ETH; top-ups of the fullest with room, to the gwei\n`,
  );
}

interface Pass {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** What it reads of the beacon chain beside the validators. */
  readonly queues: readonly string[];
}

async function benchPass(url: string, { name, run, queues }: Pass): Promise<void> {
  const first = await measure(run);
  const costs: Cost[] = [];
  for (let pass = 0; pass < PASSES; pass++) costs.push((await measure(run)).cost);
  const cost = costs.toSorted((one, other) => one.cpuMs - other.cpuMs)[PASSES >> 1] ?? first.cost;
  const bare = await timeBare(url, queues);
  console.log(`  ${name}`);
  console.log(`  cost     ${costText(cost)}, median of ${PASSES} (${loadText()})`);
  console.log(`  first    ${costText(first.cost)}, which also reads who was registered`);
  console.log(`  bare     ${costText(bare)}   JSON.parse of the same answers about validators and queues`);
  console.log(`  ratio    ${(cost.cpuMs / bare.cpuMs).toFixed(2)} (CPU)`);
  judge('CPU of a pass', cost.cpuMs, TARGET_CPU_MS, 'ms');
}

/** The nodes, and the vault's validators as the operator reads them. */
interface Chain {
  readonly url: string;
  readonly network: Network;
  readonly node: ExecutionNode;
  readonly beacon: BeaconSnapshotReader;
}

async function connect(url: string): Promise<Chain> {
  const built = resolveNetwork('hoodi');
  const network: Network = {
    ...built,
    vaultValidatorsDump: undefined,
    contracts: { ...built.contracts, keeperGenesisBlock: 1, v2Pool: undefined },
  };
  const timing = { timeoutMs: 60_000, retryTimeoutMs: 0 };
  const node = await connectExecutionNode({}, { ...timing, endpoints: [url], chainId: 31_337 });
  const { genesisValidatorsRoot } = BEACON_CHAIN;
  const beacon = await connectBeaconNode(
    {},
    { ...timing, endpoints: [url], genesisValidatorsRoot, slotsPerEpoch: SLOTS_PER_EPOCH },
  );
  return { url, network, node, beacon: new BeaconSnapshotReader(beacon) };
}

function readerOf({ node, network }: Chain): VaultValidators {
  return new VaultValidators({ node, http: {} }, { vault: STAKE_VAULT, network, dumpTimeoutMs: 1_000 });
}

/** The operator's own withdrawals, whose transactions are taken down and not sent. */
function prepareWithdrawals(chain: Chain) {
  const { url, network, node, beacon } = chain;
  const sent: TransactionIntent[] = [];
  const withdrawals = new ValidatorWithdrawals(
    {
      node,
      beacon,
      http: {},
      log: { info: () => undefined, warn: () => undefined },
      chain: { readSnapshot: async () => SNAPSHOT },
      validators: readerOf(chain),
      reserve: { read: async () => 0n },
      outbox: {
        async send(intent) {
          sent.push(intent);
          return { status: 'confirmed', hash: hashOf('f') as Hex, blockNumber: HEAD_BLOCK + 1 };
        },
      },
      fetchOracleConfig: async () => oracleConfigOf(url),
      fetchHarvest: async () => null,
      // As if there had never been any, so that each pass plans anew.
      findLastSubmission: async () => undefined,
    },
    {
      vault: STAKE_VAULT,
      wallet: STAKE_WALLET,
      network,
      maxRequestFeeWei: 1_000_000_000_000n,
      intervalMs: 43_200_000,
      isWithoutExits: false,
      oraclesTimeoutMs: 10_000,
    },
  );
  const withdraw = async () => {
    const { status } = await withdrawals.run(AbortSignal.timeout(60_000));
    check(status === 'requested', `a pass that ends with ${status}`);
  };
  return { withdraw, sent };
}

/** The operator's own plan of top-ups and registrations, each made anew. */
function prepareFunding(chain: Chain) {
  const { url, network, node, beacon } = chain;
  const plans: PlannedStaking[] = [];
  const planner = new VaultStakingPlanner(
    {
      node,
      beacon,
      validators: readerOf(chain),
      reserve: { read: async () => 0n },
      findLastFunding: async () => undefined,
    },
    {
      vault: STAKE_VAULT,
      network,
      minVaultBalanceWei: 0n,
      isRegistering: true,
      staking: {
        type: '0x02',
        maxValidatorBalanceGwei: MOST_GWEI,
        minDepositAmountGwei: LEAST_TOP_UP_GWEI,
      },
      funding: { minDepositDelayMs: 3_600_000 },
    },
  );
  const query = {
    snapshot: SNAPSHOT,
    config: oracleConfigOf(url),
    assetsWei: BigInt(MISSING_ETHER) * 10n ** 18n,
    harvest: null,
  };
  const plan = async () => {
    plans.push(await planner.plan({ ...query, signal: AbortSignal.timeout(60_000) }));
  };
  return { plan, plans };
}

const SNAPSHOT: ChainSnapshot = {
  blockNumber: HEAD_BLOCK,
  blockHash: hashOf('b') as Hex,
  timestamp: 1_800_000_000,
  baseFeePerGasWei: 1n,
  walletBalanceWei: 10n ** 18n,
  registryRoot: new Uint8Array(32),
  depositCount: BigInt(VALIDATORS),
  vault: { withdrawableAssetsWei: 0n, depositData: null, validatorsManager: STAKE_WALLET },
  keeper: {
    isCollateralized: true,
    canHarvest: false,
    isHarvestRequired: false,
    rewardsNonce: 1n,
    exitSignaturesNonce: 1n,
    validatorsMinOracles: 8,
  },
  events: { config: { ipfsHash: 'config', blockNumber: 1 }, rewards: null, exitSignatures: null },
};

function oracleConfigOf(url: string): OracleConfig {
  return {
    oracles: Array.from({ length: 11 }, (_, i) => ({
      address: `0x${String(i).padStart(40, '0')}`,
      publicKey: new Uint8Array(64).fill(i),
      endpoints: [`${url}/oracles/${i}`],
    })),
    exitSignatureRecoverThreshold: 8,
    signatureValidityPeriodMs: 3_600_000,
    validatorsApprovalBatchLimit: 50,
    validatorsExitRotationBatchLimit: 50,
  };
}

/** All validators, the fullest first. */
function fullestFirst(): readonly number[] {
  return Array.from({ length: VALIDATORS }, (_, index) => index).toSorted(
    (a, b) => Number(stakeGwei(b) - stakeGwei(a)) || a - b,
  );
}

/** Every call asks what the queue lacks of the fullest validators, as far as a call has room. */
function checkWithdrawals(sent: readonly TransactionIntent[]): void {
  const wanted = fullestFirst()
    .slice(0, BATCH)
    .map(index => {
      const amount = Buffer.alloc(8);
      amount.writeBigUInt64BE(stakeGwei(index) - LEFT_GWEI);
      return Buffer.concat([stakeKey(index), amount]).toString('hex');
    })
    .join('');
  check(wanted.length === 2 * BATCH * ENTRY_BYTES, 'the size of the entries');
  check(sent.length === PASSES + 1, `${sent.length} calls`);
  for (const { data } of sent) check(data.includes(wanted), 'the requests of a call');
}

/** Every plan fills up the fullest validators that have room for a top-up, until nothing is left. */
function checkTopUps(plans: readonly PlannedStaking[]): void {
  const wanted: string[] = [];
  let leftGwei = BigInt(MISSING_ETHER) * 1_000_000_000n;
  for (const index of fullestFirst()) {
    const roomGwei = MOST_GWEI - stakeGwei(index);
    if (roomGwei < LEAST_TOP_UP_GWEI || leftGwei < LEAST_TOP_UP_GWEI) continue;
    const amountGwei = roomGwei < leftGwei ? roomGwei : leftGwei;
    wanted.push(`${stakeKey(index).toString('hex')} ${amountGwei}`);
    leftGwei -= amountGwei;
  }
  check(wanted.length > BATCH, `${wanted.length} top-ups`);
  check(plans.length === PASSES + 1, `${plans.length} plans`);
  for (const { topUps } of plans) {
    const planned = topUps.map(
      ({ publicKey, amountGwei }) => `${Buffer.from(publicKey).toString('hex')} ${amountGwei}`,
    );
    check(planned.join() === wanted.join(), 'the top-ups of a plan');
  }
}

/** Reads what a pass reads of validators and queues, and parses it once more. */
async function timeBare(url: string, queues: readonly string[]): Promise<Cost> {
  const state = `${url}/eth/v1/beacon/states/${HEAD_SLOT}`;
  const texts: string[] = [];
  const ask = async (path: string, body: string | null = null) => {
    const answer = await request(`${state}/${path}`, { method: body === null ? 'GET' : 'POST', body });
    texts.push(await answer.body.text());
  };
  const ids = Array.from({ length: VALIDATORS }, (_, index) => `0x${stakeKey(index).toString('hex')}`);
  for (let from = 0; from < ids.length; from += 5_000)
    await ask('validators', JSON.stringify({ ids: ids.slice(from, from + 5_000) }));
  for (const queue of queues) await ask(queue);
  const { cost, value } = await measure(() => texts.map(text => JSON.parse(text).data.length as number));
  check(value.reduce((sum, length) => sum + length, 0) > VALIDATORS, 'what was parsed');
  return cost;
}

async function startServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const script = join(import.meta.dirname, 'stake-server.ts');
  const child = spawn(process.execPath, [script, String(VALIDATORS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    url: String(line),
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

function costText({ wallMs, cpuMs, peakMb }: Cost): string {
  return `${Math.round(wallMs)} ms, ${Math.round(cpuMs)} ms CPU, ${Math.round(peakMb)} MB peak`;
}

await benchStakePass();
// Connections to the nodes are kept open.
process.exit();
