import type { Hex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import { type ChangeLog, createChangeLog } from '../registration/change-log.ts';
import type { WithdrawalWaitCode } from './withdrawal-waits.ts';
import {
  type PlannedWithdrawals,
  type WithdrawalDecision,
  WithdrawalsPlanner,
  type WithdrawalsPlannerDeps,
  type WithdrawalsPlannerOptions,
  withdrawalIntent,
} from './withdrawals-planner.ts';

export interface ValidatorWithdrawalsDeps extends WithdrawalsPlannerDeps {
  readonly outbox: Pick<Outbox, 'send'>;
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

const RESTARTS = {
  expired: 'the requests expired',
  'already-done': 'the withdrawals were requested already',
  outdated: 'the chain has moved past this plan',
  cancelled: 'the transaction of the withdrawals was cancelled',
};

/**
 * Requests withdrawals from a vault's validators (EIP-7002) when its exit queue lacks more than is coming in, before oracles
 * exit whole validators for it. What is requested is what {@link WithdrawalsPlanner} decides.
 */
export class ValidatorWithdrawals {
  readonly #deps: ValidatorWithdrawalsDeps;
  readonly #planner: WithdrawalsPlanner;
  readonly #vault: string;
  readonly #changes: ChangeLog;

  constructor(deps: ValidatorWithdrawalsDeps, options: WithdrawalsPlannerOptions) {
    this.#deps = deps;
    this.#planner = new WithdrawalsPlanner(deps, options);
    this.#vault = options.vault;
    this.#changes = createChangeLog(deps.log);
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
    const decision = await this.#planner.plan(signal);
    const { planned } = decision;
    const outcome = await this.#act(decision, signal);
    return planned === undefined ? outcome : { ...outcome, exitedByOracles: countExits(planned) };
  }

  async #act(decision: WithdrawalDecision, signal: AbortSignal): Promise<WithdrawalOutcome> {
    switch (decision.status) {
      case 'nothing-missing':
        return { status: 'nothing-missing', queuedAssetsGwei: 0n };
      case 'waiting': {
        const { code, waitsFor, planned } = decision;
        return { status: 'waiting', code, waitsFor, queuedAssetsGwei: planned?.missingGwei };
      }
      case 'request':
        return await this.#request(decision.planned, decision.count, signal);
    }
  }

  async #request(
    planned: PlannedWithdrawals,
    count: number,
    signal: AbortSignal,
  ): Promise<WithdrawalOutcome> {
    const { stake, plan } = planned;
    const { node, outbox, log } = this.#deps;
    const vault = this.#vault;
    const requested = plan.withdrawals.slice(0, count);
    const outcome = await outbox.send(withdrawalIntent(node, vault, planned, count), { signal });
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
    log.info({ ...facts, epoch: String(stake.head.epoch) }, 'Requested withdrawals from validators');
    const leftGwei = planned.missingGwei - returnsGwei;
    return { status: 'requested', hash, blockNumber, queuedAssetsGwei: leftGwei > 0n ? leftGwei : 0n };
  }
}

/** How many of the vault's validators the oracles exit. */
function countExits({ stake, oracleExits }: PlannedWithdrawals): number {
  return stake.validators.filter(({ index }) => oracleExits.has(index)).length;
}

/** What is told when it changes. */
function describeOutcome(outcome: WithdrawalOutcome): string | undefined {
  if (outcome.status === 'waiting') return `Waiting for ${outcome.waitsFor}`;
  if (outcome.status === 'restarted') return `Withdrawals are planned anew: ${outcome.reason}`;
  return undefined;
}
