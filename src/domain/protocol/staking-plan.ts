import { equalBytes, type Hex, toHex } from '../../lib/bytes.ts';
import { compareBigints } from '../../lib/compare.ts';
import { compoundingCredentials, DEPOSIT_AMOUNT_GWEI, type ValidatorType } from '../consensus/deposit.ts';
import { isCompoundingOf, isLeaving, type ValidatorState } from '../consensus/validator-state.ts';
import type { PendingOperations } from './pending-operations.ts';
import { toBeaconGwei } from './stake-units.ts';
import { largestBatch, type ValidatorAmount } from './validator-entries.ts';

/** Most top-ups in one transaction. Far from a length that the vault could mistake: see {@link largestBatch}. */
export const TOP_UP_BATCH = 10;

/**
 * What of a vault's assets may be staked, in gwei of the beacon chain.
 * @param options.withdrawableWei - `withdrawableAssets()`, after a pending harvest
 * @param options.reservedWei - what osToken redemptions need
 * @param options.stakePerToken - what the beacon chain counts for one token: 32 on Gnosis, else 1
 */
export function stakeableGwei({
  withdrawableWei,
  reservedWei,
  stakePerToken,
  minVaultBalanceGwei,
}: {
  readonly withdrawableWei: bigint;
  readonly reservedWei: bigint;
  readonly stakePerToken: bigint;
  readonly minVaultBalanceGwei: bigint;
}): bigint {
  const freeWei = withdrawableWei - reservedWei;
  if (freeWei <= 0n) return 0n;
  const freeGwei = toBeaconGwei(freeWei, stakePerToken) - minVaultBalanceGwei;
  return freeGwei > 0n ? freeGwei : 0n;
}

/**
 * Amounts of new validators: 32 ETH each for 0x01; for 0x02 as many full ones as there can be, and one with the rest if that
 * is enough for a validator.
 * @param assetsGwei - in gwei of the beacon chain
 * @param options.limit - how many at most; default: all
 */
export function splitDeposits(
  assetsGwei: bigint,
  {
    type,
    maxValidatorBalanceGwei,
    limit = Number.POSITIVE_INFINITY,
  }: {
    readonly type: ValidatorType;
    readonly maxValidatorBalanceGwei: bigint;
    readonly limit?: number | undefined;
  },
): bigint[] {
  if (assetsGwei < DEPOSIT_AMOUNT_GWEI) return [];
  const fullGwei = type === '0x01' ? DEPOSIT_AMOUNT_GWEI : maxValidatorBalanceGwei;
  const full = Number(assetsGwei / fullGwei);
  const amounts = new Array<bigint>(Math.min(full, limit)).fill(fullGwei);
  const restGwei = assetsGwei % fullGwei;
  if (type === '0x02' && restGwei >= DEPOSIT_AMOUNT_GWEI && full < limit) amounts.push(restGwei);
  return amounts;
}

/** A validator that takes a top-up. */
export interface FundingCandidate {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** What it will have when all that is on its way has come. */
  readonly balanceGwei: bigint;
}

/** A deposit that the beacon chain has not applied yet. */
export interface PendingDeposit extends ValidatorAmount {
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
}

/**
 * The vault's validators that a top-up would help, with the balance that they will have. One whose balance cannot be told is
 * none of them: nothing is to be staked above the limit, where it earns nothing.
 * @param options.vault - 20 bytes
 * @param options.publicKeys - of all of the vault's validators, also of those that the beacon chain does not know yet
 * @param options.validators - those that it knows
 * @param options.pendingDeposits - of the beacon chain, of any validators
 * @param options.oracleExits - indexes of the validators that oracles are exiting
 */
export function findFundingCandidates({
  vault,
  publicKeys,
  validators,
  pendingDeposits,
  pending,
  oracleExits,
}: {
  readonly vault: Uint8Array;
  readonly publicKeys: readonly Uint8Array[];
  readonly validators: readonly ValidatorState[];
  readonly pendingDeposits: readonly PendingDeposit[];
  readonly pending: PendingOperations;
  readonly oracleExits?: ReadonlySet<bigint> | undefined;
}): FundingCandidate[] {
  const credentials = compoundingCredentials(vault);
  const deposits = Map.groupBy(pendingDeposits, ({ publicKey }) => toHex(publicKey));
  const known = new Map<Hex, ValidatorState>();
  for (const validator of validators) known.set(toHex(validator.publicKey), validator);
  const unknown = new Map<Hex, Uint8Array>();
  for (const publicKey of publicKeys) {
    const key = toHex(publicKey);
    if (!known.has(key)) unknown.set(key, publicKey);
  }
  const candidates: FundingCandidate[] = [];
  for (const [key, validator] of [...known].sort(([, a], [, b]) => compareBigints(a.index, b.index))) {
    const { index, publicKey, balanceGwei } = validator;
    const isFundable =
      isCompoundingOf(vault, validator) &&
      !isLeaving(validator) &&
      oracleExits?.has(index) !== true &&
      !pending.exits.has(index) &&
      !pending.consolidationSources.has(index) &&
      !pending.unclearTargets.has(index);
    if (!isFundable) continue;
    // Whoever has made a deposit, and with what credentials: of a known validator, only the amount counts.
    const waitingGwei = sumGwei(deposits.get(key) ?? []);
    const incomingGwei = pending.incomingGwei.get(index) ?? 0n;
    candidates.push({ publicKey, balanceGwei: balanceGwei + waitingGwei + incomingGwei });
  }
  // The first valid deposit decides where the balance goes, for ever: as long as one with other credentials waits, wait.
  for (const [key, publicKey] of [...unknown].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const waiting = deposits.get(key) ?? [];
    const isOwn = waiting.every(one => equalBytes(one.withdrawalCredentials, credentials));
    if (waiting.length > 0 && isOwn) candidates.push({ publicKey, balanceGwei: sumGwei(waiting) });
  }
  return candidates;
}

/** Limits of what a validator gets, in gwei of the beacon chain. */
export interface StakingLimits {
  /** What a validator of type 0x02 is filled up to. */
  readonly maxValidatorBalanceGwei: bigint;
  /** What is worth a transaction: less is neither added to a validator nor the beginning of anything. */
  readonly minDepositAmountGwei: bigint;
}

/**
 * Which validators are topped up, and by how much: the fullest first, each up to the limit.
 * @param candidates - those of equal balance stay in this order
 */
export function planFunding(
  candidates: readonly FundingCandidate[],
  assetsGwei: bigint,
  { maxValidatorBalanceGwei, minDepositAmountGwei }: StakingLimits,
): ValidatorAmount[] {
  const topUps: ValidatorAmount[] = [];
  let restGwei = assetsGwei;
  for (const { publicKey, balanceGwei } of [...candidates].sort((a, b) =>
    compareBigints(b.balanceGwei, a.balanceGwei),
  )) {
    if (restGwei < minDepositAmountGwei) break;
    const roomGwei = maxValidatorBalanceGwei - balanceGwei;
    if (roomGwei <= 0n || roomGwei < minDepositAmountGwei) continue;
    const amountGwei = roomGwei < restGwei ? roomGwei : restGwei;
    topUps.push({ publicKey, amountGwei });
    restGwei -= amountGwei;
  }
  return topUps;
}

/** What is staked in one pass. */
export interface StakingPlan {
  /** Top-ups to make now, before anything is registered. */
  readonly topUps: readonly ValidatorAmount[];
  /** What is kept for top-ups of a later pass; 0 when they are made now. */
  readonly reservedGwei: bigint;
  /** Amounts of the validators to register together. */
  readonly amountsGwei: readonly bigint[];
}

export interface StakingPlanOptions extends StakingLimits {
  readonly type: ValidatorType;
  /** See {@link stakeableGwei}. */
  readonly assetsGwei: bigint;
  /** See {@link findFundingCandidates}; none where top-ups are switched off. */
  readonly candidates: readonly FundingCandidate[];
  /** Whether the vault has topped up lately, and so waits before it does again. */
  readonly isFundedLately: boolean;
  /** `validators_approval_batch_limit` of the oracle configuration. */
  readonly batchLimit: number;
}

/**
 * What becomes of a vault's assets: validators of type 0x02 are filled up first, and new ones are registered with the rest. Too
 * soon after other top-ups, the amounts are kept for the next, and registration goes on without them.
 */
export function planStaking(options: StakingPlanOptions): StakingPlan {
  const { type, assetsGwei, candidates, isFundedLately, batchLimit, maxValidatorBalanceGwei } = options;
  if (assetsGwei < options.minDepositAmountGwei) return { topUps: [], reservedGwei: 0n, amountsGwei: [] };
  const topUps = type === '0x01' ? [] : planFunding(candidates, assetsGwei, options);
  const fundingGwei = sumGwei(topUps);
  const amounts = splitDeposits(assetsGwei - fundingGwei, {
    type,
    maxValidatorBalanceGwei,
    limit: Math.max(0, batchLimit),
  });
  return {
    topUps: isFundedLately ? [] : topUps,
    reservedGwei: isFundedLately ? fundingGwei : 0n,
    amountsGwei: amounts.slice(0, largestBatch(type, amounts.length)),
  };
}

function sumGwei(amounts: readonly { readonly amountGwei: bigint }[]): bigint {
  return amounts.reduce((sum, { amountGwei }) => sum + amountGwei, 0n);
}
