import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEther, Wallet } from 'ethers';
import { connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../../src/clients/beacon/beacon-snapshot.ts';
import { createChainReader } from '../../../src/clients/execution/chain-snapshot.ts';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../src/lib/units.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { VaultValidators } from '../../../src/services/local-keys/vault-validators.ts';
import { fetchHarvestParams } from '../../../src/services/staking/harvest/fetch-harvest-params.ts';
import { findLastSubmission } from '../../../src/services/staking/withdrawals/last-submission.ts';
import { RedemptionReserve } from '../../../src/services/staking/withdrawals/redemption-reserve.ts';
import type { VaultStakeDeps } from '../../../src/services/staking/withdrawals/vault-stake.ts';
import {
  ValidatorWithdrawals,
  type WithdrawalOutcome,
} from '../../../src/services/staking/withdrawals/withdraw-from-validators.ts';
import type { Outbox } from '../../../src/transactions/outbox.ts';
import { credentialsOf } from '../../devnet/deposit-data.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { createTestDatabase } from '../postgres/postgres.ts';
import { recordingLog } from '../recording-log.ts';
import { type OutboxPlace, startTestOperator, type TestOperator } from './outbox-scene.ts';

const ETH = 1_000_000_000n;

interface WithdrawalsSceneOptions {
  /** Ether of each validator with 0x02 credentials; all are old enough to withdraw. Default: one of 300. */
  readonly validators?: readonly number[];
  /** Ether that leaves the vault. Default: 10. */
  readonly leaving?: number;
}

/** What a pass is made with beyond what everybody has. */
interface PassChanges {
  readonly contracts?: Partial<Network['contracts']>;
  readonly maxRequestFeeWei?: bigint;
  readonly intervalMs?: number;
  readonly isWithoutExits?: boolean;
  /** What a slot is taken for, so that few blocks are a long time. */
  readonly secondsPerSlot?: number;
  /** How many partial withdrawals of others the beacon chain is said to keep. */
  readonly pendingPartials?: number;
  /** Between plan and sending. */
  readonly beforeSend?: () => Promise<void>;
}

/** A vault of version 5 on a devnet, whose exit queue lacks assets, and its operator's withdrawals. */
export interface WithdrawalsScene {
  readonly vault: string;
  readonly place: OutboxPlace;
  readonly network: Network;
  readonly operator: TestOperator;
  readonly lines: () => string[];
  /** Indexes on the beacon chain, in the order of the options. */
  readonly indexes: readonly number[];
  /** What plans are read by. */
  readonly deps: VaultStakeDeps;
  run(changes?: PassChanges): Promise<WithdrawalOutcome>;
  /** Every request that the vault has made, as gwei by index; 0 is an exit. */
  listRequests(): Promise<readonly (readonly [index: number, gwei: bigint])[]>;
  listVoid(): Promise<readonly unknown[]>;
  /** Somebody leaves the vault with so much ether. */
  leave(ether: number): Promise<void>;
  /** Somebody deposits an ether for one of the validators, which then waits on the beacon chain. */
  deposit(index: number): Promise<void>;
}

export interface WithdrawalsDevnet extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly beacon: ElectraNode;
  createScene(options?: WithdrawalsSceneOptions): Promise<WithdrawalsScene>;
}

/** Starts a devnet whose vaults ask for withdrawals. */
export async function startWithdrawalsDevnet(): Promise<WithdrawalsDevnet> {
  await using stack = new AsyncDisposableStack();
  const devnet = stack.use(
    await startDevnet({ electra: true, vaultVersion: 5, slotsPerEpoch: 2, oracleServers: {} }),
  );
  const beacon = stack.use(await devnet.startElectraNode());
  const database = stack.use(await createTestDatabase());
  const directory = await mkdtemp(join(tmpdir(), 'withdrawals-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'network.json');
  await devnet.writeNetworkFile(file);
  const network = resolveNetwork(file);
  let seed = 0;
  const nextKey = () => {
    seed += 1;
    const publicKey = Buffer.alloc(48, 0xa1);
    publicKey.writeUInt32BE(seed, 44);
    return publicKey;
  };
  const open = stack.move();
  return {
    devnet,
    beacon,
    createScene: async options => {
      const scene = await createScene(
        { devnet, beacon, network, databaseUrl: database.url, nextKey },
        options ?? {},
      );
      open.use(scene.operator);
      return scene;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

interface Parts {
  readonly devnet: Devnet;
  readonly beacon: ElectraNode;
  readonly network: Network;
  readonly databaseUrl: string;
  readonly nextKey: () => Buffer;
}

async function createScene(
  { devnet, beacon, network, databaseUrl, nextKey }: Parts,
  { validators = [300], leaving = 10 }: WithdrawalsSceneOptions,
): Promise<WithdrawalsScene> {
  const vault = await devnet.createVault(5);
  const wallet = new Wallet(Wallet.createRandom().privateKey);
  await devnet.setBalance(wallet.address, parseEther('10'));
  await devnet.setValidatorsManager(wallet.address, vault);
  const keys = validators.map(nextKey);
  if (validators.length > 0) {
    await devnet.depositEther(
      validators.reduce((sum, one) => sum + one, 0),
      vault,
    );
    await devnet.registerCompounding(
      validators.map((ether, i) => ({
        publicKey: keys[i] ?? Buffer.alloc(48),
        amountGwei: BigInt(ether) * ETH,
      })),
      vault,
    );
    await devnet.passEpochs(300);
  }
  const contract = devnet.protocol.at('VaultV5', vault);
  const leave: WithdrawalsScene['leave'] = async ether => {
    const { owner } = devnet.protocol;
    await devnet.protocol.send(
      contract,
      'enterExitQueue',
      await contract.getFunction('convertToShares').staticCall(parseEther(String(ether))),
      owner.address,
    );
  };
  if (leaving > 0) await leave(leaving);
  const place: OutboxPlace = {
    vault,
    databaseUrl,
    rpcUrl: devnet.rpcUrl,
    chainId: network.chainId,
    secretKey: wallet.privateKey,
  };
  const operator = await startTestOperator(place);
  const recorded = recordingLog();
  const { node } = operator;
  const ipfs = { gateways: network.ipfsGateways, timeoutMs: 5_000 };
  const beaconNode = await connectBeaconNode(
    {},
    { ...network, endpoints: [beacon.url], timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  const snapshots = new BeaconSnapshotReader(beaconNode);
  const vaultValidators = new VaultValidators({ node, http: {} }, { vault, network, dumpTimeoutMs: 5_000 });
  const scope = { chainId: network.chainId, vault: fromHex(vault, 20) };
  const harvestRules = { hasOwnMevEscrow: false, currency: network.currency };
  const makeWithdrawals = ({
    contracts,
    pendingPartials,
    beforeSend,
    secondsPerSlot = network.secondsPerSlot,
    ...rules
  }: PassChanges) => {
    const changed = { ...network, secondsPerSlot, contracts: { ...network.contracts, ...contracts } };
    const outbox: Pick<Outbox, 'send'> = {
      async send(intent, options) {
        await beforeSend?.();
        return operator.outbox.send(intent, options);
      },
    };
    return new ValidatorWithdrawals(
      {
        node,
        outbox,
        http: {},
        log: recorded.log,
        beacon: pendingPartials === undefined ? snapshots : withPartials(snapshots, pendingPartials),
        validators: vaultValidators,
        chain: createChainReader(node, {
          vault,
          vaultVersion: 5,
          contracts: network.contracts,
          wallet: wallet.address,
          maxAgeMs: 0,
        }),
        reserve: new RedemptionReserve(
          { node, http: {}, log: recorded.log },
          { vault, network: changed, ipfs },
        ),
        fetchOracleConfig: async hash => parseOracleConfig(await fetchIpfsDocument({}, hash, ipfs)),
        fetchHarvest: ({ events }) =>
          fetchHarvestParams({ http: {} }, { vault, rewards: events.rewards, rules: harvestRules, ipfs }),
        findLastSubmission: () => findLastSubmission(operator.database, scope),
      },
      {
        vault,
        wallet: wallet.address,
        network: changed,
        maxRequestFeeWei: 1000n * WEI_PER_GWEI,
        intervalMs: 43_200_000,
        isWithoutExits: false,
        ...rules,
        oraclesTimeoutMs: 2_000,
      },
    );
  };
  const { state } = await devnet.beacon.sync();
  const indexOf = (key: string) => state.find(key.toLowerCase())?.index ?? -1;
  return {
    vault,
    place,
    network,
    operator,
    leave,
    deposit: async index => {
      const key = devnet.beacon.head.state.validators[index]?.publicKey ?? '';
      await devnet.depositForKey({
        publicKey: Buffer.from(key.slice(2), 'hex'),
        withdrawalCredentials: credentialsOf(vault, 2),
        amountGwei: ETH,
        signature: Buffer.alloc(96, 0xcc),
      });
    },
    deps: { node, beacon: snapshots, validators: vaultValidators },
    lines: () => recorded.texts(),
    indexes: keys.map(key => indexOf(`0x${key.toString('hex')}`)),
    run: changes => makeWithdrawals(changes ?? {}).run(new AbortController().signal),
    async listRequests() {
      const logs = await contract.queryFilter('ValidatorWithdrawalSubmitted', 0);
      return logs.map(log => {
        const [key, wei] = 'args' in log ? ([...log.args] as [string, bigint]) : ['', 0n];
        return [indexOf(key as string), (wei as bigint) / ETH] as const;
      });
    },
    listVoid: async () => {
      await devnet.beacon.sync();
      return devnet.beacon.listVoidRequests(vault);
    },
  };
}

/** A reader that tells of so many partial withdrawals of validators of other vaults: more than a test can make. */
function withPartials(reader: BeaconSnapshotReader, length: number): BeaconSnapshotReader {
  const none: readonly never[] = [];
  const many = { length, [Symbol.iterator]: () => none[Symbol.iterator]() } as unknown as never[];
  const read: BeaconSnapshotReader['read'] = ask =>
    reader.read(snapshot => ask({ ...snapshot, fetchPendingPartialWithdrawals: async () => many }));
  return { read } as BeaconSnapshotReader;
}
