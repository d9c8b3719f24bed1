import type { BeaconSnapshot } from '../../../clients/beacon/beacon-snapshot.ts';
import type { ChainReader, ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { noOracleConfig } from '../../../clients/execution/contracts/keeper.ts';
import { fetchMissingAssets } from '../../../clients/execution/contracts/validators-checker.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import { fetchExitsOfAll } from '../../../clients/oracle.ts';
import {
  isPaidTo,
  SHARD_COMMITTEE_PERIOD,
  type ValidatorState,
} from '../../../domain/consensus/validator-state.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import { largestAffordableBatch, requestFeeWei } from '../../../domain/protocol/request-fee.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { toBeaconGwei, toVaultWei } from '../../../domain/protocol/stake-units.ts';
import { encodeWithdrawals } from '../../../domain/protocol/validator-entries.ts';
import {
  comingInGwei,
  countOracleExits,
  isWithdrawalQueueFull,
  planWithdrawals,
  type WithdrawalPlan,
  type WithdrawalPlanOptions,
} from '../../../domain/protocol/withdrawal-plan.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import { nameList } from '../../../lib/name-list.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import { type Network, withdrawalAddresses } from '../../../networks/network.ts';
import { requireContract } from '../../../networks/require-contract.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';
import { withdrawalIntents } from '../operations/operation-intents.ts';
import { type ChangeLog, createChangeLog } from '../registration/change-log.ts';
import { stakePerToken } from '../registration/vault-version.ts';
import { asPart, isStillThere, type Submission } from './last-submission.ts';
import type { RedemptionReserve } from './redemption-reserve.ts';
import { findLastRequestBlock, MAX_BATCH, STALE_BLOCKS } from './request-occasion.ts';
import {
  fetchAwaitingDeposits,
  readVaultStake,
  requireReached,
  type VaultStake,
  type VaultStakeDeps,
} from './vault-stake.ts';
import type { WithdrawalWaitCode } from './withdrawal-waits.ts';

export interface WithdrawalsPlannerDeps extends VaultStakeDeps {
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly http: HttpDeps;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly reserve: Pick<RedemptionReserve, 'read'>;
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  readonly findLastSubmission: () => Promise<Submission | undefined>;
}

export interface WithdrawalsPlannerOptions {
  /** Checksummed. */
  readonly vault: string;
  /** Checksummed. */
  readonly wallet: string;
  readonly network: Pick<Network, 'name' | 'currency' | 'secondsPerSlot' | 'contracts'>;
  /** What goes with each request at most. */
  readonly maxRequestFeeWei: bigint;
  /** Time from one request of withdrawals to the next, unless oracles would take over earlier. */
  readonly intervalMs: number;
  /** Whether only partial withdrawals are requested. */
  readonly isWithoutExits: boolean;
  /** Time limit of the question to all oracles together. */
  readonly oraclesTimeoutMs: number;
}

/** Withdrawals that would end the want, and what they were chosen by. */
export interface PlannedWithdrawals {
  readonly stake: VaultStake;
  /** Indexes of the validators that oracles exit. */
  readonly oracleExits: ReadonlySet<bigint>;
  /** What is on its way to the vault, in gwei of the beacon chain. */
  readonly comingInGwei: bigint;
  /** What the exit queue lacks when all that is coming in is there, in gwei of the beacon chain. */
  readonly missingGwei: bigint;
  /** All that the plan was made of. Deposits that wait are looked for only where exits come into question. */
  readonly facts: WithdrawalPlanOptions;
  readonly plan: WithdrawalPlan;
  readonly lastEventBlock: number | null;
}

/** What is to be done about a vault's exit queue now. */
export type WithdrawalDecision = {
  /** What the exit queue lacks without what is coming in, in gwei of the beacon chain; undefined where nobody has looked. */
  readonly lackingGwei?: bigint | undefined;
} & (
  | { readonly status: 'nothing-missing'; readonly planned?: PlannedWithdrawals | undefined }
  | {
      readonly status: 'waiting';
      readonly code: WithdrawalWaitCode;
      /** The same text as long as nothing changes. */
      readonly waitsFor: string;
      /** Undefined where the validators were not looked at. */
      readonly planned?: PlannedWithdrawals | undefined;
    }
  /** The first `count` withdrawals of the plan are to be requested, in one transaction. */
  | { readonly status: 'request'; readonly planned: PlannedWithdrawals; readonly count: number }
);

/** Limit of the newest Python operator for one answer about exits. */
const EXITS_TIMEOUT_MS = 10_000;

interface Contracts {
  readonly checker: string;
  readonly withdrawalRequests: string;
  readonly consolidationRequests: string;
}

/** What is missing, and what is known of it. */
interface Want {
  readonly config: OracleConfig;
  readonly harvest: HarvestParams | null;
  readonly contracts: Contracts;
  /** The first block in which the pending harvest can be made; 0 where there is none. */
  readonly harvestBlock: number;
  readonly lackingGwei: bigint;
}

/** Finds out which withdrawals are to be requested from a vault's validators (EIP-7002): it reads and decides, and sends nothing. */
export class WithdrawalsPlanner {
  readonly #deps: WithdrawalsPlannerDeps;
  readonly #options: WithdrawalsPlannerOptions;
  readonly #changes: ChangeLog;
  readonly #stakePerToken: bigint;

  constructor(deps: WithdrawalsPlannerDeps, options: WithdrawalsPlannerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#changes = createChangeLog(deps.log);
    this.#stakePerToken = stakePerToken(options.network);
  }

  /**
   * Decides by what both chains and the oracles say now; a network file that lacks a contract is something to wait for.
   * @throws what nodes and gateways fail with
   */
  async plan(signal: AbortSignal): Promise<WithdrawalDecision> {
    try {
      return await this.#look(signal);
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code !== 'network-incomplete') throw error;
      const what = [error.message, error.hint].join(' ');
      return waiting('network-incomplete', `a network file that is complete: ${what}`);
    }
  }

  /** Finds out with few questions whether there is anything to do. */
  async #look(signal: AbortSignal): Promise<WithdrawalDecision> {
    const { chain, fetchOracleConfig, fetchHarvest } = this.#deps;
    const { network, wallet } = this.#options;
    const contracts = this.#findContracts();
    const snapshot = await chain.readSnapshot({ signal });
    if (snapshot.vault.validatorsManager !== wallet) {
      const what = `the vault to have the hot wallet ${wallet} as its validators manager`;
      return waiting('not-validators-manager', what);
    }
    if (!snapshot.keeper.isCollateralized) {
      const what = 'the keeper to know validators of the vault: before, the vault requests no withdrawals';
      return waiting('not-collateralized', what);
    }
    if (snapshot.events.config === null) throw noOracleConfig(network.contracts.keeper);
    const config = await fetchOracleConfig(snapshot.events.config.ipfsHash);
    const harvest = snapshot.keeper.canHarvest ? await fetchHarvest(snapshot) : null;
    // What comes in makes it only less: where nothing is missing without, no validator need be looked at.
    const harvestBlock = harvest === null ? 0 : (snapshot.events.rewards?.blockNumber ?? 0);
    const known = { config, harvest, contracts, harvestBlock };
    const lackingGwei = await this.#fetchMissingGwei(known, snapshot.blockNumber, 0n);
    if (lackingGwei < 1n) return { status: 'nothing-missing', lackingGwei };
    const pause = await this.#findPause(config, snapshot.blockNumber);
    if (pause !== undefined) return { status: 'waiting', code: 'interval', waitsFor: pause, lackingGwei };
    return await this.#plan({ ...known, lackingGwei }, signal);
  }

  #findContracts(): Contracts {
    const { network } = this.#options;
    const find = (contract: 'validatorsChecker' | 'withdrawalRequests' | 'consolidationRequests') =>
      requireContract(network, contract, 'Withdrawals from validators');
    return {
      checker: find('validatorsChecker'),
      withdrawalRequests: find('withdrawalRequests'),
      consolidationRequests: find('consolidationRequests'),
    };
  }

  async #fetchMissingGwei(
    { config, harvest, contracts: { checker } }: Omit<Want, 'lackingGwei'>,
    blockNumber: number,
    comingIn: bigint,
  ): Promise<bigint> {
    const { node, reserve } = this.#deps;
    const { vault } = this.#options;
    const comingInWei = toVaultWei(comingIn, this.#stakePerToken);
    const redemptionWei = await reserve.read(blockNumber, config.osTokenRedeemMultiplierBps);
    const query = { checker, vault, blockNumber, harvest, comingInWei, redemptionWei };
    return toBeaconGwei(await fetchMissingAssets(node, query), this.#stakePerToken);
  }

  /** What is waited for after the operator's own last requests; those that somebody has made by hand do not count. */
  async #findPause(config: OracleConfig, head: number): Promise<string | undefined> {
    const { node, findLastSubmission } = this.#deps;
    const { vault, network } = this.#options;
    const last = await findLastSubmission();
    if (last === undefined || last.isPart) return undefined;
    const intervalMs = Math.min(
      this.#options.intervalMs,
      config.forceWithdrawalsPeriodMs ?? Number.POSITIVE_INFINITY,
    );
    const until = last.block + Math.floor(intervalMs / 1000 / network.secondsPerSlot);
    if (head >= until || !(await isStillThere(node, vault, last, head))) return undefined;
    return `block ${until}: the last withdrawals were requested in block ${last.block}`;
  }

  async #plan(want: Want, signal: AbortSignal): Promise<WithdrawalDecision> {
    const { lackingGwei } = want;
    const oracleExits = await this.#fetchOracleExits(want.config, signal);
    if (oracleExits === undefined) {
      const threshold = want.config.exitSignatureRecoverThreshold;
      const waitsFor = `answers of ${threshold} oracles about the validators that they exit`;
      return { status: 'waiting', code: 'oracle-exits-unknown', waitsFor, lackingGwei };
    }
    const planned = await this.#readPlan(want, oracleExits, signal);
    const { stake, missingGwei, plan } = planned;
    if (missingGwei < 1n) return { status: 'nothing-missing', planned, lackingGwei };
    const wait = (code: WithdrawalWaitCode, waitsFor: string): WithdrawalDecision => ({
      status: 'waiting',
      code,
      waitsFor,
      planned,
      lackingGwei,
    });
    if (isWithdrawalQueueFull(stake.pendingPartials, stake.queuedRequests)) {
      return wait('withdrawal-queue-full', 'room in the queue of partial withdrawals of the beacon chain');
    }
    if (plan.withdrawals.length === 0) {
      return wait(
        'nothing-to-withdraw',
        'validators that can be withdrawn from: what the exit queue lacks cannot be had of any now',
      );
    }
    const { maxRequestFeeWei: maxFeeWei } = this.#options;
    const maxCount = Math.min(plan.withdrawals.length, MAX_BATCH);
    const count = largestAffordableBatch('withdrawal', stake.requestQueue, { maxFeeWei, maxCount });
    if (count > 0) return { status: 'request', planned, count, lackingGwei };
    if (stake.requestQueue.excess === undefined) {
      const what = 'the contract of withdrawal requests to take some: the fork has not begun';
      return wait('requests-not-taken', what);
    }
    return wait(
      'request-fee-too-high',
      `requests for less than ${maxFeeWei / WEI_PER_GWEI} gwei each (--max-withdrawal-request-fee-gwei)`,
    );
  }

  /** @returns undefined when too few oracles have answered */
  async #fetchOracleExits(
    { oracles, exitSignatureRecoverThreshold }: OracleConfig,
    signal: AbortSignal,
  ): Promise<ReadonlySet<bigint> | undefined> {
    const timeoutMs = Math.min(EXITS_TIMEOUT_MS, this.#options.oraclesTimeoutMs);
    const answers = await fetchExitsOfAll(this.#deps.http, oracles, { timeoutMs, signal });
    const told: bigint[][] = [];
    for (const { oracle, exits } of answers) {
      const { indexes, error } = exits;
      const failure = `The oracle ${oracle} does not tell which validators it exits: ${messageOf(error)}`;
      this.#changes.warn(`exits of ${oracle}`, indexes === undefined ? failure : undefined);
      if (indexes !== undefined) told.push([...indexes]);
    }
    return countOracleExits(told, exitSignatureRecoverThreshold);
  }

  async #readPlan(
    want: Want,
    oracleExits: ReadonlySet<bigint>,
    signal: AbortSignal,
  ): Promise<PlannedWithdrawals> {
    const { node, findLastSubmission } = this.#deps;
    const { vault, network } = this.#options;
    const { withdrawalRequests, consolidationRequests } = want.contracts;
    // An equal request whose event is too long ago to be looked for is another occasion all the same.
    const last = await findLastSubmission();
    const query = { vault, withdrawalRequests, consolidationRequests, signal };
    const { stake, more } = await readVaultStake(this.#deps, query, async (state, snapshot) => {
      const { head, validators, pending } = state;
      const { number } = head.executionBlock;
      requireReached(state, want.harvestBlock);
      const comingIn = comingInGwei({ validators: this.#findPaying(validators), pending, oracleExits });
      const [missingGwei, lastEventBlock] = await Promise.all([
        this.#fetchMissingGwei(want, number, comingIn),
        findLastRequestBlock(node, vault, { network, toBlock: number }),
      ]);
      const lastOwnBlock = last !== undefined && last.block <= number ? last.block : null;
      const facts: WithdrawalPlanOptions = {
        vault: fromHex(vault, ADDRESS_LENGTH),
        epoch: head.epoch,
        validators,
        pending,
        oracleExits,
        missingGwei,
        validatorMinActiveEpochs: BigInt(want.config.validatorMinActiveEpochs ?? SHARD_COMMITTEE_PERIOD),
        isWithoutExits: this.#options.isWithoutExits,
      };
      return {
        missingGwei,
        lastEventBlock: lastEventBlock ?? lastOwnBlock,
        comingInGwei: comingIn,
        ...(await planBesideDeposits(facts, snapshot)),
      };
    });
    return { stake, oracleExits, ...more };
  }

  /** Those whose balance comes to the vault: a key of it may have been deposited by somebody else first. */
  #findPaying(validators: readonly ValidatorState[]): readonly ValidatorState[] {
    const { vault, network } = this.#options;
    const owners = withdrawalAddresses(network, vault).map(owner => fromHex(owner, ADDRESS_LENGTH));
    const isPaying = (validator: ValidatorState) => owners.some(owner => isPaidTo(owner, validator));
    const foreign = validators.filter(validator => !isPaying(validator)).map(({ index }) => index);
    const what = `Validators with keys of the vault have other withdrawal credentials, so that nothing of theirs comes to it: ${nameList(foreign)}`;
    this.#changes.warn('foreign', foreign.length > 0 ? what : undefined);
    return validators.filter(isPaying);
  }
}

/** The plan, and what it is made of: the queue of deposits is long, and is read only where validators would exit. */
async function planBesideDeposits(
  facts: WithdrawalPlanOptions,
  snapshot: BeaconSnapshot,
): Promise<Pick<PlannedWithdrawals, 'facts' | 'plan'>> {
  const plan = planWithdrawals(facts);
  if (!plan.withdrawals.some(({ kind }) => kind === 'exit')) return { facts, plan };
  const awaitingDeposits = await fetchAwaitingDeposits(snapshot, facts.validators);
  const known = { ...facts, awaitingDeposits };
  return { facts: known, plan: planWithdrawals(known) };
}

function waiting(code: WithdrawalWaitCode, waitsFor: string): WithdrawalDecision {
  return { status: 'waiting', code, waitsFor };
}

/** The call that requests the first so many withdrawals of a plan. */
export function withdrawalIntent(
  node: ExecutionNode,
  vault: string,
  { stake, plan, lastEventBlock }: PlannedWithdrawals,
  count: number,
): TransactionIntent {
  const plannedAtBlock = stake.head.executionBlock.number;
  const feeWei = requestFeeWei('withdrawal', stake.requestQueue, count);
  const [intent] = withdrawalIntents(node, {
    vault,
    batches: [encodeWithdrawals(plan.withdrawals.slice(0, count))],
    occasion: { lastEventBlock, plannedAtBlock },
    requestFeeWei: feeWei ?? 0n,
  });
  if (intent === undefined) throw new RangeError('withdrawals of one batch are one call');
  const isPart = count < plan.withdrawals.length;
  return {
    ...(isPart ? asPart(intent) : intent),
    isOutdated: async head =>
      head > plannedAtBlock + STALE_BLOCKS || ((await intent.isOutdated?.(head)) ?? false),
  };
}
