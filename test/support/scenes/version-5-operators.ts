// Operators of version 5 vaults, in this process: their real tasks with figures, status and log, and faults of all that they work with.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEther, Wallet } from 'ethers';
import { type BeaconNode, connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { createChainReader } from '../../../src/clients/execution/chain-snapshot.ts';
import { connectExecutionNode, type ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { openSignerClient, type SignerClient } from '../../../src/clients/signer/signer-client.ts';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import type { ValidatorType } from '../../../src/domain/consensus/deposit.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { WEI_PER_GWEI } from '../../../src/lib/units.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { runTask } from '../../../src/operator/loop/run-task.ts';
import { observerOf } from '../../../src/operator/loop/start-operator.ts';
import { Outlook } from '../../../src/operator/probes/outlook.ts';
import { createOperatorStatus } from '../../../src/operator/probes/status.ts';
import {
  actingTasks,
  type OperatorTasksDeps,
  type OperatorTasksOptions,
  watchingTasks,
} from '../../../src/operator/tasks/list-tasks.ts';
import { createNetworkValidators } from '../../../src/services/staking/network-validators/network-validators.ts';
import { namedKeys } from '../../../src/services/staking/registration/own-keys.ts';
import { createSignerKeysMode } from '../../../src/services/staking/registration/signer-keys-mode.ts';
import { validatorAssetsWei } from '../../../src/services/staking/registration/vault-version.ts';
import { holdLease } from '../../../src/transactions/lease.ts';
import { createOutbox } from '../../../src/transactions/outbox.ts';
import { credentialsOf, type Deposit, depositSigningRoot } from '../../devnet/deposit-data.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import type { ElectraOptions } from '../../devnet/electra-state.ts';
import { hex, publicKeyOf, sign } from '../../devnet/exit-signature.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { type RpcProxy, startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { readSamples, testMetrics } from '../operator-metrics.ts';
import { createTestDatabase } from '../postgres/postgres.ts';
import { type LogLine, recordingLog } from '../recording-log.ts';
import { localSigner } from './outbox-scene.ts';

const ETH = 1_000_000_000n;

interface OperatorOptions {
  /** Ether of validators that the vault has, with 0x02 credentials and old enough to withdraw. Default: none. */
  readonly active?: readonly number[];
  /** How many keys the signer has for further ones. Default: none. */
  readonly keys?: number;
  /** Ether that waits in the vault. Default: none. */
  readonly assets?: number;
  /** Ether that leaves the vault. Default: none. */
  readonly leaving?: number;
  readonly validatorType?: ValidatorType;
  readonly maxRequestFeeGwei?: bigint;
  readonly withdrawalsIntervalMs?: number;
  /** Whether validators are topped up. Default: they are not. */
  readonly isFunding?: boolean;
}

/** A key that a test knows. */
export interface OwnedKey {
  readonly secretKey: Uint8Array;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 0x hex, lower case. */
  readonly name: string;
}

/** The operator of one vault. */
export interface Version5Operator extends AsyncDisposable {
  readonly vault: string;
  readonly wallet: string;
  /** Indexes on the beacon chain of the vault's validators, in the order of the options. */
  readonly indexes: readonly number[];
  readonly active: readonly OwnedKey[];
  /** Keys that wait to be registered. */
  readonly keys: readonly OwnedKey[];
  /** One pass of a task, as the loop makes it; what it fails with is logged. */
  pass(task: string): Promise<void>;
  /** Every line so far, of one level or of all. */
  texts(level?: LogLine['level']): string[];
  /** Figures by their names and labels. */
  samples(): Promise<ReadonlyMap<string, number>>;
  /** What `/readyz` says of a task. */
  reportOf(task: string): { readonly waitsFor: string | null; readonly lastError: string | undefined };
  /** How many transactions the wallet has sent, those that are in no block among them. */
  countSent(): Promise<number>;
  /** Ether that has gone from the wallet with requests, as the vault has told of it. */
  listRequests(): Promise<readonly (readonly [index: number, gwei: bigint, feeWei: bigint])[]>;
  /** Public keys that the vault has registered beside those that it had, 0x hex. */
  listRegistered(): Promise<readonly string[]>;
  /** Top-ups that the vault has told of. */
  listTopUps(): Promise<readonly (readonly [index: number, gwei: bigint])[]>;
  /** What was paid for in vain by the vault, when all of it has reached the beacon chain. */
  listVoid(): Promise<readonly unknown[]>;
  leave(ether: number): Promise<void>;
}

export interface Version5Operators extends AsyncDisposable {
  readonly devnet: Devnet;
  /** The beacon nodes of every operator, the preferred one first. */
  readonly beacons: readonly [ElectraNode, ElectraNode];
  /** What every operator reaches the execution node through. */
  readonly rpc: RpcProxy;
  readonly signer: Keymanager;
  /** A key that nobody has yet. */
  createKey(): OwnedKey;
  /** A deposit that somebody makes for a key, signed by it unless another one is named. */
  signDeposit(key: OwnedKey, facts: DepositFacts): Deposit;
  open(options?: OperatorOptions): Promise<Version5Operator>;
  /** Ends every fault. */
  mend(): Promise<void>;
}

interface DepositFacts {
  /** Whom the stake goes to. */
  readonly owner: string;
  readonly ether?: number;
  readonly signedBy?: Uint8Array;
}

/** Starts what operators of version 5 vaults work with: a devnet, two beacon nodes, a node that can be cut off, a signer, a Postgres. */
export async function startVersion5Operators(electra: ElectraOptions = {}): Promise<Version5Operators> {
  await using stack = new AsyncDisposableStack();
  const devnet = stack.use(
    await startDevnet({ electra, vaultVersion: 5, slotsPerEpoch: 2, oracleServers: {} }),
  );
  const beacons = [
    stack.use(await devnet.startElectraNode()),
    stack.use(await devnet.startElectraNode()),
  ] as const;
  const rpc = stack.use(await startRpcProxy(devnet.rpcUrl));
  const signer = stack.use(await startKeymanager(BEACON_CHAIN));
  const network = await readNetwork(devnet);
  const database = stack.use(await openDatabase({ url: stack.use(await createTestDatabase()).url }));
  const node = stack.use(
    await connectExecutionNode(
      {},
      { endpoints: [rpc.url], chainId: devnet.chainId, timeoutMs: 10_000, retryTimeoutMs: 0 },
    ),
  );
  const client = stack.use(openSignerClient({ urls: [signer.url], timeoutMs: 10_000 }));
  let seed = 0;
  const createKey = (): OwnedKey => {
    const secretKey = new Uint8Array(32);
    new DataView(secretKey.buffer).setUint32(20, ++seed);
    const publicKey = publicKeyOf(secretKey);
    return { secretKey, publicKey, name: hex(publicKey) };
  };
  const operators = stack.use(new AsyncDisposableStack());
  const parts = { devnet, beacons, network, database, node, client, signer, createKey };
  const owned = stack.move();
  return {
    devnet,
    beacons,
    rpc,
    signer,
    createKey,
    signDeposit,
    open: async options => operators.use(await openOperator(parts, options ?? {})),
    async mend() {
      const { oracles, beacon } = devnet;
      oracles.exiting = [];
      oracles.onRequest = undefined;
      oracles.instant = false;
      signer.fault = undefined;
      rpc.onRequest = undefined;
      rpc.onAnswer = undefined;
      for (const faults of [rpc.faults, ...oracles.servers.map(server => server.faults)]) {
        for (const name of Object.keys(faults)) delete (faults as Record<string, unknown>)[name];
      }
      for (const one of beacons) {
        one.fault = undefined;
        one.behindSlots = 0;
      }
      await beacon.setExcess('withdrawals', 0n);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function signDeposit(key: OwnedKey, { owner, ether = 32, signedBy = key.secretKey }: DepositFacts): Deposit {
  const message = {
    publicKey: key.publicKey,
    withdrawalCredentials: credentialsOf(owner, 2),
    amountGwei: BigInt(ether) * ETH,
  };
  return { ...message, signature: sign(signedBy, depositSigningRoot(message, BEACON_CHAIN)) };
}

async function readNetwork(devnet: Devnet): Promise<Network> {
  const directory = await mkdtemp(join(tmpdir(), 'version-5-operators-'));
  try {
    await devnet.writeNetworkFile(join(directory, 'network.json'));
    return resolveNetwork(join(directory, 'network.json'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Parts {
  readonly devnet: Devnet;
  readonly beacons: Version5Operators['beacons'];
  readonly network: Network;
  readonly database: Database;
  readonly node: ExecutionNode;
  readonly client: SignerClient;
  readonly signer: Keymanager;
  readonly createKey: () => OwnedKey;
}

async function openOperator(parts: Parts, options: OperatorOptions): Promise<Version5Operator> {
  const { devnet, network, database, node, signer, createKey, beacons } = parts;
  const { active = [], keys: count = 0, assets = 0, leaving = 0 } = options;
  await using stack = new AsyncDisposableStack();
  const vault = await devnet.createVault(5);
  const wallet = localSigner(Wallet.createRandom().privateKey);
  await devnet.setBalance(wallet.address, parseEther('10'));
  await devnet.setValidatorsManager(wallet.address, vault);
  const validators = active.map(createKey);
  const keys = Array.from({ length: count }, createKey);
  for (const { name, secretKey } of keys) signer.addKey(name, { secretKey, path: '', isReadOnly: false });
  const staked = active.reduce((sum, ether) => sum + ether, 0);
  if (staked > 0) await devnet.depositEther(staked, vault);
  if (validators.length > 0) {
    await devnet.registerCompounding(
      validators.map((key, i) => {
        const { signature, amountGwei } = signDeposit(key, { owner: vault, ether: active[i] ?? 32 });
        return { publicKey: key.publicKey, amountGwei, depositSignature: signature };
      }),
      vault,
    );
    await devnet.passEpochs(300);
  }
  if (assets > 0) await devnet.depositEther(assets, vault);
  const recorded = recordingLog();
  const metrics = testMetrics({ vault });
  const status = createOperatorStatus(text => text);
  const beacon = await connectBeaconNode(
    {},
    { ...network, endpoints: beacons.map(({ url }) => url), timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  const own = { vault, wallet, keys, metrics, log: recorded.log, beacon };
  const { deps, options: taskOptions } = prepare(parts, own, options);
  const { chainId } = network;
  const lease = stack.use(
    await holdLease({ database, log: recorded.log }, { chainId, vault, holder: 'test' }),
  );
  const outbox = createOutbox(
    {
      database,
      node,
      lease,
      signer: wallet,
      log: recorded.log,
      onBlock: metrics.showTransactionBlock,
      onPending: metrics.showTransactionPending,
    },
    { chainId, vault, maxFeePerGasWei: 100n * WEI_PER_GWEI, pollMs: 20, stuckAfterMs: 60_000 },
  );
  const tasks = [...watchingTasks(deps, taskOptions), ...actingTasks(deps, outbox, taskOptions)];
  const contract = devnet.protocol.at('VaultV5', vault);
  const { provider, owner } = devnet.protocol;
  const indexOf = async (name: string) => (await devnet.beacon.sync()).state.find(name)?.index ?? -1;
  const indexes = await Promise.all(validators.map(({ name }) => indexOf(name)));
  const leave = async (ether: number) => {
    const shares = await contract.getFunction('convertToShares').staticCall(parseEther(String(ether)));
    await devnet.protocol.send(contract, 'enterExitQueue', shares, owner.address);
  };
  if (leaving > 0) await leave(leaving);
  const open = stack.move();
  return {
    vault,
    indexes,
    keys,
    leave,
    active: validators,
    wallet: wallet.address,
    async pass(name) {
      const task = tasks.find(one => one.name === name);
      if (task === undefined) throw new Error(`no task ${name}`);
      const ended = new AbortController();
      const clock = { now: () => performance.now(), sleep: async () => ended.abort() };
      const log = recorded.log.child({ task: name });
      await runTask({ log, clock, observer: observerOf({ status, metrics }) }, task, ended.signal);
    },
    texts: level => recorded.texts(level),
    samples: () => readSamples(metrics),
    reportOf(name) {
      const found = status.report().tasks.find(one => one.name === name);
      return { waitsFor: found?.waitsFor ?? null, lastError: found?.lastError?.message };
    },
    countSent: () => provider.getTransactionCount(wallet.address, 'pending'),
    async listRequests() {
      const logs = await contract.queryFilter('ValidatorWithdrawalSubmitted', 0);
      return Promise.all(
        logs.map(async log => {
          const [name, wei, feeWei] = 'args' in log ? [...log.args] : [];
          return [await indexOf(String(name)), BigInt(wei) / ETH, BigInt(feeWei)] as const;
        }),
      );
    },
    async listRegistered() {
      const { registered } = await devnet.readVaultLog(vault);
      return registered.slice(validators.length);
    },
    async listTopUps() {
      const logs = await contract.queryFilter('ValidatorFunded', 0);
      return Promise.all(
        logs.map(async log => {
          const [name, wei] = 'args' in log ? [...log.args] : [];
          return [await indexOf(String(name)), BigInt(wei) / ETH] as const;
        }),
      );
    },
    async listVoid() {
      // A queue gives up to 16 requests with a block, and a deposit waits for two epochs.
      await devnet.passEpochs(4);
      return devnet.beacon.listVoidRequests(vault);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

interface OwnParts extends Pick<OperatorTasksDeps, 'metrics' | 'log'> {
  readonly vault: string;
  readonly wallet: ReturnType<typeof localSigner>;
  readonly keys: readonly OwnedKey[];
  readonly beacon: BeaconNode;
}

/** What `start` would find out before it makes the tasks. */
function prepare(
  { network, database, node, client }: Parts,
  { vault, wallet, keys, metrics, log, beacon }: OwnParts,
  {
    validatorType = '0x02',
    maxRequestFeeGwei = 1_000n,
    withdrawalsIntervalMs: intervalMs = 43_200_000,
    isFunding = false,
  }: OperatorOptions,
): { readonly deps: OperatorTasksDeps; readonly options: OperatorTasksOptions } {
  const ipfs = { gateways: network.ipfsGateways, timeoutMs: 5_000 };
  const ownKeys = namedKeys('the test', async () => keys.map(({ publicKey }) => publicKey));
  const { contracts, chainId, genesisForkVersion, currency } = network;
  const outlook = new Outlook(
    { log, now: () => performance.now() },
    { currency, assetsPerValidatorWei: validatorAssetsWei(network) },
  );
  return {
    deps: {
      log,
      metrics,
      outlook,
      database,
      node,
      beacon,
      ipfs,
      signer: client,
      chain: createChainReader(node, {
        vault,
        contracts,
        vaultVersion: 5,
        wallet: wallet.address,
        maxAgeMs: 0,
      }),
      networkValidators: createNetworkValidators({ database, node, http: {}, log }, { network }),
      sources: {
        depositData: { name: 'no deposit data', read: async () => [] },
        remoteSigner: { name: 'no configuration', read: async () => undefined },
      },
      http: { oracle: {}, ipfs: {} },
      oracleSets: {
        configFor: async hash => parseOracleConfig(await fetchIpfsDocument({}, String(hash), ipfs)),
      },
    },
    options: {
      network,
      vault,
      ownKeys,
      vaultVersion: 5,
      harvestRules: { hasOwnMevEscrow: false, currency },
      exitShards: 'split',
      isRemoteSigner: true,
      maxFeePerGasGwei: 100n,
      minVaultBalanceWei: 0n,
      oraclesTimeoutMs: 20_000,
      registrationMode: createSignerKeysMode(
        { wallet, beacon, log: log.child({ task: 'register-validators' }), keys: ownKeys, signer: client },
        { vault, chainId, genesisForkVersion, validatorType },
      ),
      staking: { type: validatorType, maxValidatorBalanceGwei: 300n * ETH, minDepositAmountGwei: 10n * ETH },
      harvest: false,
      withdrawals: {
        intervalMs,
        wallet: wallet.address,
        maxRequestFeeWei: maxRequestFeeGwei * WEI_PER_GWEI,
        isWithoutExits: false,
      },
      dumpTimeoutMs: 5_000,
      funding: isFunding ? { wallet: wallet.address, minDepositDelayMs: 0 } : undefined,
    },
  };
}
