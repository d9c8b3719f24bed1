import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { noOracleConfig } from '../../../clients/execution/contracts/keeper.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { toBeaconGwei } from '../../../domain/protocol/stake-units.ts';
import { splitDeposits } from '../../../domain/protocol/staking-plan.ts';
import { messageOf } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { Network } from '../../../networks/network.ts';
import { describeReserved, describeUntracked } from '../funding/describe-plan.ts';
import type { ValidatorFunding } from '../funding/fund-validators.ts';
import { waitForHead } from '../funding/head-wait.ts';
import type { PlannedStaking, VaultStakingPlanner } from '../funding/plan-vault-staking.ts';
import type { ChangeLog } from './change-log.ts';
import {
  decideRegistration,
  type RegistrationDecision,
  type RegistrationState,
  type RegistrationWait,
  stakeableWei,
} from './decide-registration.ts';
import { findStakeableAssets } from './stakeable-assets.ts';
import type { StakingOptions } from './staking-options.ts';
import { stakePerToken, validatorAssetsWei } from './vault-version.ts';

export interface RegistrationPlannerDeps {
  /** What plans for a vault of version 5. Without it, all that the vault has is registered. */
  readonly planner?: Pick<VaultStakingPlanner, 'plan'> | undefined;
  /** What makes the plan's top-ups; without it the plan has none. */
  readonly funding?: Pick<ValidatorFunding, 'findStranger'> | undefined;
  readonly node: ExecutionNode;
  /** The oracle configuration of an IPFS hash: asked for in every pass, so that whoever gives it keeps the last one. */
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  /** What the vault's `updateState` takes; null when there is nothing of this vault to harvest. */
  readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  readonly log: Pick<Logger, 'debug'>;
}

export interface RegistrationPlannerOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'currency' | 'contracts'>;
  readonly maxFeePerGasGwei: bigint;
  /** What stays in the vault and is not staked. Default: nothing. */
  readonly minVaultBalanceWei?: bigint | undefined;
  /** What the validators get. Default: 32 ETH each, with 0x01 credentials. */
  readonly staking?: StakingOptions | undefined;
}

/** What one pass goes by. */
export interface RegistrationRound {
  readonly snapshot: ChainSnapshot;
  readonly config: OracleConfig;
  readonly harvest: HarvestParams | null;
  readonly signal: AbortSignal;
}

/** What is to be done with a vault's assets now. */
export interface RegistrationPlan {
  readonly round: RegistrationRound;
  /** Withdrawable assets of the vault after a pending harvest: nobody waits for them. */
  readonly assetsWei: bigint;
  /** What of them may be staked. */
  readonly stakeableAssetsWei: bigint;
  /** Amounts of the validators that they are enough for behind the top-ups, as many as are approved at once; gwei of the beacon chain. */
  readonly amountsGwei: readonly bigint[];
  /** Top-ups, and what else a vault of version 5 is looked at for; undefined for others, and where that could not be read. */
  readonly planned: PlannedStaking | undefined;
  readonly decision: RegistrationDecision;
}

/** Decides what is registered and topped up of a vault's assets: it reads, and sends nothing. */
export class RegistrationPlanner {
  readonly #deps: RegistrationPlannerDeps;
  readonly #options: RegistrationPlannerOptions;
  readonly #changes: ChangeLog;

  /** @param changes - is told what keeps assets from being looked at whole */
  constructor(deps: RegistrationPlannerDeps, options: RegistrationPlannerOptions, changes: ChangeLog) {
    this.#deps = deps;
    this.#options = options;
    this.#changes = changes;
  }

  /**
   * What a pass goes by, and the assets that the vault has after a pending harvest.
   * @throws ExternalError `no-oracle-config`; what nodes and IPFS fail with
   */
  async readRound(
    snapshot: ChainSnapshot,
    signal: AbortSignal,
  ): Promise<{
    readonly round: RegistrationRound;
    readonly assetsWei: bigint;
    readonly harvestWaitsFor: string | undefined;
  }> {
    const { vault, network } = this.#options;
    const { config: event } = snapshot.events;
    if (event === null) throw noOracleConfig(network.contracts.keeper);
    const config = await this.#deps.fetchOracleConfig(event.ipfsHash);
    const { assetsWei, harvest, waitsFor } = await findStakeableAssets(
      this.#deps,
      this.#changes,
      vault,
      snapshot,
    );
    return { round: { snapshot, config, harvest, signal }, assetsWei, harvestWaitsFor: waitsFor };
  }

  /**
   * Decides by one snapshot; what vaults of version 5 have on the beacon chain is read of its head.
   * @throws what {@link RegistrationPlanner.readRound} and the planner throw
   */
  async plan(snapshot: ChainSnapshot, signal: AbortSignal): Promise<RegistrationPlan> {
    const { network, maxFeePerGasGwei, minVaultBalanceWei = 0n } = this.#options;
    const { planner } = this.#deps;
    const { round, assetsWei, harvestWaitsFor } = await this.readRound(snapshot, signal);
    const state = {
      assetsWei,
      minVaultBalanceWei,
      harvestWaitsFor,
      assetsPerValidatorWei: validatorAssetsWei(network),
      batchLimit: round.config.validatorsApprovalBatchLimit,
      baseFeePerGasWei: snapshot.baseFeePerGasWei,
      maxFeePerGasGwei,
    };
    if (planner !== undefined) return await this.#planByVault(planner, round, state);
    const stakeableAssetsWei = stakeableWei(state);
    const amountsGwei = this.#splitAssets(stakeableAssetsWei, state.batchLimit);
    const decision = decideRegistration({ ...state, affordable: amountsGwei.length });
    return { round, assetsWei, stakeableAssetsWei, amountsGwei, planned: undefined, decision };
  }

  /** What is staked of a vault of version 5: what redemptions need is not, and top-ups come first. */
  async #planByVault(
    planner: Pick<VaultStakingPlanner, 'plan'>,
    round: RegistrationRound,
    state: RegistrationState,
  ): Promise<RegistrationPlan> {
    const { assetsWei } = state;
    const stranger = this.#deps.funding?.findStranger(round.snapshot.vault.validatorsManager);
    const isOnlyLooking =
      stranger !== undefined || decideRegistration({ ...state, topUps: 1 }).status !== 'register';
    const planned = await planner
      .plan({ ...round, assetsWei, isOnlyLooking })
      .catch((error: unknown) => this.#waitOrThrow(error));
    if ('code' in planned) {
      const stakeableAssetsWei = stakeableWei(state);
      return { round, assetsWei, stakeableAssetsWei, amountsGwei: [], planned: undefined, decision: planned };
    }
    this.#changes.warn('untracked', describeUntracked(planned));
    const { amountsGwei, topUps, redemptionsWei } = planned;
    const decision = decideRegistration({
      ...state,
      affordable: amountsGwei.length,
      topUps: topUps.length,
      fundingWaitsFor: describeReserved(planned),
    });
    return {
      round,
      planned,
      amountsGwei,
      assetsWei: planned.assetsWei,
      stakeableAssetsWei: stakeableWei({ ...state, assetsWei: planned.assetsWei - redemptionsWei }),
      decision: stranger !== undefined && topUps.length > 0 ? stranger : decision,
    };
  }

  #waitOrThrow(error: unknown): RegistrationWait {
    const wait = waitForHead(error);
    if (wait === undefined) throw error;
    this.#deps.log.debug(messageOf(error));
    return wait;
  }

  /** Amounts of the validators that the vault's assets are enough for, as many as are approved at once. */
  #splitAssets(stakeableAssetsWei: bigint, limit: number): readonly bigint[] {
    const { network, staking } = this.#options;
    const assetsGwei = toBeaconGwei(stakeableAssetsWei, stakePerToken(network));
    if (staking !== undefined && assetsGwei < staking.minDepositAmountGwei) return [];
    const { type = '0x01', maxValidatorBalanceGwei = 0n } = staking ?? {};
    return splitDeposits(assetsGwei, { type, maxValidatorBalanceGwei, limit });
  }
}
