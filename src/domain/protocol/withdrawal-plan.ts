import { compareBigints } from '../../lib/compare.ts';
import { findWithdrawalFault, PENDING_PARTIALS_LIMIT } from '../consensus/execution-requests.ts';
import {
  isCompoundingOf,
  isLeaving,
  MIN_ACTIVATION_BALANCE_GWEI,
  SHARD_COMMITTEE_PERIOD,
  type ValidatorState,
} from '../consensus/validator-state.ts';
import type { PendingOperations } from './pending-operations.ts';
import type { ValidatorAmount } from './validator-entries.ts';

/**
 * Validators that the oracles are exiting: those that as many oracles name as it takes to recover an exit signature.
 * @param answers - indexes by each oracle that has answered
 * @param recoverThreshold - `exit_signature_recover_threshold` of the oracle configuration
 * @returns undefined when fewer have answered: then nobody knows, and nothing is to be done
 */
export function countOracleExits(
  answers: readonly (readonly bigint[])[],
  recoverThreshold: number,
): ReadonlySet<bigint> | undefined {
  if (answers.length < recoverThreshold) return undefined;
  const votes = new Map<bigint, number>();
  for (const indexes of answers) {
    for (const index of new Set(indexes)) votes.set(index, (votes.get(index) ?? 0) + 1);
  }
  return new Set([...votes].filter(([, count]) => count >= recoverThreshold).map(([index]) => index));
}

/** What decides about withdrawals, all of it of one block. */
export interface WithdrawalFacts {
  /** 20 bytes. */
  readonly vault: Uint8Array;
  readonly epoch: bigint;
  /** The vault's, in any order. */
  readonly validators: readonly ValidatorState[];
  readonly pending: PendingOperations;
  /** Indexes, see {@link countOracleExits}. */
  readonly oracleExits: ReadonlySet<bigint>;
  /**
   * Indexes of the validators that a deposit waits for, whoever has made it. The beacon chain sends it back only when their exit is
   * over (Electra's `process_pending_deposits`), so that ether which was staked for nothing would be missing for weeks.
   */
  readonly awaitingDeposits?: ReadonlySet<bigint> | undefined;
}

/**
 * What will come back to the vault without anything more being asked for, in gwei of the beacon chain: balances of validators
 * that exit, and partial withdrawals of the others.
 */
export function comingInGwei({
  validators,
  pending,
  oracleExits,
}: Pick<WithdrawalFacts, 'validators' | 'pending' | 'oracleExits'>): bigint {
  let sum = 0n;
  for (const validator of distinct(validators)) {
    const { index, status, balanceGwei } = validator;
    if (oracleExits.has(index) || pending.exits.has(index)) sum += balanceGwei;
    else if (!isLeaving(validator)) sum += pending.partialsGwei.get(index) ?? 0n;
    // The balance of a consolidation's source goes to its target, and what is withdrawn is with the vault.
    else if (status !== 'withdrawal_done' && !pending.consolidationSources.has(index)) sum += balanceGwei;
  }
  return sum;
}

/** Whether the beacon chain may have no room for more partial withdrawals: requests would be void. */
export function isWithdrawalQueueFull(pendingPartials: number, queuedRequests: number): boolean {
  return pendingPartials + queuedRequests >= PENDING_PARTIALS_LIMIT;
}

/** A withdrawal to ask for. */
interface PlannedWithdrawal extends ValidatorAmount {
  readonly index: bigint;
  readonly kind: 'exit' | 'partial';
  /** What will come back by it: the amount, or the validator's balance. */
  readonly returnsGwei: bigint;
}

export interface WithdrawalPlan {
  /** Exits first, then partial withdrawals; each validator once. */
  readonly withdrawals: readonly PlannedWithdrawal[];
  /** What is missing and cannot be had of these validators now. */
  readonly uncoveredGwei: bigint;
}

export interface WithdrawalPlanOptions extends WithdrawalFacts {
  /** What the vault's exit queue lacks when all that is coming in is there, in gwei of the beacon chain. */
  readonly missingGwei: bigint;
  /** `validator_min_active_epochs` of the oracle configuration: a validator is not exited before. */
  readonly validatorMinActiveEpochs: bigint;
  /** Whether only partial withdrawals are asked for. */
  readonly isWithoutExits: boolean;
}

/**
 * Which withdrawals to ask for (EIP-7002): partial ones as long as what validators have above 32 ETH is enough; else the
 * smallest validators exit, one by one, until partial withdrawals of the others cover the rest; when all that may exit is not
 * enough, they exit and nothing else is asked for. Nothing is, ever, that the beacon chain would find void, or that a waiting
 * exit or consolidation forbids.
 */
export function planWithdrawals(options: WithdrawalPlanOptions): WithdrawalPlan {
  const validators = distinct(options.validators);
  const rooms = new Map<bigint, Room>();
  let sumGwei = 0n;
  for (const validator of validators) {
    const roomGwei = partialRoomGwei(options, validator);
    if (roomGwei === 0n) continue;
    rooms.set(validator.index, { validator, roomGwei });
    sumGwei += roomGwei;
  }
  let missingGwei = options.missingGwei;
  const exits: PlannedWithdrawal[] = [];
  if (!options.isWithoutExits && sumGwei < missingGwei) {
    for (const validator of exitable(options, validators)) {
      const { index, publicKey, balanceGwei } = validator;
      exits.push({ index, publicKey, kind: 'exit', amountGwei: 0n, returnsGwei: balanceGwei });
      missingGwei -= balanceGwei;
      sumGwei -= rooms.get(index)?.roomGwei ?? 0n;
      rooms.delete(index);
      if (sumGwei >= missingGwei) break;
    }
  }
  // When all that may exit is not enough, the rest is left with the validators: taking little of each would not end the want,
  // and none of them could exit before that is paid out.
  const isEnough = options.isWithoutExits || sumGwei >= missingGwei;
  const partials = isEnough ? takePartials(options, [...rooms.values()], missingGwei) : [];
  const uncoveredGwei = partials.reduce((rest, { amountGwei }) => rest - amountGwei, missingGwei);
  return { withdrawals: [...exits, ...partials], uncoveredGwei: uncoveredGwei > 0n ? uncoveredGwei : 0n };
}

/** A validator that can be partially withdrawn, and how much of it. */
interface Room {
  readonly validator: ValidatorState;
  readonly roomGwei: bigint;
}

/** What can be withdrawn of a validator that goes on validating. */
function partialRoomGwei(
  { vault, epoch, pending, oracleExits }: WithdrawalFacts,
  validator: ValidatorState,
): bigint {
  const { index, status, balanceGwei, effectiveBalanceGwei, activationEpoch } = validator;
  const isCandidate =
    status === 'active_ongoing' &&
    isCompoundingOf(vault, validator) &&
    activationEpoch + SHARD_COMMITTEE_PERIOD < epoch &&
    // The balance may be above it for hours before the effective one follows: until then the request is void.
    effectiveBalanceGwei >= MIN_ACTIVATION_BALANCE_GWEI &&
    // The vault gets the whole balance: nothing is to be had twice. And it would make an exit or a consolidation void.
    !oracleExits.has(index) &&
    !pending.exits.has(index) &&
    !pending.consolidationSources.has(index);
  const roomGwei = balanceGwei - MIN_ACTIVATION_BALANCE_GWEI - (pending.partialsGwei.get(index) ?? 0n);
  return isCandidate && roomGwei > 0n ? roomGwei : 0n;
}

/** Validators that may exit, the smallest first. */
function exitable(options: WithdrawalPlanOptions, validators: readonly ValidatorState[]): ValidatorState[] {
  const { vault, epoch, pending, oracleExits, validatorMinActiveEpochs, awaitingDeposits } = options;
  return validators
    .filter(validator => {
      const { index, activationEpoch } = validator;
      const pendingGwei = pending.partialsGwei.get(index) ?? 0n;
      return (
        activationEpoch + validatorMinActiveEpochs <= epoch &&
        findWithdrawalFault({ source: vault, amountGwei: 0n }, validator, { epoch, pendingGwei }) ===
          undefined &&
        !oracleExits.has(index) &&
        awaitingDeposits?.has(index) !== true &&
        !pending.exits.has(index) &&
        !pending.consolidationSources.has(index) &&
        !pending.consolidationTargets.has(index)
      );
    })
    .sort((a, b) => compareBigints(a.balanceGwei, b.balanceGwei) || compareBigints(a.index, b.index));
}

/** Takes what is missing of those that have most left. */
function takePartials(
  { pending }: WithdrawalFacts,
  rooms: readonly Room[],
  missingGwei: bigint,
): PlannedWithdrawal[] {
  const leftGwei = ({ validator: { index, balanceGwei } }: Room) =>
    balanceGwei - (pending.partialsGwei.get(index) ?? 0n);
  const ordered = [...rooms].sort(
    (a, b) =>
      compareBigints(leftGwei(b), leftGwei(a)) || compareBigints(a.validator.index, b.validator.index),
  );
  const taken: PlannedWithdrawal[] = [];
  let restGwei = missingGwei;
  for (const { validator, roomGwei } of ordered) {
    if (restGwei <= 0n) break;
    const { index, publicKey } = validator;
    const amountGwei = roomGwei < restGwei ? roomGwei : restGwei;
    taken.push({ index, publicKey, kind: 'partial', amountGwei, returnsGwei: amountGwei });
    restGwei -= amountGwei;
  }
  return taken;
}

function distinct(validators: readonly ValidatorState[]): readonly ValidatorState[] {
  const byIndex = new Map(validators.map(validator => [validator.index, validator]));
  return byIndex.size === validators.length ? validators : [...byIndex.values()];
}

/** Why a validator cannot be exited by its vault now. */
export type ExitRefusal =
  /** No validator of the vault, or one whose balance goes elsewhere. */
  | 'foreign'
  /** Its exit has begun or is over, or oracles exit it; slashed validators are among these. */
  | 'exiting'
  /** An exit of it has been asked for already. */
  | 'exit-requested'
  /** Not active yet, or not for 256 epochs. */
  | 'too-young'
  | 'partials-pending'
  | 'consolidating'
  /** A deposit waits for it. */
  | 'deposit-pending';

export interface ExitPlan {
  /** Validators that can be exited, the longest active first. */
  readonly exits: readonly ValidatorState[];
  /** Those that cannot: of the named ones, or of all. */
  readonly refused: readonly { readonly index: bigint; readonly reason: ExitRefusal }[];
}

/**
 * Which validators are exited when somebody asks for it.
 * @param options.epoch - of the last justified checkpoint
 * @param options.indexes - those that are meant, also if a deposit waits for them; default: all of the vault
 * @param options.count - how many of them at most
 */
export function planExits({
  indexes,
  count,
  ...facts
}: Pick<WithdrawalFacts, 'vault' | 'epoch' | 'validators' | 'pending' | 'awaitingDeposits'> & {
  readonly oracleExits?: ReadonlySet<bigint> | undefined;
  readonly indexes?: readonly bigint[] | undefined;
  readonly count?: number | undefined;
}): ExitPlan {
  const byIndex = new Map(facts.validators.map(validator => [validator.index, validator]));
  const exits: ValidatorState[] = [];
  const refused: { readonly index: bigint; readonly reason: ExitRefusal }[] = [];
  for (const index of new Set(indexes ?? byIndex.keys())) {
    const validator = byIndex.get(index);
    const reason = validator === undefined ? 'foreign' : findExitRefusal(facts, validator);
    // A stranger's deposit must not keep anybody from an exit that is asked for by its index: that one is void for a while, no more.
    const isWanted = reason === undefined || (reason === 'deposit-pending' && indexes !== undefined);
    if (validator !== undefined && isWanted) exits.push(validator);
    else refused.push({ index, reason: reason ?? 'foreign' });
  }
  exits.sort(
    (a, b) => compareBigints(a.activationEpoch, b.activationEpoch) || compareBigints(a.index, b.index),
  );
  refused.sort((a, b) => compareBigints(a.index, b.index));
  return { exits: exits.slice(0, count), refused };
}

/** Why a validator cannot be exited by its vault now; undefined where it can. */
export function findExitRefusal(
  {
    vault,
    epoch,
    pending,
    oracleExits,
    awaitingDeposits,
  }: Pick<WithdrawalFacts, 'vault' | 'epoch' | 'pending' | 'awaitingDeposits'> & {
    readonly oracleExits?: ReadonlySet<bigint> | undefined;
  },
  validator: ValidatorState,
): ExitRefusal | undefined {
  const { index } = validator;
  const pendingGwei = pending.partialsGwei.get(index) ?? 0n;
  const fault = findWithdrawalFault({ source: vault, amountGwei: 0n }, validator, { epoch, pendingGwei });
  switch (fault) {
    case 'foreign':
    case 'exiting':
    case 'partials-pending':
      return fault;
    case undefined:
      break;
    default:
      // Without an amount, nothing but its age is left.
      return 'too-young';
  }
  if (oracleExits?.has(index) === true) return 'exiting';
  if (pending.exits.has(index)) return 'exit-requested';
  const isConsolidating = pending.consolidationSources.has(index) || pending.consolidationTargets.has(index);
  if (isConsolidating) return 'consolidating';
  return awaitingDeposits?.has(index) === true ? 'deposit-pending' : undefined;
}
