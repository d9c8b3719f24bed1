import type { ChainReader, ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { fetchDepositRoot } from '../../../clients/execution/contracts/deposit-root.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import { type ApprovalRequest, createApprovalRequest } from '../../../domain/protocol/approval.ts';
import { toBeaconGwei } from '../../../domain/protocol/stake-units.ts';
import { equalBytes, type Hex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { nameList } from '../../../lib/name-list.ts';
import type { Network } from '../../../networks/network.ts';
import { describeShortfall } from '../../../transactions/expected-funds.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { MakeExitShardsDeps } from '../../exits/make-exit-shards.ts';
import type { FundedValidators, FundingStep, ValidatorFunding } from '../funding/fund-validators.ts';
import type { PlannedStaking } from '../funding/plan-vault-staking.ts';
import type { NetworkValidators } from '../network-validators/network-validators.ts';
import { askOracles } from './ask-oracles.ts';
import { isBlockedMode } from './blocked-registration.ts';
import { type ChangeLog, createChangeLog } from './change-log.ts';
import { type RegistrationWait, stakeableWei } from './decide-registration.ts';
import { ExitShardMaker, type ExitShardSettings } from './exit-shard-maker.ts';
import { isBatch, type NoBatch, type RegistrationBatch, type RegistrationMode } from './registration-mode.ts';
import {
  type RegistrationPlan,
  RegistrationPlanner,
  type RegistrationPlannerDeps,
  type RegistrationPlannerOptions,
  type RegistrationRound,
} from './registration-planner.ts';
import { type SentRegistration, sendRegistration } from './send-registration.ts';
import { ethereumVaultVersion, stakePerToken } from './vault-version.ts';

export interface RegisterValidatorsDeps extends RegistrationPlannerDeps {
  /** How validators are registered; undefined where they are only topped up. */
  readonly mode: RegistrationMode | undefined;
  /** What makes the plan's top-ups; without it the plan has none. */
  readonly funding?: Pick<ValidatorFunding, 'findStranger' | 'fund'> | undefined;
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly http: HttpDeps;
  readonly signer: Pick<SignerClient, 'signExits' | 'listPublicKeys'>;
  readonly networkValidators: Pick<NetworkValidators, 'nextValidatorIndex' | 'findRegistered'>;
  /** What sends; the wallet is looked at before the oracles are asked where there is a `findShortfall`. */
  readonly outbox: Pick<Outbox, 'send'> & Partial<Pick<Outbox, 'findShortfall'>>;
  /** Is told how the exit shards of a batch are made. */
  readonly onExitShardMode?: MakeExitShardsDeps['onExitShardMode'] | undefined;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RegisterValidatorsOptions extends RegistrationPlannerOptions {
  /** The vault's version as its `version()` says. */
  readonly vaultVersion: number;
  readonly network: Network;
  readonly exitShards: ExitShardSettings;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
}

export type RegistrationOutcome = {
  /** The vault's stakeable assets, with those of a pending harvest. */
  readonly stakeableAssetsWei: bigint;
} & StakingStep;

/** What a pass has come to; validators that it has topped up before are told of where nothing was registered. */
type StakingStep = { readonly status: 'idle' } | FundedValidators | RegistrationWait | SentRegistration;

/** The validators that one pass registers, and what they are registered with. */
interface ChosenBatch {
  readonly batch: RegistrationBatch;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Index on the beacon chain of the first of them. */
  readonly firstIndex: bigint;
}

/**
 * Registers one vault's validators, pass after pass. Each reads what it goes by, decides ({@link RegistrationPlanner}) and
 * acts from the beginning; what is kept in between only saves work and lines of the log.
 */
export class ValidatorRegistrar {
  readonly #deps: RegisterValidatorsDeps;
  readonly #options: RegisterValidatorsOptions;
  readonly #changes: ChangeLog;
  readonly #planner: RegistrationPlanner;
  readonly #shardMaker: ExitShardMaker;
  /** Whether the next snapshot must be of after this registrar's own transaction. */
  #isFreshNeeded = false;

  constructor(deps: RegisterValidatorsDeps, options: RegisterValidatorsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#changes = createChangeLog(deps.log);
    this.#planner = new RegistrationPlanner(deps, options, this.#changes);
    this.#shardMaker = new ExitShardMaker(deps, options);
  }

  /**
   * One pass: registers one batch of as many validators as the vault's assets, the oracles and the signer allow. What
   * it waits for is logged when it changes.
   * @throws ExternalError 'not-enough-approvals', 'registration-would-revert', those of nodes, signers and IPFS;
   *   OperatorError of the exit shards and the deposit data. The next pass starts from the beginning
   */
  async run(signal: AbortSignal): Promise<RegistrationOutcome> {
    const outcome = await this.#pass(signal);
    if (outcome.status === 'registered') {
      this.#deps.log.info(
        { hash: outcome.hash },
        `Successfully registered validators with public keys ${nameList(outcome.publicKeys)}`,
      );
    }
    this.#tell(outcome);
    return outcome;
  }

  /** What waits for somebody to do something is a warning. */
  #tell(outcome: RegistrationOutcome): void {
    const text = describeOutcome(outcome, this.#deps.mode !== undefined);
    const isBlocked = outcome.status === 'waiting' && isBlockedMode(outcome.code);
    this.#changes.info('outcome', isBlocked ? undefined : text);
    this.#changes.warn('blocked', isBlocked ? text : undefined);
  }

  async #pass(signal: AbortSignal): Promise<RegistrationOutcome> {
    const plan = await this.#planner.plan(await this.#readSnapshot(signal), signal);
    return { ...(await this.#stake(plan)), stakeableAssetsWei: plan.stakeableAssetsWei };
  }

  /** Tops up and registers what was planned, unless that has to wait. */
  async #stake({ round, decision, planned, amountsGwei }: RegistrationPlan): Promise<StakingStep> {
    const { mode } = this.#deps;
    if (decision.status === 'idle')
      await mode?.prepare(round.snapshot, round.config.validatorsApprovalBatchLimit);
    if (decision.status !== 'register') return decision;
    const funded = planned && (await this.#fund(round, planned));
    if (funded !== undefined && funded.status !== 'funded') return funded;
    if (mode === undefined || decision.count === 0) return funded ?? { status: 'idle' };
    const next = funded && planned ? await this.#readAgain(round, planned) : round;
    if (!('snapshot' in next)) return next;
    return await this.#registerOnceSynced(mode, next, amountsGwei.slice(0, decision.count));
  }

  /** @returns undefined when there is nothing to top up */
  async #fund(
    { harvest, signal }: RegistrationRound,
    planned: PlannedStaking,
  ): Promise<FundingStep | undefined> {
    const { funding } = this.#deps;
    if (funding === undefined || planned.topUps.length === 0) return undefined;
    this.#isFreshNeeded = true;
    return await funding.fund(planned, harvest, signal);
  }

  /** What is registered after top-ups goes by the chain as they have left it: another root of deposits, and no harvest. */
  async #readAgain(
    { signal }: RegistrationRound,
    { amountsGwei, redemptionsWei }: PlannedStaking,
  ): Promise<RegistrationRound | RegistrationWait | SentRegistration> {
    const { network, minVaultBalanceWei = 0n } = this.#options;
    const snapshot = await this.#readSnapshot(signal);
    const { round, assetsWei, harvestWaitsFor } = await this.#planner.readRound(snapshot, signal);
    if (harvestWaitsFor !== undefined) {
      return { status: 'waiting', code: 'harvest-not-possible', waitsFor: harvestWaitsFor };
    }
    const leftWei = stakeableWei({ assetsWei: assetsWei - redemptionsWei, minVaultBalanceWei });
    const plannedGwei = amountsGwei.reduce((sum, amount) => sum + amount, 0n);
    if (toBeaconGwei(leftWei, stakePerToken(network)) >= plannedGwei) return round;
    return { status: 'restarted', reason: 'the vault has less assets than were left for new validators' };
  }

  async #readSnapshot(signal: AbortSignal): Promise<ChainSnapshot> {
    const snapshot = await this.#deps.chain.readSnapshot({ fresh: this.#isFreshNeeded, signal });
    this.#isFreshNeeded = false;
    return snapshot;
  }

  /** The first sync of the network's validators takes its time; that is no failure. */
  async #registerOnceSynced(
    mode: RegistrationMode,
    round: RegistrationRound,
    amountsGwei: readonly bigint[],
  ): Promise<RegistrationWait | SentRegistration> {
    try {
      return await this.#register(mode, round, amountsGwei);
    } catch (error) {
      if (!(error instanceof ExternalError) || error.code !== 'network-validators-not-synced') throw error;
      const waitsFor = 'the validators of the network to be read for the first time';
      return { status: 'waiting', code: error.code, waitsFor };
    }
  }

  /** Registers validators of up to these amounts, from the choice of the batch to the transaction. */
  async #register(
    mode: RegistrationMode,
    round: RegistrationRound,
    amountsGwei: readonly bigint[],
  ): Promise<RegistrationWait | SentRegistration> {
    const chosen = await this.#chooseBatch(mode, round, amountsGwei);
    if (!('batch' in chosen)) return { status: 'waiting', ...chosen };
    const { batch, firstIndex } = chosen;
    const unpaid = await this.#waitForFunds(batch);
    if (unpaid !== undefined) return unpaid;
    this.#changes.info(
      'batch',
      `Started registration of ${batch.validators.length} validator(s), start index=${firstIndex}`,
    );
    const request = await this.#makeRequest(round, chosen);
    const approval = await askOracles(this.#deps, { ...this.#options, ...round }, batch, request);
    this.#deps.log.info(
      `Fetched oracles approval for validators: deadline=${approval.deadline}, start index=${firstIndex}`,
    );
    if (await this.#hasDeposits(round.snapshot)) {
      const reason = 'somebody deposited while the oracles approved, so that their approval is void';
      return { status: 'restarted', reason };
    }
    this.#isFreshNeeded = true;
    return await sendRegistration(this.#deps, { vault: this.#options.vault, ...round, approval }, batch);
  }

  async #chooseBatch(
    mode: RegistrationMode,
    { snapshot, config }: RegistrationRound,
    amountsGwei: readonly bigint[],
  ): Promise<ChosenBatch | NoBatch> {
    const { signer, networkValidators } = this.#deps;
    const limit = amountsGwei.length;
    const [loadedKeys, firstIndex] = await Promise.all([
      signer.listPublicKeys(),
      networkValidators.nextValidatorIndex(snapshot),
    ]);
    const batch = await this.#shardMaker.choose({ config, loadedKeys, limit }, isAtHand =>
      mode.planBatch(snapshot, {
        limit,
        amountsGwei,
        loadedKeys,
        isAtHand,
        findRegistered: keys => networkValidators.findRegistered(keys),
      }),
    );
    return isBatch(batch) ? { batch, loadedKeys, firstIndex } : batch;
  }

  /** A wallet that cannot pay is waited for before anybody signs or approves anything. */
  async #waitForFunds({ validators }: RegistrationBatch): Promise<RegistrationWait | undefined> {
    const expected = { kind: 'register-validators', validators: validators.length } as const;
    const shortfall = await this.#deps.outbox.findShortfall?.(expected);
    if (shortfall === undefined) return undefined;
    const waitsFor = describeShortfall(shortfall, this.#options.network);
    return { status: 'waiting', code: 'insufficient-funds', waitsFor };
  }

  /** What the oracles are asked to approve: exit shards, and the proof that the vault takes these validators. */
  async #makeRequest(
    round: RegistrationRound,
    { batch, loadedKeys, firstIndex }: ChosenBatch,
  ): Promise<ApprovalRequest> {
    const { vault, vaultVersion, network } = this.#options;
    const { snapshot, config, signal } = round;
    const [validators, authority] = await Promise.all([
      this.#shardMaker.make(config, loadedKeys, batch, firstIndex),
      batch.authorize(snapshot.registryRoot),
    ]);
    signal.throwIfAborted();
    return createApprovalRequest({
      vault,
      vaultVersion: ethereumVaultVersion(network, vault, vaultVersion),
      validatorsRegistryRoot: snapshot.registryRoot,
      deadline: deadlineAfter(this.#deps.now(), round),
      validatorIndex: firstIndex,
      validators,
      authority,
      amountsGwei: batch.type === '0x02' ? batch.validators.map(({ amountGwei }) => amountGwei) : undefined,
    });
  }

  /** Whether the deposit contract has taken deposits since the snapshot. */
  async #hasDeposits({ registryRoot }: ChainSnapshot): Promise<boolean> {
    const { depositContract } = this.#options.network.contracts;
    return !equalBytes(await fetchDepositRoot(this.#deps.node, depositContract), registryRoot);
  }
}

/** The time until which an approval is asked for, in unix seconds: by the later of two clocks, as the chain's own decides. */
function deadlineAfter(nowMs: number, { snapshot, config }: RegistrationRound): bigint {
  const fromMs = Math.max(nowMs, snapshot.timestamp * 1000);
  return BigInt(Math.floor((fromMs + config.signatureValidityPeriodMs) / 1000));
}

/** What is told when it changes. */
function describeOutcome(outcome: RegistrationOutcome, isRegistering: boolean): string | undefined {
  if (outcome.status === 'waiting') {
    const { waitsFor } = outcome;
    return isRegistering ? `Registration waits for ${waitsFor}.` : `Funding waits for ${waitsFor}.`;
  }
  if (outcome.status !== 'restarted') return undefined;
  const { reason } = outcome;
  return isRegistering ? `Registration starts again: ${reason}.` : `Funding starts again: ${reason}.`;
}
