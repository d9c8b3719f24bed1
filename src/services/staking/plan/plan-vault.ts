import type { BeaconSnapshot, BeaconSnapshotReader } from '../../../clients/beacon/beacon-snapshot.ts';
import { rememberSnapshot } from '../../../clients/beacon/remembered-snapshot.ts';
import { type ChainSnapshot, readSnapshotAt } from '../../../clients/execution/chain-snapshot.ts';
import { fetchAdvisedPriorityFee } from '../../../clients/execution/read-transactions.ts';
import type { RememberingNode } from '../../../clients/execution/remembering-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import { readOneHead } from '../../../clients/one-head.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { toBeaconGwei } from '../../../domain/protocol/stake-units.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import type { Network } from '../../../networks/network.ts';
import { describeShortfall, type ExpectedCall, isShortOf } from '../../../transactions/expected-funds.ts';
import type { VaultValidators } from '../../local-keys/vault-validators.ts';
import { waitForManager } from '../funding/fund-validators.ts';
import { type FundingRules, VaultStakingPlanner } from '../funding/plan-vault-staking.ts';
import { createChangeLog } from '../registration/change-log.ts';
import { type RegistrationPlan, RegistrationPlanner } from '../registration/registration-planner.ts';
import type { StakingOptions } from '../registration/staking-options.ts';
import { stakePerToken } from '../registration/vault-version.ts';
import type { Submission } from '../withdrawals/last-submission.ts';
import type { RedemptionReserve } from '../withdrawals/redemption-reserve.ts';
import {
  type WithdrawalDecision,
  WithdrawalsPlanner,
  type WithdrawalsPlannerOptions,
} from '../withdrawals/withdrawals-planner.ts';
import { type Payer, planCosts } from './plan-costs.ts';
import { planRegistrations, type RegistrationKeys } from './plan-registrations.ts';
import { planRequests } from './plan-requests.ts';
import { planTopUps } from './plan-top-ups.ts';
import type { VaultPlan } from './vault-plan.ts';

export interface PlanVaultDeps {
  readonly node: RememberingNode;
  readonly beacon: Pick<BeaconSnapshotReader, 'read'>;
  readonly validators: Pick<VaultValidators, 'read'>;
  readonly reserve: Pick<RedemptionReserve, 'read'>;
  /** What oracles are asked by. */
  readonly http: HttpDeps;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  /** What the operator has requested and topped up last, as its database has it. */
  readonly findLastSubmission: () => Promise<Submission | undefined>;
  readonly findLastFunding: () => Promise<number | undefined>;
}

/** A part of the plan that is never acted upon, with the reason. */
interface SwitchedOff {
  readonly off: string;
}

export interface PlanVaultOptions {
  /** Checksummed. */
  readonly vault: string;
  /** `version()` of the vault. */
  readonly vaultVersion: number;
  /** Whether it has the interface of Ethereum's version 5: others are registered for, and nothing else. */
  readonly isVersion5: boolean;
  readonly network: Network;
  /** The hot wallet, checksummed; undefined where nobody has said which it is. */
  readonly wallet: string | undefined;
  readonly maxFeePerGasGwei: bigint;
  readonly minVaultBalanceWei: bigint;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
  readonly staking: StakingOptions;
  readonly registration: RegistrationKeys | SwitchedOff;
  readonly funding: FundingRules | SwitchedOff;
  readonly withdrawals:
    | Pick<WithdrawalsPlannerOptions, 'wallet' | 'maxRequestFeeWei' | 'intervalMs' | 'isWithoutExits'>
    | SwitchedOff;
  readonly signal: AbortSignal;
}

/** What the tasks would decide by one head. */
interface Decided {
  readonly snapshot: BeaconSnapshot;
  readonly registration: RegistrationPlan;
  readonly withdrawals: WithdrawalDecision | undefined;
}

/**
 * What becomes of a vault's assets and validators, by one head of both chains: decided by what the operator's tasks decide by. It
 * only asks, and of nodes nothing twice. When a node fails in the middle, all of it is done again with another.
 * @throws ExternalError `node-behind`, `chain-heads-differ`, `beacon-query-not-served` and what else nodes, oracles' configuration and
 *   IPFS fail with
 */
export async function planVault(deps: PlanVaultDeps, options: PlanVaultOptions): Promise<VaultPlan> {
  const { node, validators } = deps;
  const { isVersion5, signal } = options;
  // The first time it reads the logs of years, for which no state is held.
  if (isVersion5) await validators.read(await node.getBlockNumber(), signal);
  const elsewhere = new OtherFailures();
  let isAgain = false;
  const found = await readOneHead(deps, async snapshot => {
    signal.throwIfAborted();
    // What was answered may be of a chain that has been left.
    if (isAgain) node.forget();
    isAgain = true;
    return await elsewhere.carryOut(() => planHead(elsewhere.markOf(deps), options, snapshot));
  });
  return found();
}

/** All that is as of one head. */
async function planHead(
  deps: PlanVaultDeps,
  options: PlanVaultOptions,
  unremembered: BeaconSnapshot,
): Promise<VaultPlan> {
  const expectedKeys = 'off' in options.registration ? [] : options.registration.ownKeys;
  const snapshot = rememberSnapshot(unremembered, expectedKeys);
  const decided = await decide(deps, options, snapshot);
  const { registration: look, withdrawals: decision } = decided;
  const { network, wallet } = options;
  const { walletBalanceWei: balanceWei, baseFeePerGasWei } = look.round.snapshot;
  const priorityFeePerGasWei = await fetchAdvisedPriorityFee(deps.node);
  const payer = { vault: options.vault, wallet, balanceWei, baseFeePerGasWei, priorityFeePerGasWei };
  const more = { ...options, snapshot, findShortfall: shortfallFinder(payer, options) };
  const funding = planTopUps(look, more);
  const registration = await planRegistrations(look, more);
  const withdrawals = planRequests(decision, options);
  const costs = await planCosts(deps, payer, decided, { registration, funding });
  const perToken = stakePerToken(network);
  return {
    head: snapshot.head,
    assets: {
      withdrawableWei: look.assetsWei,
      redemptionsWei: look.planned?.redemptionsWei ?? 0n,
      minBalanceWei: options.minVaultBalanceWei,
      stakeableGwei: look.planned?.stakeableGwei ?? toBeaconGwei(look.stakeableAssetsWei, perToken),
    },
    funding,
    registration,
    withdrawals,
    costs,
  };
}

/** Looks at the wallet as the tasks do before they prepare a call. */
function shortfallFinder(
  { wallet, balanceWei, baseFeePerGasWei, priorityFeePerGasWei: priorityFeeWei }: Payer,
  { network, maxFeePerGasGwei }: PlanVaultOptions,
): (call: ExpectedCall) => string | undefined {
  return call => {
    if (wallet === undefined || balanceWei === null) return undefined;
    const ceilings = { maxFeePerGasWei: maxFeePerGasGwei * WEI_PER_GWEI };
    const account = { block: { baseFeePerGasWei }, priorityFeeWei, balanceWei };
    const isShort = isShortOf(call, account, { ceilings, last: undefined, nowMs: 0 });
    return isShort ? describeShortfall({ address: wallet, balanceWei }, network) : undefined;
  };
}

/** Has the tasks' own deciders look at the head. */
async function decide(
  deps: PlanVaultDeps,
  options: PlanVaultOptions,
  snapshot: BeaconSnapshot,
): Promise<Decided> {
  const { node, validators } = deps;
  const { vault, wallet, network, staking, registration, funding, withdrawals, isVersion5, signal } = options;
  const { number: blockNumber } = snapshot.head.executionBlock;
  const chain = await readSnapshotAt(node, { ...options, contracts: network.contracts }, blockNumber);
  if (isVersion5) {
    // A node that does not tell them is left for another one, before anything is decided.
    await Promise.all([snapshot.fetchPendingPartialWithdrawals(), snapshot.fetchPendingConsolidations()]);
  }
  let registered: ReturnType<PlanVaultDeps['validators']['read']> | undefined;
  const readValidators = () => {
    registered ??= validators.read(blockNumber, signal);
    return registered;
  };
  const atHead = {
    ...deps,
    beacon: { read: <T>(read: (snapshot: BeaconSnapshot) => Promise<T>) => read(snapshot) },
    validators: { read: readValidators },
    chain: { readSnapshot: async () => chain },
  };
  const isFunding = !('off' in funding) && wallet !== undefined;
  const planner = isVersion5
    ? new VaultStakingPlanner(atHead, {
        ...options,
        isRegistering: !('off' in registration),
        funding: 'off' in funding ? undefined : funding,
        staking,
      })
    : undefined;
  const registrations = new RegistrationPlanner(
    {
      ...atHead,
      planner,
      funding: isFunding
        ? { findStranger: manager => waitForManager(manager, { vault, wallet }) }
        : undefined,
    },
    options,
    createChangeLog(deps.log),
  );
  const look = await registrations.plan(chain, signal);
  if ('off' in withdrawals) return { snapshot, registration: look, withdrawals: undefined };
  const requests = new WithdrawalsPlanner(atHead, { ...options, ...withdrawals });
  return { snapshot, registration: look, withdrawals: await requests.plan(signal) };
}

/** Failures that are none of the nodes': another node would not mend them. */
class OtherFailures {
  readonly #known = new WeakSet<object>();

  /** The same, with what fails elsewhere than at nodes marked. */
  markOf(deps: PlanVaultDeps): PlanVaultDeps {
    const { fetchOracleConfig, fetchHarvest, reserve } = deps;
    return {
      ...deps,
      fetchOracleConfig: hash => this.#mark(fetchOracleConfig(hash)),
      fetchHarvest: snapshot => this.#mark(fetchHarvest(snapshot)),
      reserve: { read: (blockNumber, multiplierBps) => this.#mark(reserve.read(blockNumber, multiplierBps)) },
    };
  }

  /** Does something, and gives its failure as well, which is thrown by whoever takes the result. @throws failures of nodes */
  async carryOut<T>(work: () => Promise<T>): Promise<() => T> {
    try {
      const result = await work();
      return () => result;
    } catch (error) {
      if (!this.#isOther(error)) throw error;
      return () => {
        throw error;
      };
    }
  }

  async #mark<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (typeof error === 'object' && error !== null) this.#known.add(error);
      throw error;
    }
  }

  #isOther(error: unknown): boolean {
    if (!(error instanceof ExternalError)) return true;
    return this.#known.has(error);
  }
}
