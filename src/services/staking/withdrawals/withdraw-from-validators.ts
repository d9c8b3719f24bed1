import type { ChainReader, ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { noOracleConfig } from '../../../clients/execution/contracts/keeper.ts';
import { fetchMissingAssets } from '../../../clients/execution/contracts/validators-checker.ts';
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
} from '../../../domain/protocol/withdrawal-plan.ts';
import { fromHex, type Hex } from '../../../lib/bytes.ts';
import { ExternalError, messageOf, OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import { nameList } from '../../../lib/name-list.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import { type Network, withdrawalAddresses } from '../../../networks/network.ts';
import { requireContract } from '../../../networks/require-contract.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';
import { withdrawalIntents } from '../operations/operation-intents.ts';
import { type ChangeLog, createChangeLog } from '../registration/change-log.ts';
import { stakePerToken } from '../registration/vault-version.ts';
import { asPart, isStillThere, type Submission } from './last-submission.ts';
import type { RedemptionReserve } from './redemption-reserve.ts';
import { findLastRequestBlock, MAX_BATCH, STALE_BLOCKS } from './request-occasion.ts';
import { readVaultStake, type VaultStake, type VaultStakeDeps } from './vault-stake.ts';
import type { WithdrawalWaitCode } from './withdrawal-waits.ts';

export interface ValidatorWithdrawalsDeps extends VaultStakeDeps {
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly http: HttpDeps;
  readonly outbox: Pick<Outbox, 'send'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly reserve: Pick<RedemptionReserve, 'read'>;
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  readonly findLastSubmission: () => Promise<Submission | undefined>;
}

export interface ValidatorWithdrawalsOptions {
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

/** What a pass has come to, and what it has seen; undefined where that was not looked at. */
export type WithdrawalOutcome = {
  /** What the exit queue then lacks. */
  readonly queuedAssetsGwei?: bigint | undefined;
  /** Validators of the vault that the oracles exit. */
  readonly exitedByOracles?: number | undefined;
} & (
  | { readonly status: 'nothing-missing' }
  | { readonly status: 'waiting'; readonly code: WithdrawalWaitCode; readonly waitsFor: string }
  | { readonly status: 'requested'; readonly hash: Hex; readonly blockNumber: number }
  /** Something changed in the middle; the next pass looks again. */
  | { readonly status: 'restarted'; readonly reason: string }
);

/** Limit of the newest Python operator for one answer about exits. */
const EXITS_TIMEOUT_MS = 10_000;

const RESTARTS = {
  expired: 'the requests expired',
  'already-done': 'the withdrawals were requested already',
  outdated: 'the chain has moved past this plan',
  cancelled: 'the transaction of the withdrawals was cancelled',
};

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
}

/** A plan and what it was made of. */
interface Planned {
  readonly stake: VaultStake;
  readonly missingGwei: bigint;
  readonly plan: WithdrawalPlan;
  readonly lastEventBlock: number | null;
}

/**
 * Requests withdrawals from a vault's validators (EIP-7002) when its exit queue lacks more than is coming in, before oracles
 * exit whole validators for it.
 */
export class ValidatorWithdrawals {
  readonly #deps: ValidatorWithdrawalsDeps;
  readonly #options: ValidatorWithdrawalsOptions;
  readonly #changes: ChangeLog;
  readonly #stakePerToken: bigint;

  constructor(deps: ValidatorWithdrawalsDeps, options: ValidatorWithdrawalsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#changes = createChangeLog(deps.log);
    this.#stakePerToken = stakePerToken(options.network);
  }

  /**
   * One pass: looks whether anything is missing, and requests at most one transaction's withdrawals.
   * @throws ExternalError `withdrawal-refused`; what nodes, gateways and the outbox fail with
   */
  async run(signal: AbortSignal): Promise<WithdrawalOutcome> {
    const outcome = await this.#pass(signal);
    this.#changes.info('outcome', describeOutcome(outcome));
    return outcome;
  }

  async #pass(signal: AbortSignal): Promise<WithdrawalOutcome> {
    try {
      return await this.#look(signal);
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code !== 'network-incomplete') throw error;
      const what = [error.message, error.hint].join(' ');
      return waiting('network-incomplete', `a network file that is complete: ${what}`);
    }
  }

  /** Finds out with few questions whether there is anything to do. */
  async #look(signal: AbortSignal): Promise<WithdrawalOutcome> {
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
    const want: Want = { config, harvest, contracts };
    // What comes in makes it only less: where nothing is missing without, no validator need be looked at.
    if ((await this.#fetchMissingGwei(want, snapshot.blockNumber, 0n)) < 1n) {
      return { status: 'nothing-missing', queuedAssetsGwei: 0n };
    }
    const pause = await this.#findPause(config, snapshot.blockNumber);
    return pause === undefined ? await this.#plan(want, signal) : waiting('interval', pause);
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
    { config, harvest, contracts: { checker } }: Want,
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

  async #plan(want: Want, signal: AbortSignal): Promise<WithdrawalOutcome> {
    const oracleExits = await this.#fetchOracleExits(want.config, signal);
    if (oracleExits === undefined) {
      const threshold = want.config.exitSignatureRecoverThreshold;
      const what = `answers of ${threshold} oracles about the validators that they exit`;
      return waiting('oracle-exits-unknown', what);
    }
    const planned = await this.#readPlan(want, oracleExits, signal);
    const exitedByOracles = planned.stake.validators.filter(({ index }) => oracleExits.has(index)).length;
    return { ...(await this.#decide(planned, signal)), exitedByOracles };
  }

  async #decide(planned: Planned, signal: AbortSignal): Promise<WithdrawalOutcome> {
    const { stake, missingGwei, plan } = planned;
    if (missingGwei < 1n) return { status: 'nothing-missing', queuedAssetsGwei: 0n };
    const wait = (code: WithdrawalWaitCode, waitsFor: string) => waiting(code, waitsFor, missingGwei);
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
    if (count > 0) return await this.#request(planned, count, signal);
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

  async #readPlan(want: Want, oracleExits: ReadonlySet<bigint>, signal: AbortSignal): Promise<Planned> {
    const { node } = this.#deps;
    const { vault, network } = this.#options;
    const { withdrawalRequests, consolidationRequests } = want.contracts;
    const query = { vault, withdrawalRequests, consolidationRequests, signal };
    const { stake, more } = await readVaultStake(this.#deps, query, async ({ head, validators, pending }) => {
      const { number } = head.executionBlock;
      const comingIn = comingInGwei({ validators: this.#findPaying(validators), pending, oracleExits });
      const [missingGwei, lastEventBlock] = await Promise.all([
        this.#fetchMissingGwei(want, number, comingIn),
        findLastRequestBlock(node, vault, { network, toBlock: number }),
      ]);
      return { missingGwei, lastEventBlock };
    });
    const { head, validators, pending } = stake;
    const { epoch } = head;
    const { validatorMinActiveEpochs } = want.config;
    const plan = planWithdrawals({
      vault: fromHex(vault, ADDRESS_LENGTH),
      epoch,
      validators,
      pending,
      oracleExits,
      missingGwei: more.missingGwei,
      validatorMinActiveEpochs: BigInt(validatorMinActiveEpochs ?? SHARD_COMMITTEE_PERIOD),
      isWithoutExits: this.#options.isWithoutExits,
    });
    return { stake, plan, ...more };
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

  async #request(planned: Planned, count: number, signal: AbortSignal): Promise<WithdrawalOutcome> {
    const { stake, plan } = planned;
    const { vault } = this.#options;
    const requested = plan.withdrawals.slice(0, count);
    const outcome = await this.#deps.outbox.send(this.#intentOf(planned, requested), { signal });
    const { status } = outcome;
    if (status === 'reverted' || status === 'would-revert') {
      throw new ExternalError(
        'withdrawal-refused',
        `The vault ${vault} refuses to request withdrawals: ${outcome.reason.replace(/\.$/, '')}.`,
        { retryable: true },
      );
    }
    if (status !== 'confirmed') {
      return { status: 'restarted', reason: RESTARTS[status], queuedAssetsGwei: planned.missingGwei };
    }
    const { hash, blockNumber } = outcome;
    const exits = requested.filter(({ kind }) => kind === 'exit').length;
    const returnsGwei = requested.reduce((sum, one) => sum + one.returnsGwei, 0n);
    const facts = { vault, hash, exits, partials: count - exits, gwei: String(returnsGwei) };
    this.#deps.log.info(
      { ...facts, epoch: String(stake.head.epoch) },
      'Requested withdrawals from validators',
    );
    const leftGwei = planned.missingGwei - returnsGwei;
    return { status: 'requested', hash, blockNumber, queuedAssetsGwei: leftGwei > 0n ? leftGwei : 0n };
  }

  #intentOf(
    { stake, plan, lastEventBlock }: Planned,
    requested: WithdrawalPlan['withdrawals'],
  ): TransactionIntent {
    const { node } = this.#deps;
    const { vault } = this.#options;
    const plannedAtBlock = stake.head.executionBlock.number;
    const feeWei = requestFeeWei('withdrawal', stake.requestQueue, requested.length);
    const [intent] = withdrawalIntents(node, {
      vault,
      batches: [encodeWithdrawals(requested)],
      occasion: { lastEventBlock, plannedAtBlock },
      requestFeeWei: feeWei ?? 0n,
    });
    if (intent === undefined) throw new RangeError('withdrawals of one batch are one call');
    const isPart = requested.length < plan.withdrawals.length;
    return {
      ...(isPart ? asPart(intent) : intent),
      isOutdated: async head =>
        head > plannedAtBlock + STALE_BLOCKS || ((await intent.isOutdated?.(head)) ?? false),
    };
  }
}

function waiting(code: WithdrawalWaitCode, waitsFor: string, queuedAssetsGwei?: bigint): WithdrawalOutcome {
  return { status: 'waiting', code, waitsFor, queuedAssetsGwei };
}

/** What is told when it changes. */
function describeOutcome(outcome: WithdrawalOutcome): string | undefined {
  if (outcome.status === 'waiting') return `Waiting for ${outcome.waitsFor}`;
  if (outcome.status === 'restarted') return `Withdrawals are planned anew: ${outcome.reason}`;
  return undefined;
}
