import type { BeaconHead } from '../../../clients/beacon/beacon-snapshot.ts';
import type { ValidatorType } from '../../../domain/consensus/deposit.ts';
import type { UnfundedValidator } from '../../../domain/protocol/unfunded-validators.ts';
import type { UntouchedValidator } from '../../../domain/protocol/untouched-validators.ts';
import type { WithdrawalPlan } from '../../../domain/protocol/withdrawal-plan.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';
import type { ChosenValidator } from '../registration/registration-mode.ts';

/** Whether the operator would act, and what is in the way where it would not. */
export type PlanState =
  /** It never does, as it is told, or in such a vault. */
  { readonly state: 'off' | 'idle' | 'waiting'; readonly reason: string } | { readonly state: 'acting' };

/** New validators. Gwei are those of the beacon chain. */
export interface PlannedRegistrations {
  readonly outlook: PlanState;
  /** Undefined where none are registered. */
  readonly type: ValidatorType | undefined;
  /** What messages call the place of their keys; undefined where nobody has looked. */
  readonly keySource: string | undefined;
  /** Amounts of the validators that the assets are enough for, as many as are registered at once. */
  readonly amountsGwei: readonly bigint[];
  /** Those that would be registered now. */
  readonly validators: readonly ChosenValidator[];
  /** What is left of the assets behind all of the plan. */
  readonly restGwei: bigint;
}

/** A validator that would be topped up. */
export interface PlannedTopUp {
  /** Undefined where the beacon chain does not know it yet. */
  readonly index: bigint | undefined;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** What it has with all that is on its way to it. */
  readonly balanceGwei: bigint;
  readonly amountGwei: bigint;
}

/** Top-ups. */
export interface PlannedTopUps {
  readonly outlook: PlanState;
  readonly topUps: readonly PlannedTopUp[];
  /** What is kept for later ones, and not used for new validators. */
  readonly reservedGwei: bigint;
  /** Validators that are not topped up, where there is anything to stake. */
  readonly untouched: readonly UnfundedValidator[];
}

/** Requests to withdraw. What was not looked at is undefined. */
export interface PlannedRequests {
  readonly outlook: PlanState;
  readonly lackingGwei: bigint | undefined;
  readonly comingInGwei: bigint | undefined;
  readonly missingGwei: bigint | undefined;
  readonly uncoveredGwei: bigint | undefined;
  /** Those that would be sent now, exits first. */
  readonly withdrawals: WithdrawalPlan['withdrawals'];
  /** Those of another pass: they would cost more than the limit, or have no room. */
  readonly later: WithdrawalPlan['withdrawals'];
  /** Validators that nothing is asked of, where anything is missing. */
  readonly untouched: readonly UntouchedValidator[];
}

/** A transaction that would be sent. */
export interface PlannedCall {
  readonly kind: TransactionIntent['kind'];
  readonly gas: bigint;
  /** Whether it takes more than that. */
  readonly isLeast: boolean;
  /** Why the vault refuses it as the chain is now; undefined where it does not. */
  readonly refusal: string | undefined;
}

export interface PlanCosts {
  /** What goes with each request to withdraw at most; undefined where none is sent. */
  readonly requestFeeWei: bigint | undefined;
  readonly requestFeesWei: bigint;
  readonly baseFeePerGasWei: bigint;
  readonly priorityFeePerGasWei: bigint;
  /** The transactions in the order in which they would be sent. */
  readonly calls: readonly PlannedCall[];
  readonly gasWei: bigint;
  /** What the hot wallet has; null where it is not known which that is. */
  readonly balanceWei: bigint | null;
}

/** What becomes of a vault's assets and validators by one head of both chains, as the operator would decide it. */
export interface VaultPlan {
  readonly head: BeaconHead;
  readonly assets: {
    /** Assets that nobody waits for, after a pending harvest. */
    readonly withdrawableWei: bigint;
    /** What osToken redemptions will take of them. */
    readonly redemptionsWei: bigint;
    readonly minBalanceWei: bigint;
    readonly stakeableGwei: bigint;
  };
  readonly funding: PlannedTopUps;
  readonly registration: PlannedRegistrations;
  readonly withdrawals: PlannedRequests;
  readonly costs: PlanCosts;
}
