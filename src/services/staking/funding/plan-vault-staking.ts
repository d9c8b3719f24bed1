import type { BeaconSnapshot } from '../../../clients/beacon/beacon-snapshot.ts';
import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { findLastOperationBlock } from '../../../clients/execution/contracts/validator-operations.ts';
import {
  fetchTrackedValidators,
  fetchWithdrawableAssets,
} from '../../../clients/execution/contracts/vault-v5.ts';
import { DEPOSIT_AMOUNT_GWEI } from '../../../domain/consensus/deposit.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { toBeaconGwei } from '../../../domain/protocol/stake-units.ts';
import {
  type FundingCandidate,
  findFundingCandidates,
  planFunding,
  planStaking,
  type StakingPlan,
  stakeableGwei,
} from '../../../domain/protocol/staking-plan.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Network } from '../../../networks/network.ts';
import { requireContract } from '../../../networks/require-contract.ts';
import type { StakingOptions } from '../registration/staking-options.ts';
import { stakePerToken } from '../registration/vault-version.ts';
import type { RedemptionReserve } from '../withdrawals/redemption-reserve.ts';
import {
  readVaultStake,
  requireReached,
  type VaultStake,
  type VaultStakeDeps,
} from '../withdrawals/vault-stake.ts';

export interface VaultStakingDeps extends VaultStakeDeps {
  readonly reserve: Pick<RedemptionReserve, 'read'>;
  /** Block of the last top-ups that this vault's operators have sent, as their database has it. */
  readonly findLastFunding: () => Promise<number | undefined>;
}

export interface VaultStakingOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'name' | 'currency' | 'secondsPerSlot' | 'slotsPerEpoch' | 'contracts'>;
  readonly staking: StakingOptions;
  /** What stays in the vault and is not staked. */
  readonly minVaultBalanceWei: bigint;
  /** Whether validators are registered; else all that there is goes into top-ups. */
  readonly isRegistering: boolean;
  /** How validators are topped up; undefined where none is. */
  readonly funding?: FundingRules | undefined;
}

export interface FundingRules {
  /** Time from one top-up to the next. */
  readonly minDepositDelayMs: number;
}

/** What a plan is made of beside what it reads itself. */
export interface StakingQuery {
  readonly snapshot: Pick<ChainSnapshot, 'blockNumber'>;
  readonly config: Pick<OracleConfig, 'validatorsApprovalBatchLimit' | 'osTokenRedeemMultiplierBps'>;
  /** The vault's withdrawable assets as of the snapshot, after the harvest. */
  readonly assetsWei: bigint;
  /** A pending harvest, which goes before anything is staked; null when there is none. */
  readonly harvest: HarvestParams | null;
  /** Whether nothing will be done about the plan in this pass: then one that is not of the head does as well. */
  readonly isOnlyLooking?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** What becomes of a vault's assets, and what that was found out by: all of it as of one block. */
export interface PlannedStaking extends StakingPlan {
  readonly blockNumber: number;
  /** Withdrawable assets of the vault after a pending harvest: nobody in the exit queue waits for them. */
  readonly assetsWei: bigint;
  /** What of them osToken redemptions will take. 0 where there is too little to stake anyway, which is not looked at then. */
  readonly redemptionsWei: bigint;
  /** What may be staked of them, in gwei of the beacon chain. */
  readonly stakeableGwei: bigint;
  /** Block of the vault's last top-up; null where none is known, or nobody has looked. */
  readonly lastFundingBlock: number | null;
  /** The first block in which validators may be topped up again; undefined where that is not waited for. */
  readonly fundableFromBlock: number | undefined;
  /** Validators that would be topped up, lower case: the vault refuses it, since it has not registered them with 0x02 credentials. */
  readonly untracked: readonly Hex[];
  /** What top-ups were chosen by; undefined where the beacon chain was not looked at, or the plan is kept of an earlier look. */
  readonly view?: StakingView | undefined;
}

/** Validators of a vault, as top-ups are chosen of them. */
interface StakingView {
  readonly stake: VaultStake;
  /** Those that take top-ups. */
  readonly candidates: readonly FundingCandidate[];
}

/** How far back the vault's last top-up is looked for at least, which tells occasions apart. */
const EVENTS_SECONDS = 43_200;

/**
 * Plans what becomes of the assets of a vault of version 5 (3 on Gnosis): top-ups first, then registrations, after what osToken
 * redemptions need. It only asks: tasks do what it says, and others show it.
 */
export class VaultStakingPlanner {
  readonly #deps: VaultStakingDeps;
  readonly #options: VaultStakingOptions;
  readonly #stakePerToken: bigint;
  /** Validators that the vault has said to know: it does not forget them, and a call that was wrong about that would revert. */
  readonly #tracked = new Set<Hex>();
  /** The last plan, for as long as the same would come out. */
  #kept:
    | { readonly planned: PlannedStaking; readonly assetsWei: bigint; readonly untilBlock: number }
    | undefined;

  constructor(deps: VaultStakingDeps, options: VaultStakingOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#stakePerToken = stakePerToken(options.network);
  }

  /**
   * The plan of the head. While the assets stay the same, one without top-ups holds for an epoch: the queue of deposits alone
   * may have 20 MB.
   * @throws OperatorError `network-incomplete`; ExternalError `node-behind` and what `readVaultStake` and the reserve throw
   */
  async plan(query: StakingQuery): Promise<PlannedStaking> {
    const { snapshot, assetsWei } = query;
    const { blockNumber } = snapshot;
    if (this.#stakeableGwei(assetsWei, 0n) < this.#leastGwei()) {
      return { ...NOTHING, blockNumber, assetsWei, stakeableGwei: this.#stakeableGwei(assetsWei, 0n) };
    }
    const kept = await this.#findKept(query);
    if (kept !== undefined) return kept;
    const planned = await this.#planAnew(query);
    const { fundableFromBlock = Number.POSITIVE_INFINITY } = planned;
    const untilBlock = Math.min(planned.blockNumber + this.#options.network.slotsPerEpoch, fundableFromBlock);
    // Not with all that ten thousand validators have.
    this.#kept = { planned: { ...planned, view: undefined }, assetsWei, untilBlock };
    return planned;
  }

  /** The least for which anything is staked. */
  #leastGwei(): bigint {
    const { funding, staking } = this.#options;
    const { minDepositAmountGwei: least } = staking;
    return funding !== undefined || least > DEPOSIT_AMOUNT_GWEI ? least : DEPOSIT_AMOUNT_GWEI;
  }

  #stakeableGwei(withdrawableWei: bigint, reservedWei: bigint): bigint {
    const { minVaultBalanceWei } = this.#options;
    return stakeableGwei({
      withdrawableWei,
      reservedWei,
      stakePerToken: this.#stakePerToken,
      minVaultBalanceGwei: toBeaconGwei(minVaultBalanceWei, this.#stakePerToken),
    });
  }

  async #findKept(query: StakingQuery): Promise<PlannedStaking | undefined> {
    const { snapshot, config, assetsWei, isOnlyLooking = false } = query;
    const kept = this.#kept;
    if (kept === undefined || kept.assetsWei !== assetsWei) return undefined;
    if (snapshot.blockNumber >= kept.untilBlock) return undefined;
    const { planned } = kept;
    if (isOnlyLooking) return planned;
    if (planned.topUps.length > 0) return undefined;
    if (planned.amountsGwei.length === 0) return planned;
    // What is registered now must not be what redemptions have come to need.
    const reservedWei = await this.#readReserve(snapshot.blockNumber, config);
    return reservedWei === planned.redemptionsWei ? planned : undefined;
  }

  #readReserve(blockNumber: number, config: StakingQuery['config']): Promise<bigint> {
    return this.#deps.reserve.read(blockNumber, config.osTokenRedeemMultiplierBps);
  }

  async #planAnew(query: StakingQuery): Promise<PlannedStaking> {
    const { validators } = this.#deps;
    const { funding } = this.#options;
    const { blockNumber } = query.snapshot;
    if (funding === undefined) return await this.#planWithoutFunding(query);
    const { finalized, late } = await validators.read(blockNumber, query.signal);
    const hasValidators = finalized.length + late.length > 0;
    return hasValidators ? await this.#planOfHead(query, funding) : await this.#planWithoutFunding(query);
  }

  async #planWithoutFunding({ snapshot, config, assetsWei }: StakingQuery): Promise<PlannedStaking> {
    const { blockNumber } = snapshot;
    const redemptionsWei = await this.#readReserve(blockNumber, config);
    const assetsGwei = this.#stakeableGwei(assetsWei, redemptionsWei);
    const plan = this.#split(assetsGwei, config, { candidates: [], isFundedLately: false });
    return { ...NOTHING, ...plan, blockNumber, assetsWei, redemptionsWei, stakeableGwei: assetsGwei };
  }

  /** What one head of both chains says. */
  async #planOfHead(query: StakingQuery, funding: FundingRules): Promise<PlannedStaking> {
    const { vault, network } = this.#options;
    const find = (contract: 'withdrawalRequests' | 'consolidationRequests') =>
      requireContract(network, contract, 'Top-ups of validators');
    const stakeQuery = {
      vault,
      withdrawalRequests: find('withdrawalRequests'),
      consolidationRequests: find('consolidationRequests'),
      signal: query.signal,
    };
    const lastOwnBlock = await this.#deps.findLastFunding();
    const { more } = await readVaultStake(this.#deps, stakeQuery, (stake, beacon) => {
      // Before what this program has seen, or done, deposits of its own would be missing.
      requireReached(stake, Math.max(query.snapshot.blockNumber, lastOwnBlock ?? 0));
      return this.#planOfState(query, funding, { stake, beacon, lastOwnBlock });
    });
    return more;
  }

  async #planOfState(
    { config, harvest }: StakingQuery,
    { minDepositDelayMs }: FundingRules,
    state: {
      readonly stake: VaultStake;
      readonly beacon: BeaconSnapshot;
      readonly lastOwnBlock: number | undefined;
    },
  ): Promise<PlannedStaking> {
    const { node } = this.#deps;
    const { vault, network } = this.#options;
    const { stake, beacon, lastOwnBlock } = state;
    const { publicKeys, validators, pending } = stake;
    const { number: blockNumber } = stake.head.executionBlock;
    const delayBlocks = Math.floor(minDepositDelayMs / 1000 / network.secondsPerSlot);
    const [pendingDeposits, assetsWei, redemptionsWei, lastEventBlock] = await Promise.all([
      beacon.fetchPendingDeposits(publicKeys),
      fetchWithdrawableAssets(node, vault, { harvest, blockNumber }),
      this.#readReserve(blockNumber, config),
      this.#findLastFundingBlock(blockNumber, delayBlocks),
    ]);
    const assetsGwei = this.#stakeableGwei(assetsWei, redemptionsWei);
    const found = findFundingCandidates({
      vault: fromHex(vault, ADDRESS_LENGTH),
      publicKeys,
      validators,
      pendingDeposits,
      pending,
    });
    const { candidates, untracked } = await this.#leaveOutUntracked(found, assetsGwei, blockNumber);
    const isFundedLately = lastEventBlock !== null && lastEventBlock >= blockNumber - delayBlocks;
    const plan = this.#split(assetsGwei, config, { candidates, isFundedLately });
    return {
      ...plan,
      blockNumber,
      assetsWei,
      redemptionsWei,
      stakeableGwei: assetsGwei,
      lastFundingBlock: lastEventBlock ?? lastOwnBlock ?? null,
      fundableFromBlock: plan.reservedGwei > 0n ? (lastEventBlock ?? 0) + delayBlocks + 1 : undefined,
      untracked,
      view: { stake, candidates },
    };
  }

  #findLastFundingBlock(toBlock: number, delayBlocks: number): Promise<number | null> {
    const { vault, network } = this.#options;
    const blocks = Math.max(delayBlocks, Math.floor(EVENTS_SECONDS / network.secondsPerSlot));
    const fromBlock = Math.max(0, network.contracts.keeperGenesisBlock, toBlock - blocks);
    if (fromBlock > toBlock) return Promise.resolve(null);
    return findLastOperationBlock(this.#deps.node, vault, { kind: 'funding', fromBlock, toBlock });
  }

  #split(
    assetsGwei: bigint,
    { validatorsApprovalBatchLimit }: StakingQuery['config'],
    choice: { readonly candidates: readonly FundingCandidate[]; readonly isFundedLately: boolean },
  ): StakingPlan {
    const { staking, isRegistering } = this.#options;
    const batchLimit = isRegistering ? validatorsApprovalBatchLimit : 0;
    return planStaking({ ...staking, ...choice, assetsGwei, batchLimit });
  }

  /** The vault is asked about those that would be topped up; where it refuses one, about all that could be in its place. */
  async #leaveOutUntracked(
    found: readonly FundingCandidate[],
    assetsGwei: bigint,
    blockNumber: number,
  ): Promise<{ readonly candidates: readonly FundingCandidate[]; readonly untracked: readonly Hex[] }> {
    const { vault, network, staking } = this.#options;
    const { multicall } = network.contracts;
    const tracked = this.#tracked;
    const untracked = new Set<Hex>();
    let candidates = found;
    for (;;) {
      const chosen = planFunding(candidates, assetsGwei, staking);
      const isDoubtful = ({ publicKey }: { readonly publicKey: Uint8Array }) =>
        !tracked.has(toHex(publicKey));
      if (!chosen.some(isDoubtful)) return { candidates, untracked: [...untracked] };
      const asked = (untracked.size === 0 ? chosen : candidates)
        .filter(isDoubtful)
        .map(({ publicKey }) => publicKey);
      const answers = await fetchTrackedValidators(this.#deps.node, vault, asked, { multicall, blockNumber });
      for (const [i, publicKey] of asked.entries()) {
        (answers[i] === true ? tracked : untracked).add(toHex(publicKey));
      }
      candidates = candidates.filter(({ publicKey }) => !untracked.has(toHex(publicKey)));
    }
  }
}

const NOTHING = {
  topUps: [],
  reservedGwei: 0n,
  amountsGwei: [],
  redemptionsWei: 0n,
  lastFundingBlock: null,
  fundableFromBlock: undefined,
  untracked: [],
} as const;
