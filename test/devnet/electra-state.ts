import type { Deposit } from './deposit-data.ts';
import { hex } from './exit-signature.ts';

/**
 * The beacon chain's rules since Electra, for what vaults do: deposits, requests of the execution layer, exits, withdrawals.
 * Rewards, penalties, committees and votes are left out: who tests them sets balances, and every epoch is final two later.
 */

export const FAR_FUTURE = Number.POSITIVE_INFINITY;

const ETH = 1_000_000_000n;
const MIN_ACTIVATION_BALANCE = 32n * ETH;
const MAX_EFFECTIVE_BALANCE = 2048n * ETH;
const EJECTION_BALANCE = 16n * ETH;
const MIN_CHURN = 128n * ETH;
const MAX_ACTIVATION_EXIT_CHURN = 256n * ETH;
const CHURN_QUOTIENT = 65_536n;
const MAX_SEED_LOOKAHEAD = 4;
const SHARD_COMMITTEE_PERIOD = 256;
const WITHDRAWABILITY_DELAY = 256;
const SLASHINGS_VECTOR = 8192;
const SLASHING_QUOTIENT = 4096n;
const MAX_DEPOSITS_PER_EPOCH = 16;
const MAX_PARTIALS_PER_BLOCK = 8;
const MAX_WITHDRAWALS_PER_BLOCK = 16;
const MAX_SWEPT_PER_BLOCK = 16_384;

export interface ElectraValidator {
  readonly index: number;
  /** 0x hex, like the credentials. */
  readonly publicKey: string;
  readonly withdrawalCredentials: string;
  readonly balanceGwei: bigint;
  readonly effectiveBalanceGwei: bigint;
  readonly slashed: boolean;
  readonly activationEligibilityEpoch: number;
  readonly activationEpoch: number;
  readonly exitEpoch: number;
  readonly withdrawableEpoch: number;
}

interface PendingDeposit extends Deposit {
  readonly slot: number;
  /** The validator is leaving: it waits until that is over. */
  readonly isPostponed?: boolean;
}

interface PendingPartialWithdrawal {
  readonly validatorIndex: number;
  readonly amountGwei: bigint;
  readonly withdrawableEpoch: number;
}

interface PendingConsolidation {
  readonly sourceIndex: number;
  readonly targetIndex: number;
}

interface WithdrawalRequest {
  /** 0x hex, lower case. */
  readonly sourceAddress: string;
  readonly publicKey: string;
  /** 0 for an exit. */
  readonly amountGwei: bigint;
}

interface ConsolidationRequest {
  readonly sourceAddress: string;
  readonly sourceKey: string;
  readonly targetKey: string;
}

/** What the execution chain paid for and the beacon chain did not do. */
export interface VoidRequest {
  readonly kind: 'deposit' | 'withdrawal' | 'consolidation';
  readonly publicKey: string;
  readonly amountGwei: bigint;
  /** Who asked for it; of a deposit the address in its credentials, whoever sent it. 0x hex, lower case. */
  readonly sourceAddress: string;
  readonly slot: number;
  readonly reason: string;
}

/** What a block pays out. */
export interface Payout {
  readonly address: string;
  readonly amountGwei: bigint;
}

export interface BlockRequests {
  readonly deposits: readonly Deposit[];
  readonly withdrawals: readonly WithdrawalRequest[];
  readonly consolidations: readonly ConsolidationRequest[];
}

/** What of the rules a test may choose. */
export interface ElectraOptions {
  /** Ether of other stakers, which the churn is a share of; as much as on mainnet by default. */
  readonly othersActiveGwei?: bigint;
  /** Longest queues; those of the protocol by default. */
  readonly pendingPartialsLimit?: number;
  readonly pendingConsolidationsLimit?: number;
}

interface ElectraRules extends ElectraOptions {
  readonly slotsPerEpoch: number;
  isDepositSigned(deposit: Deposit): boolean;
}

export class ElectraState {
  slot = 0;
  validators: readonly ElectraValidator[] = [];
  pendingDeposits: readonly PendingDeposit[] = [];
  pendingPartials: readonly PendingPartialWithdrawal[] = [];
  pendingConsolidations: readonly PendingConsolidation[] = [];
  voidRequests: readonly VoidRequest[] = [];
  readonly #rules: ElectraRules;
  #indexes: ReadonlyMap<string, number> = new Map();
  /** Whether the list and its index are this state's alone: a state that changes nothing shares those of the block before. */
  #isOwner = true;
  #earliestExitEpoch = 0;
  #exitBalanceToConsume = 0n;
  #depositBalanceToConsume = 0n;
  #earliestConsolidationEpoch = 0;
  #consolidationBalanceToConsume = 0n;
  #nextSwept = 0;

  constructor(rules: ElectraRules) {
    this.#rules = rules;
  }

  /** A state of its own with the same content. */
  clone(): ElectraState {
    const copy = new ElectraState(this.#rules);
    copy.slot = this.slot;
    copy.validators = this.validators;
    copy.#indexes = this.#indexes;
    copy.#isOwner = false;
    this.#isOwner = false;
    copy.pendingDeposits = this.pendingDeposits;
    copy.pendingPartials = this.pendingPartials;
    copy.pendingConsolidations = this.pendingConsolidations;
    copy.voidRequests = this.voidRequests;
    copy.#earliestExitEpoch = this.#earliestExitEpoch;
    copy.#exitBalanceToConsume = this.#exitBalanceToConsume;
    copy.#depositBalanceToConsume = this.#depositBalanceToConsume;
    copy.#earliestConsolidationEpoch = this.#earliestConsolidationEpoch;
    copy.#consolidationBalanceToConsume = this.#consolidationBalanceToConsume;
    copy.#nextSwept = this.#nextSwept;
    return copy;
  }

  get epoch(): number {
    return Math.floor(this.slot / this.#rules.slotsPerEpoch);
  }

  get finalizedEpoch(): number {
    return Math.max(this.epoch - 2, 0);
  }

  find(publicKey: string): ElectraValidator | undefined {
    const index = this.#indexes.get(publicKey);
    return index === undefined ? undefined : this.validators[index];
  }

  /** Status as the beacon API has it. */
  statusOf(validator: ElectraValidator): string {
    const { epoch } = this;
    const { activationEpoch, exitEpoch, withdrawableEpoch, slashed, balanceGwei } = validator;
    if (epoch < activationEpoch) {
      return validator.activationEligibilityEpoch === FAR_FUTURE ? 'pending_initialized' : 'pending_queued';
    }
    if (epoch < exitEpoch) {
      if (slashed) return 'active_slashed';
      return exitEpoch === FAR_FUTURE ? 'active_ongoing' : 'active_exiting';
    }
    if (epoch < withdrawableEpoch) return slashed ? 'exited_slashed' : 'exited_unslashed';
    return balanceGwei > 0n ? 'withdrawal_possible' : 'withdrawal_done';
  }

  /** Another fact of a validator, as a test wants it. */
  change(index: number, facts: Partial<Omit<ElectraValidator, 'index' | 'publicKey'>>): void {
    const validator = this.validators[index];
    if (validator === undefined) throw new Error(`no validator ${index}`);
    this.#own().validators[index] = { ...validator, ...facts };
  }

  #own(): { readonly validators: ElectraValidator[]; readonly indexes: Map<string, number> } {
    if (!this.#isOwner) {
      this.validators = [...this.validators];
      this.#indexes = new Map(this.#indexes);
      this.#isOwner = true;
    }
    return {
      validators: this.validators as ElectraValidator[],
      indexes: this.#indexes as Map<string, number>,
    };
  }

  /** A validator that no deposit made, active from the beginning unless the facts say otherwise. */
  add(
    publicKey: string,
    withdrawalCredentials: string,
    facts: Partial<ElectraValidator> = {},
  ): ElectraValidator {
    const { balanceGwei = MIN_ACTIVATION_BALANCE } = facts;
    const validator: ElectraValidator = {
      balanceGwei,
      effectiveBalanceGwei: least(balanceGwei - (balanceGwei % ETH), highestOf(withdrawalCredentials)),
      slashed: false,
      activationEligibilityEpoch: 0,
      activationEpoch: 0,
      exitEpoch: FAR_FUTURE,
      withdrawableEpoch: FAR_FUTURE,
      ...facts,
      index: this.validators.length,
      publicKey,
      withdrawalCredentials,
    };
    const { validators, indexes } = this.#own();
    indexes.set(publicKey, validator.index);
    validators.push(validator);
    return validator;
  }

  /** Slashes a validator, which begins its exit. */
  slash(index: number): void {
    this.exit(index);
    const { balanceGwei, effectiveBalanceGwei, withdrawableEpoch } = this.#at(index);
    this.change(index, {
      slashed: true,
      withdrawableEpoch: Math.max(withdrawableEpoch, this.epoch + SLASHINGS_VECTOR),
      balanceGwei: balanceGwei - effectiveBalanceGwei / SLASHING_QUOTIENT,
    });
  }

  /** Begins the exit of a validator, unless it has begun. */
  exit(index: number): void {
    const validator = this.#at(index);
    if (validator.exitEpoch !== FAR_FUTURE) return;
    const exitEpoch = this.#takeExitChurn(validator.effectiveBalanceGwei);
    this.change(index, { exitEpoch, withdrawableEpoch: exitEpoch + WITHDRAWABILITY_DELAY });
  }

  /** Goes on to a slot, through the ends of all epochs before it. */
  advanceTo(slot: number): void {
    const { slotsPerEpoch } = this.#rules;
    while (this.epoch < Math.floor(slot / slotsPerEpoch)) {
      this.#endEpoch();
      this.slot = (this.epoch + 1) * slotsPerEpoch;
    }
    this.slot = Math.max(this.slot, slot);
  }

  /** Takes the block of the current slot. @returns what it pays out */
  takeBlock({ deposits, withdrawals, consolidations }: BlockRequests): readonly Payout[] {
    const payouts = this.#withdraw();
    const { slot } = this;
    this.pendingDeposits = [...this.pendingDeposits, ...deposits.map(deposit => ({ ...deposit, slot }))];
    for (const request of withdrawals) this.#takeWithdrawal(request);
    for (const request of consolidations) this.#takeConsolidation(request);
    return payouts;
  }

  // --- requests ---

  #takeWithdrawal(request: WithdrawalRequest): void {
    const { publicKey, amountGwei } = request;
    const validator = this.find(publicKey);
    const reason = this.#reasonAgainstWithdrawal(request, validator);
    if (validator === undefined || reason !== undefined) {
      this.#noteVoid({ kind: 'withdrawal', ...request, reason: reason ?? '' });
      return;
    }
    if (amountGwei === 0n) {
      this.exit(validator.index);
      return;
    }
    const excess = validator.balanceGwei - MIN_ACTIVATION_BALANCE - this.pendingBalanceOf(validator.index);
    const taken = least(excess, amountGwei);
    const withdrawableEpoch = this.#takeExitChurn(taken) + WITHDRAWABILITY_DELAY;
    const partial = { validatorIndex: validator.index, amountGwei: taken, withdrawableEpoch };
    this.pendingPartials = [...this.pendingPartials, partial];
  }

  #reasonAgainstWithdrawal(
    { sourceAddress, amountGwei }: WithdrawalRequest,
    validator: ElectraValidator | undefined,
  ): string | undefined {
    const isExit = amountGwei === 0n;
    const { pendingPartialsLimit = 2 ** 27 } = this.#rules;
    if (!isExit && this.pendingPartials.length >= pendingPartialsLimit) {
      return 'the queue of partial withdrawals is full';
    }
    if (validator === undefined) return 'no validator has this key';
    const reason = this.#reasonAgainstLeaving(validator, sourceAddress);
    if (reason !== undefined) return reason;
    const pending = this.pendingBalanceOf(validator.index);
    if (isExit)
      return pending === 0n ? undefined : 'a full exit of a validator with pending partial withdrawals';
    if (!validator.withdrawalCredentials.startsWith('0x02'))
      return 'a partial withdrawal without 0x02 credentials';
    if (validator.effectiveBalanceGwei < MIN_ACTIVATION_BALANCE)
      return 'the effective balance is below 32 ETH';
    if (validator.balanceGwei <= MIN_ACTIVATION_BALANCE + pending) {
      return 'the balance is not above 32 ETH and what is pending';
    }
    return undefined;
  }

  #takeConsolidation(request: ConsolidationRequest): void {
    const { sourceAddress, sourceKey, targetKey } = request;
    const [source, target] = [this.find(sourceKey), this.find(targetKey)];
    if (source !== undefined && sourceKey === targetKey && this.#canSwitch(source, sourceAddress)) {
      this.#switchToCompounding(source);
      return;
    }
    const reason = this.#reasonAgainstConsolidation(sourceAddress, source, target);
    if (source === undefined || target === undefined || reason !== undefined) {
      const said = { publicKey: sourceKey, amountGwei: 0n, sourceAddress, reason: reason ?? '' };
      this.#noteVoid({ kind: 'consolidation', ...said });
      return;
    }
    const exitEpoch = this.#takeConsolidationChurn(source.effectiveBalanceGwei);
    this.change(source.index, { exitEpoch, withdrawableEpoch: exitEpoch + WITHDRAWABILITY_DELAY });
    const pending = { sourceIndex: source.index, targetIndex: target.index };
    this.pendingConsolidations = [...this.pendingConsolidations, pending];
  }

  #canSwitch(source: ElectraValidator, sourceAddress: string): boolean {
    const { withdrawalCredentials, exitEpoch } = source;
    const isOwn = withdrawalCredentials === `0x01${'00'.repeat(11)}${sourceAddress.slice(2)}`;
    return isOwn && this.#isActive(source) && exitEpoch === FAR_FUTURE;
  }

  /** What is above 32 ETH goes through the queue of deposits once more. */
  #switchToCompounding({ index, publicKey, withdrawalCredentials, balanceGwei }: ElectraValidator): void {
    const credentials = `0x02${withdrawalCredentials.slice(4)}`;
    this.change(index, {
      withdrawalCredentials: credentials,
      balanceGwei: least(balanceGwei, MIN_ACTIVATION_BALANCE),
    });
    if (balanceGwei <= MIN_ACTIVATION_BALANCE) return;
    const deposit = {
      publicKey: Buffer.from(publicKey.slice(2), 'hex'),
      withdrawalCredentials: Buffer.from(credentials.slice(2), 'hex'),
      amountGwei: balanceGwei - MIN_ACTIVATION_BALANCE,
      signature: Buffer.concat([Uint8Array.of(0xc0), Buffer.alloc(95)]),
      slot: 0,
    };
    this.pendingDeposits = [...this.pendingDeposits, deposit];
  }

  #reasonAgainstConsolidation(
    sourceAddress: string,
    source: ElectraValidator | undefined,
    target: ElectraValidator | undefined,
  ): string | undefined {
    const { pendingConsolidationsLimit = 2 ** 18 } = this.#rules;
    if (source !== undefined && source === target) return 'source and target are one';
    if (this.pendingConsolidations.length >= pendingConsolidationsLimit) return 'the queue is full';
    if (this.#consolidationChurn() <= MIN_ACTIVATION_BALANCE) return 'too little churn';
    if (source === undefined || target === undefined) return 'no validator has this key';
    const reason = this.#reasonAgainstLeaving(source, sourceAddress);
    if (reason !== undefined) return reason;
    if (!target.withdrawalCredentials.startsWith('0x02')) return 'the target has no 0x02 credentials';
    if (!this.#isActive(target)) return 'the target is not active';
    if (target.exitEpoch !== FAR_FUTURE) return 'the target’s exit has begun';
    if (this.pendingBalanceOf(source.index) > 0n) return 'the source has pending partial withdrawals';
    return undefined;
  }

  #reasonAgainstLeaving(validator: ElectraValidator, sourceAddress: string): string | undefined {
    const { withdrawalCredentials, activationEpoch, exitEpoch } = validator;
    if (!/^0x0[12]/.test(withdrawalCredentials)) return 'the credentials name no address';
    if (`0x${withdrawalCredentials.slice(26)}` !== sourceAddress)
      return 'the sender is not the credentials’ address';
    if (!this.#isActive(validator)) return 'the validator is not active';
    if (exitEpoch !== FAR_FUTURE) return 'the exit has begun';
    if (this.epoch < activationEpoch + SHARD_COMMITTEE_PERIOD) return 'active for fewer than 256 epochs';
    return undefined;
  }

  /** What partial withdrawals of a validator are to take yet. */
  pendingBalanceOf(index: number): bigint {
    let sum = 0n;
    for (const { validatorIndex, amountGwei } of this.pendingPartials) {
      if (validatorIndex === index) sum += amountGwei;
    }
    return sum;
  }

  #noteVoid(request: Omit<VoidRequest, 'slot'>): void {
    this.voidRequests = [...this.voidRequests, { ...request, slot: this.slot }];
  }

  // --- withdrawals of a block ---

  #withdraw(): readonly Payout[] {
    const payouts: Payout[] = [];
    const pay = (index: number, amountGwei: bigint) => {
      const { balanceGwei, withdrawalCredentials } = this.#at(index);
      this.change(index, { balanceGwei: balanceGwei - amountGwei });
      payouts.push({ address: `0x${withdrawalCredentials.slice(26)}`, amountGwei });
    };
    let done = 0;
    for (const { validatorIndex, amountGwei, withdrawableEpoch } of this.pendingPartials) {
      if (withdrawableEpoch > this.epoch || payouts.length >= MAX_PARTIALS_PER_BLOCK) break;
      done++;
      const validator = this.#at(validatorIndex);
      const isLeaving = validator.exitEpoch !== FAR_FUTURE;
      const isLow = validator.effectiveBalanceGwei < MIN_ACTIVATION_BALANCE;
      if (!isLeaving && !isLow && validator.balanceGwei > MIN_ACTIVATION_BALANCE) {
        pay(validatorIndex, least(validator.balanceGwei - MIN_ACTIVATION_BALANCE, amountGwei));
      } else {
        const reason = 'nothing was above 32 ETH, or the exit had begun, when the partial withdrawal was due';
        const { publicKey, withdrawalCredentials } = validator;
        const sourceAddress = `0x${withdrawalCredentials.slice(26)}`;
        this.#noteVoid({ kind: 'withdrawal', publicKey, amountGwei, sourceAddress, reason });
      }
    }
    this.pendingPartials = this.pendingPartials.slice(done);
    this.#sweep(payouts, pay);
    return payouts;
  }

  #sweep(payouts: readonly Payout[], pay: (index: number, amountGwei: bigint) => void): void {
    const count = this.validators.length;
    for (let i = 0; i < Math.min(count, MAX_SWEPT_PER_BLOCK); i++) {
      if (payouts.length >= MAX_WITHDRAWALS_PER_BLOCK) return;
      const validator = this.#at(this.#nextSwept);
      const { index, withdrawalCredentials, balanceGwei } = validator;
      this.#nextSwept = (this.#nextSwept + 1) % count;
      if (!/^0x0[12]/.test(withdrawalCredentials) || balanceGwei === 0n) continue;
      const highest = highestOf(withdrawalCredentials);
      if (validator.withdrawableEpoch <= this.epoch) pay(index, balanceGwei);
      else if (validator.effectiveBalanceGwei === highest && balanceGwei > highest)
        pay(index, balanceGwei - highest);
    }
  }

  // --- the end of an epoch ---

  #endEpoch(): void {
    const finalizedEpoch = Math.max(this.epoch - 1, 0);
    for (const { index } of [...this.validators]) this.#updateRegistry(index, finalizedEpoch);
    this.#applyDeposits(finalizedEpoch);
    this.#applyConsolidations();
    for (const { index } of [...this.validators]) this.#updateEffectiveBalance(index);
  }

  #updateRegistry(index: number, finalizedEpoch: number): void {
    const validator = this.#at(index);
    const { activationEligibilityEpoch, activationEpoch, effectiveBalanceGwei } = validator;
    if (activationEligibilityEpoch === FAR_FUTURE && effectiveBalanceGwei >= MIN_ACTIVATION_BALANCE) {
      this.change(index, { activationEligibilityEpoch: this.epoch + 1 });
    } else if (this.#isActive(validator) && effectiveBalanceGwei <= EJECTION_BALANCE) {
      this.exit(index);
    } else if (activationEligibilityEpoch <= finalizedEpoch && activationEpoch === FAR_FUTURE) {
      this.change(index, { activationEpoch: this.#delayedEpoch() });
    }
  }

  #applyDeposits(finalizedEpoch: number): void {
    const available = this.#depositBalanceToConsume + this.#activationExitChurn();
    const finalizedSlot = finalizedEpoch * this.#rules.slotsPerEpoch;
    const postponed: PendingDeposit[] = [];
    let consumed = 0n;
    let done = 0;
    let isChurnReached = false;
    for (const deposit of this.pendingDeposits) {
      if (deposit.slot > finalizedSlot || done >= MAX_DEPOSITS_PER_EPOCH) break;
      const validator = this.find(hex(deposit.publicKey));
      const isGone = (validator?.withdrawableEpoch ?? FAR_FUTURE) < this.epoch + 1;
      const isLeaving = validator !== undefined && validator.exitEpoch < FAR_FUTURE;
      if (isLeaving && !isGone) {
        if (deposit.isPostponed !== true) this.#noteVoidDeposit(deposit, 'the validator’s exit has begun');
        postponed.push({ ...deposit, isPostponed: true });
      } else {
        isChurnReached = !isGone && consumed + deposit.amountGwei > available;
        if (isChurnReached) break;
        if (!isGone) consumed += deposit.amountGwei;
        else if (deposit.isPostponed !== true) this.#noteVoidDeposit(deposit, 'the validator has left');
        this.#applyDeposit(deposit, validator);
      }
      done++;
    }
    this.pendingDeposits = [...this.pendingDeposits.slice(done), ...postponed];
    this.#depositBalanceToConsume = isChurnReached ? available - consumed : 0n;
  }

  #applyDeposit(deposit: PendingDeposit, validator: ElectraValidator | undefined): void {
    const { amountGwei } = deposit;
    const credentials = hex(deposit.withdrawalCredentials);
    if (validator === undefined) {
      if (!this.#rules.isDepositSigned(deposit)) {
        this.#noteVoidDeposit(
          deposit,
          'the first deposit of a key, and its signature is invalid: the ether is lost',
        );
        return;
      }
      const far = { activationEligibilityEpoch: FAR_FUTURE, activationEpoch: FAR_FUTURE };
      this.add(hex(deposit.publicKey), credentials, { balanceGwei: amountGwei, ...far });
      this.#requireNotAbove(deposit, credentials, amountGwei);
      return;
    }
    const balanceGwei = validator.balanceGwei + amountGwei;
    this.change(validator.index, { balanceGwei });
    // A switch to 0x02 moves what was there, and the validator's kind may have changed since a deposit of its owner.
    if (validator.withdrawalCredentials.slice(4) !== credentials.slice(4)) {
      this.#noteVoidDeposit(
        deposit,
        'the validator has other withdrawal credentials: the ether is somebody else’s',
      );
    } else if (deposit.isPostponed !== true) {
      this.#requireNotAbove(deposit, validator.withdrawalCredentials, balanceGwei);
    }
  }

  #requireNotAbove(deposit: PendingDeposit, credentials: string, balanceGwei: bigint): void {
    if (balanceGwei <= highestOf(credentials)) return;
    this.#noteVoidDeposit(
      deposit,
      `above the highest effective balance of ${credentials.slice(0, 4)} credentials`,
    );
  }

  #noteVoidDeposit(deposit: PendingDeposit, reason: string): void {
    const { publicKey, withdrawalCredentials, amountGwei } = deposit;
    const sourceAddress = hex(withdrawalCredentials.subarray(12));
    this.#noteVoid({ kind: 'deposit', publicKey: hex(publicKey), amountGwei, sourceAddress, reason });
  }

  #applyConsolidations(): void {
    let done = 0;
    for (const { sourceIndex, targetIndex } of this.pendingConsolidations) {
      const source = this.#at(sourceIndex);
      if (!source.slashed) {
        if (source.withdrawableEpoch > this.epoch + 1) break;
        const moved = least(source.balanceGwei, source.effectiveBalanceGwei);
        this.change(sourceIndex, { balanceGwei: source.balanceGwei - moved });
        this.change(targetIndex, { balanceGwei: this.#at(targetIndex).balanceGwei + moved });
      }
      done++;
    }
    this.pendingConsolidations = this.pendingConsolidations.slice(done);
  }

  #updateEffectiveBalance(index: number): void {
    const { balanceGwei, effectiveBalanceGwei, withdrawalCredentials } = this.#at(index);
    const isBelow = balanceGwei + ETH / 4n < effectiveBalanceGwei;
    const isAbove = effectiveBalanceGwei + (ETH * 5n) / 4n < balanceGwei;
    if (!isBelow && !isAbove) return;
    const whole = balanceGwei - (balanceGwei % ETH);
    this.change(index, { effectiveBalanceGwei: least(whole, highestOf(withdrawalCredentials)) });
  }

  // --- churn ---

  #balanceChurn(): bigint {
    let active = this.#rules.othersActiveGwei ?? 35_000_000n * ETH;
    for (const one of this.validators) if (this.#isActive(one)) active += one.effectiveBalanceGwei;
    const churn = active / CHURN_QUOTIENT;
    const limit = churn > MIN_CHURN ? churn : MIN_CHURN;
    return limit - (limit % ETH);
  }

  #activationExitChurn(): bigint {
    return least(MAX_ACTIVATION_EXIT_CHURN, this.#balanceChurn());
  }

  #consolidationChurn(): bigint {
    return this.#balanceChurn() - this.#activationExitChurn();
  }

  #takeExitChurn(balanceGwei: bigint): number {
    const before = { epoch: this.#earliestExitEpoch, left: this.#exitBalanceToConsume };
    const after = this.#takeChurn(before, balanceGwei, this.#activationExitChurn());
    this.#earliestExitEpoch = after.epoch;
    this.#exitBalanceToConsume = after.left;
    return after.epoch;
  }

  #takeConsolidationChurn(balanceGwei: bigint): number {
    const before = { epoch: this.#earliestConsolidationEpoch, left: this.#consolidationBalanceToConsume };
    const after = this.#takeChurn(before, balanceGwei, this.#consolidationChurn());
    this.#earliestConsolidationEpoch = after.epoch;
    this.#consolidationBalanceToConsume = after.left;
    return after.epoch;
  }

  /** The first epoch in which so much may still leave, and what may leave in it after that. */
  #takeChurn(
    before: { readonly epoch: number; readonly left: bigint },
    balanceGwei: bigint,
    churn: bigint,
  ): { readonly epoch: number; readonly left: bigint } {
    const earliest = Math.max(before.epoch, this.#delayedEpoch());
    const left = before.epoch < earliest ? churn : before.left;
    if (balanceGwei <= left) return { epoch: earliest, left: left - balanceGwei };
    const more = (balanceGwei - left - 1n) / churn + 1n;
    return { epoch: earliest + Number(more), left: left + more * churn - balanceGwei };
  }

  #delayedEpoch(): number {
    return this.epoch + 1 + MAX_SEED_LOOKAHEAD;
  }

  #isActive({ activationEpoch, exitEpoch }: ElectraValidator): boolean {
    return activationEpoch <= this.epoch && this.epoch < exitEpoch;
  }

  #at(index: number): ElectraValidator {
    const validator = this.validators[index];
    if (validator === undefined) throw new Error(`no validator ${index}`);
    return validator;
  }
}

function highestOf(withdrawalCredentials: string): bigint {
  return withdrawalCredentials.startsWith('0x02') ? MAX_EFFECTIVE_BALANCE : MIN_ACTIVATION_BALANCE;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
