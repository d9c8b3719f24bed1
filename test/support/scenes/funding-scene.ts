import { connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../../src/clients/beacon/beacon-snapshot.ts';
import { openSignerClient, type SignerClient } from '../../../src/clients/signer/signer-client.ts';
import { fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import type { Network } from '../../../src/networks/network.ts';
import { VaultValidators } from '../../../src/services/local-keys/vault-validators.ts';
import { ValidatorFunding } from '../../../src/services/staking/funding/fund-validators.ts';
import { findLastFunding } from '../../../src/services/staking/funding/last-funding.ts';
import { VaultStakingPlanner } from '../../../src/services/staking/funding/plan-vault-staking.ts';
import { namedKeys } from '../../../src/services/staking/registration/own-keys.ts';
import type { RegistrationOutcome } from '../../../src/services/staking/registration/register-validators.ts';
import { createSignerKeysMode } from '../../../src/services/staking/registration/signer-keys-mode.ts';
import { RedemptionReserve } from '../../../src/services/staking/withdrawals/redemption-reserve.ts';
import type { Outbox } from '../../../src/transactions/outbox.ts';
import type { TransactionIntent } from '../../../src/transactions/transaction.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { startTestOperator, type TestOperator } from './outbox-scene.ts';
import { type RegistrationScene, type SceneVault, startRegistrationScene } from './registration-scene.ts';

const ETH = 1_000_000_000n;

interface FundingVaultOptions {
  /** Ether of each 0x02 validator that the vault has, all of them active. Default: one of 32. */
  readonly validators?: readonly number[];
  /** Ether that the vault has left. Default: none. */
  readonly ether?: number;
  /** Keys in the signer that no deposit has used. Default: none. */
  readonly freeKeys?: number;
  /** Whether the deposits of the validators still wait. */
  readonly isWaiting?: boolean;
}

/** What a pass is made with beyond what everybody has. */
interface FundingChanges {
  readonly contracts?: Partial<Network['contracts']>;
  readonly type?: '0x01' | '0x02';
  readonly maxEther?: number;
  readonly minDepositEther?: number;
  readonly minVaultEther?: number;
  /** Blocks between top-ups. Default: 5. */
  readonly delayBlocks?: number;
  /** What the planner takes a slot for, so that few blocks are a long time. */
  readonly secondsPerSlot?: number;
  readonly isRegistering?: boolean;
  readonly isFunding?: boolean;
  readonly maxFeePerGasGwei?: bigint;
  /** Between plan and sending. */
  readonly beforeSend?: (intent: TransactionIntent) => Promise<void>;
}

/** Passes of one operator, which keeps from each to the next what an operator keeps. */
interface FundingPasses {
  readonly planner: VaultStakingPlanner;
  readonly lines: readonly string[];
  run(signal?: AbortSignal): Promise<RegistrationOutcome>;
}

/** A vault of version 5 with 0x02 validators, and operators that stake its assets. */
export interface FundingVault {
  readonly address: string;
  /** Public keys of the validators that it had at first, in the order of the options. */
  readonly publicKeys: readonly Hex[];
  readonly freeKeys: readonly Hex[];
  readonly operator: TestOperator;
  open(changes?: FundingChanges): Promise<FundingPasses>;
  /** Ends the operator, and starts another one with the same database. */
  restart(): Promise<void>;
  /** What the vault has topped up so far: place of the validator among the first ones, and ether. */
  listFunded(): Promise<readonly (readonly [place: number, ether: number])[]>;
  /** Ether of the free keys that were registered, in their order. */
  listRegistered(): Promise<readonly number[]>;
  listVoid(): Promise<readonly unknown[]>;
}

export interface FundingDevnet extends AsyncDisposable {
  readonly scene: RegistrationScene;
  readonly devnet: Devnet;
  readonly beacon: ElectraNode;
  createVault(options?: FundingVaultOptions): Promise<FundingVault>;
}

/** Starts a devnet with Electra's rules, whose vaults of version 5 top up their validators. */
export async function startFundingDevnet(): Promise<FundingDevnet> {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(
    await startRegistrationScene({ electra: true, slotsPerEpoch: 2, oracles: 3, threshold: 2 }),
  );
  const { devnet } = scene;
  const beacon = stack.use(await devnet.startElectraNode());
  const signer = stack.use(openSignerClient({ urls: [scene.signer.url], timeoutMs: 10_000 }));
  const open = stack.move();
  let seed = 0;
  const nextKey = () => {
    seed += 1;
    const publicKey = Buffer.alloc(48, 0xb2);
    publicKey.writeUInt32BE(seed, 44);
    return publicKey;
  };
  return {
    scene,
    devnet,
    beacon,
    createVault: async options => {
      const vault = await createVault({ scene, beacon, signer, nextKey }, options ?? {});
      open.defer(() => vault.operator[Symbol.asyncDispose]());
      return vault;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

interface Parts {
  readonly scene: RegistrationScene;
  readonly beacon: ElectraNode;
  readonly signer: SignerClient;
  readonly nextKey: () => Buffer;
}

async function createVault(
  parts: Parts,
  { validators = [32], ether = 0, freeKeys = 0, isWaiting = false }: FundingVaultOptions,
): Promise<FundingVault> {
  const { scene, nextKey } = parts;
  const { devnet } = scene;
  const vault = await scene.createVault(5, { validators: freeKeys });
  const keys = validators.map(nextKey);
  if (validators.length > 0) {
    const sum = validators.reduce((all, one) => all + one, 0);
    await devnet.depositEther(sum, vault.address);
    const entries = keys.map((publicKey, i) => ({
      publicKey,
      amountGwei: BigInt(validators[i] ?? 0) * ETH,
    }));
    await devnet.registerCompounding(entries, vault.address);
    if (!isWaiting) await devnet.passEpochs(20);
  }
  if (ether > 0) await devnet.depositEther(ether, vault.address);
  const start = () => startTestOperator(scene.placeOf(vault.address), { signer: scene.wallet });
  let operator = await start();
  const publicKeys = keys.map(key => toHex(key));
  const contract = devnet.protocol.at('VaultV5', vault.address);
  return {
    address: vault.address,
    publicKeys,
    freeKeys: vault.validators.map(({ entry }) => toHex(entry.publicKey)),
    get operator() {
      return operator;
    },
    async restart() {
      await operator[Symbol.asyncDispose]();
      operator = await start();
      await operator.outbox.reconcile(new AbortController().signal);
    },
    open: changes => openPasses(parts, vault, operator, changes ?? {}),
    async listFunded() {
      const logs = await contract.queryFilter('ValidatorFunded', 0);
      return logs.map(log => {
        const [key, wei] = 'args' in log ? ([...log.args] as [string, bigint]) : ['', 0n];
        return [publicKeys.indexOf(key as Hex), Number(wei as bigint) / 1e18] as const;
      });
    },
    async listRegistered() {
      const deposited = await devnet.deposits.listValidators();
      const own = new Set(vault.validators.map(({ entry }) => toHex(entry.publicKey)));
      return deposited
        .filter(({ publicKey }) => own.has(toHex(publicKey)))
        .map(({ amountGwei }) => Number(amountGwei) / 1e9);
    },
    listVoid: () => devnet.beacon.listVoidRequests(vault.address),
  };
}

async function openPasses(
  { scene, beacon, signer }: Parts,
  vault: SceneVault,
  operator: TestOperator,
  changes: FundingChanges,
): Promise<FundingPasses> {
  const { wallet, devnet } = scene;
  const { address } = vault;
  const { node, database } = operator;
  const { type = '0x02', maxEther = 300, minDepositEther = 10, minVaultEther = 0, delayBlocks = 5 } = changes;
  const { isRegistering = true, isFunding = true, maxFeePerGasGwei = 100n, beforeSend } = changes;
  const { secondsPerSlot = scene.network.secondsPerSlot } = changes;
  const network = { ...scene.network, contracts: { ...scene.network.contracts, ...changes.contracts } };
  const staking = {
    type,
    maxValidatorBalanceGwei: BigInt(maxEther) * ETH,
    minDepositAmountGwei: BigInt(minDepositEther) * ETH,
  };
  const minVaultBalanceWei = BigInt(minVaultEther) * 10n ** 18n;
  const ipfs = { gateways: network.ipfsGateways, timeoutMs: 5_000 };
  const lines: string[] = [];
  const write = (first: unknown, message?: unknown) =>
    void lines.push(String(typeof first === 'string' ? first : message));
  const log = { debug: () => undefined, info: write, warn: write };
  const beaconNode = await connectBeaconNode(
    {},
    { ...network, endpoints: [beacon.url], timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  const scope = { chainId: network.chainId, vault: fromHex(address, 20) };
  const outbox: Pick<Outbox, 'send'> = {
    async send(intent, options) {
      await beforeSend?.(intent);
      return operator.outbox.send(intent, options);
    },
  };
  const planner = new VaultStakingPlanner(
    {
      node,
      beacon: new BeaconSnapshotReader(beaconNode),
      validators: new VaultValidators({ node, http: {} }, { vault: address, network, dumpTimeoutMs: 5_000 }),
      reserve: new RedemptionReserve({ node, http: {}, log }, { vault: address, network, ipfs }),
      findLastFunding: () => findLastFunding(database, scope),
    },
    {
      vault: address,
      network: { ...network, secondsPerSlot },
      staking,
      minVaultBalanceWei,
      isRegistering,
      funding: isFunding ? { minDepositDelayMs: delayBlocks * 1000 * secondsPerSlot } : undefined,
    },
  );
  const funding = new ValidatorFunding(
    { node, outbox, log },
    { vault: address, wallet: wallet.address, network },
  );
  const keys = namedKeys('the test', async () => vault.validators.map(({ entry }) => entry.publicKey));
  const { chainId, genesisForkVersion } = { ...network, chainId: devnet.chainId };
  const mode = createSignerKeysMode(
    { keys, wallet, signer, log, beacon: beaconNode },
    { vault: address, chainId, genesisForkVersion, validatorType: type },
  );
  const { registrar } = await scene.openRegistrar(vault, {
    deps: {
      log,
      node,
      outbox,
      planner,
      mode: isRegistering ? mode : undefined,
      funding: isFunding ? funding : undefined,
    },
    options: { staking, minVaultBalanceWei, maxFeePerGasGwei },
  });
  return { planner, lines, run: signal => registrar.run(signal ?? new AbortController().signal) };
}
