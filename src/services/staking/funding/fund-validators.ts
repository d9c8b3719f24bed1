import { nameProtocolError } from '../../../clients/execution/contracts/protocol-errors.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { TOP_UP_BATCH } from '../../../domain/protocol/staking-plan.ts';
import { encodeTopUps, type ValidatorAmount } from '../../../domain/protocol/validator-entries.ts';
import { batches } from '../../../lib/batches.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import { nameList } from '../../../lib/name-list.ts';
import type { Network } from '../../../networks/network.ts';
import { describeShortfall } from '../../../transactions/expected-funds.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { TransactionIntent, TransactionOutcome } from '../../../transactions/transaction.ts';
import { fundingIntents } from '../operations/operation-intents.ts';
import type { RegistrationWait } from '../registration/decide-registration.ts';
import { STALE_BLOCKS } from '../withdrawals/request-occasion.ts';
import type { PlannedStaking } from './plan-vault-staking.ts';

export interface ValidatorFundingDeps {
  readonly node: ExecutionNode;
  /** What sends; the wallet is looked at before where there is a `findShortfall`. */
  readonly outbox: Pick<Outbox, 'send'> & Partial<Pick<Outbox, 'findShortfall'>>;
  readonly log: Pick<Logger, 'info'>;
}

export interface ValidatorFundingOptions {
  /** Checksummed. */
  readonly vault: string;
  /** The vault's validators manager, checksummed. */
  readonly wallet: string;
  readonly network: Pick<Network, 'currency'>;
}

/** Validators that were topped up; `hashes` of the transactions, fewer than there were calls where others had made them. */
export interface FundedValidators {
  readonly status: 'funded';
  readonly publicKeys: readonly Hex[];
  readonly hashes: readonly Hex[];
}

/** What became of a plan's top-ups. */
export type FundingStep =
  | FundedValidators
  | RegistrationWait
  /** Something changed in the middle; the next pass plans anew. */
  | { readonly status: 'restarted'; readonly reason: string };

const RESTARTS = {
  expired: 'the top-ups expired',
  outdated: 'the chain has moved past these top-ups',
  cancelled: 'the transaction of the top-ups was cancelled',
};

/** `Panic(0x11)` of Solidity: the vault has less than the top-ups take. */
const ASSETS_SHORT = `0x4e487b71${'11'.padStart(64, '0')}`;

/** Tops up validators of a vault of version 5 (3 on Gnosis), whose validators manager the hot wallet is. */
export class ValidatorFunding {
  readonly #deps: ValidatorFundingDeps;
  readonly #options: ValidatorFundingOptions;

  constructor(deps: ValidatorFundingDeps, options: ValidatorFundingOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Why the vault would take no top-ups of this wallet; undefined where it does. */
  findStranger(validatorsManager: string | null): RegistrationWait | undefined {
    return waitForManager(validatorsManager, this.#options);
  }

  /**
   * Makes the top-ups of a plan, a batch after another, after the pending harvest. What is under way when the process ends is
   * not made again: see `fundingIntents`.
   * @param planned - with at least one top-up
   * @throws ExternalError `funding-refused`; what the outbox fails with
   */
  async fund(
    planned: Pick<PlannedStaking, 'topUps' | 'blockNumber' | 'lastFundingBlock'>,
    harvest: HarvestParams | null,
    signal: AbortSignal,
  ): Promise<FundingStep> {
    const { outbox } = this.#deps;
    const groups = [...batches(planned.topUps, TOP_UP_BATCH)];
    const unpaid = await this.#waitForFunds(groups[0]?.length ?? 0);
    if (unpaid !== undefined) return unpaid;
    const intents = topUpIntents(this.#deps.node, this.#options.vault, planned, harvest);
    const hashes: Hex[] = [];
    for (const [i, intent] of intents.entries()) {
      const outcome = await outbox.send(intent, { signal });
      const failure = this.#judge(outcome);
      if (failure !== undefined) return failure;
      if (outcome.status === 'confirmed') hashes.push(outcome.hash);
      this.#tell(groups[i] ?? [], outcome);
    }
    return { status: 'funded', hashes, publicKeys: planned.topUps.map(({ publicKey }) => toHex(publicKey)) };
  }

  /** A wallet that cannot pay is waited for before anything is signed. */
  async #waitForFunds(validators: number): Promise<RegistrationWait | undefined> {
    const shortfall = await this.#deps.outbox.findShortfall?.({ kind: 'fund-validators', validators });
    if (shortfall === undefined) return undefined;
    const waitsFor = describeShortfall(shortfall, this.#options.network);
    return { status: 'waiting', code: 'insufficient-funds', waitsFor };
  }

  /** @returns undefined when the validators have got it */
  #judge(outcome: TransactionOutcome): FundingStep | undefined {
    switch (outcome.status) {
      case 'confirmed':
      case 'already-done':
        return undefined;
      case 'expired':
      case 'outdated':
      case 'cancelled':
        return { status: 'restarted', reason: RESTARTS[outcome.status] };
      case 'reverted':
        throw this.#refused(outcome.reason);
      case 'would-revert': {
        const name = nameProtocolError(outcome.data);
        if (outcome.data === ASSETS_SHORT) {
          return { status: 'restarted', reason: 'the vault has less assets than the top-ups take' };
        }
        if (name === 'NotHarvested')
          return { status: 'restarted', reason: 'a harvest has to go before the top-ups' };
        throw this.#refused(name ?? outcome.reason);
      }
    }
  }

  #refused(reason: string): ExternalError {
    return new ExternalError(
      'funding-refused',
      `The vault ${this.#options.vault} refuses to top up validators: ${reason.replace(/\.$/, '')}.`,
      { retryable: true },
    );
  }

  #tell(topUps: readonly ValidatorAmount[], outcome: TransactionOutcome): void {
    const gwei = topUps.reduce((sum, { amountGwei }) => sum + amountGwei, 0n);
    const hash = outcome.status === 'confirmed' ? outcome.hash : 'sent by somebody else';
    const names = nameList(topUps.map(({ publicKey }) => toHex(publicKey)));
    this.#deps.log.info(
      { hash, gwei: String(gwei) },
      `Successfully topped up validators with public keys ${names}`,
    );
  }
}

/** Why a vault takes no top-ups of a wallet; undefined where it does. */
export function waitForManager(
  validatorsManager: string | null,
  { vault, wallet }: { readonly vault: string; readonly wallet: string },
): RegistrationWait | undefined {
  if (validatorsManager === wallet) return undefined;
  return {
    status: 'waiting',
    code: 'not-validators-manager',
    waitsFor: `the hot wallet ${wallet} to be the validators manager of vault ${vault} again; it is ${validatorsManager}`,
  };
}

/** The calls that make a plan's top-ups, one for each batch, after the pending harvest. */
export function topUpIntents(
  node: ExecutionNode,
  vault: string,
  {
    topUps,
    blockNumber,
    lastFundingBlock,
  }: Pick<PlannedStaking, 'topUps' | 'blockNumber' | 'lastFundingBlock'>,
  harvest: HarvestParams | null,
): readonly TransactionIntent[] {
  const groups = [...batches(topUps, TOP_UP_BATCH)];
  const intents = fundingIntents(node, {
    vault,
    harvest,
    batches: groups.map(group => encodeTopUps(group, fromHex(vault, ADDRESS_LENGTH))),
    occasion: { lastEventBlock: lastFundingBlock, plannedAtBlock: blockNumber },
  });
  return intents.map(intent => ({
    ...intent,
    // A validator that it was planned for may have begun to exit.
    isOutdated: async head =>
      head > blockNumber + STALE_BLOCKS || ((await intent.isOutdated?.(head)) ?? false),
  }));
}
