import { fetchHead } from '../../../clients/execution/block-headers.ts';
import { fetchVaultV5State } from '../../../clients/execution/contracts/vault-v5.ts';
import { estimateCall } from '../../../clients/execution/read-transactions.ts';
import type { ValidatorState } from '../../../domain/consensus/validator-state.ts';
import { largestAffordableBatch, requestFeeWei } from '../../../domain/protocol/request-fee.ts';
import { encodeWithdrawals } from '../../../domain/protocol/validator-entries.ts';
import { type ExitPlan, planExits } from '../../../domain/protocol/withdrawal-plan.ts';
import { batches } from '../../../lib/batches.ts';
import { fromHex, type Hex } from '../../../lib/bytes.ts';
import { ExternalError, OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import type { Network } from '../../../networks/network.ts';
import { requireContract } from '../../../networks/require-contract.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';
import { withdrawalIntents } from '../operations/operation-intents.ts';
import { asManual } from './last-submission.ts';
import { findLastRequestBlock, MAX_BATCH, STALE_BLOCKS } from './request-occasion.ts';
import { fetchAwaitingDeposits, readVaultStake, type VaultStakeDeps } from './vault-stake.ts';

export interface VaultExitsOptions {
  /** Checksummed. */
  readonly vault: string;
  /** Checksummed. */
  readonly wallet: string;
  readonly network: Pick<Network, 'name' | 'secondsPerSlot' | 'contracts'>;
  /** Exactly these; default: all of the vault. */
  readonly indexes: readonly bigint[] | undefined;
  /** How many at most. */
  readonly count: number | undefined;
  readonly maxRequestFeeWei: bigint;
  readonly signal: AbortSignal;
}

/** Exits to ask for, and what they cost. */
export interface VaultExits {
  /** Validators whose exit is requested, the longest active first. */
  readonly exits: readonly ValidatorState[];
  /** Those whose request would cost more than the limit now, when the others have been made. */
  readonly later: readonly ValidatorState[];
  readonly refused: ExitPlan['refused'];
  /** Indexes of the validators among them that a deposit waits for: it comes back only after the exit. */
  readonly awaitingDeposits: readonly bigint[];
  /** What all requests cost at most; what is too much comes back. */
  readonly feesWei: bigint;
  /** What the gas costs by the base fee of the head. */
  readonly gasWei: bigint;
  readonly intents: readonly TransactionIntent[];
}

/** A transaction that is in a block. */
export interface SentExits {
  readonly hash: Hex;
  readonly blockNumber: number;
}

const REASONS: Readonly<Record<ExitPlan['refused'][number]['reason'], string>> = {
  foreign: 'it is no validator of the vault',
  exiting: 'its exit has begun, or is over',
  'exit-requested': 'its exit has been requested already',
  'too-young': 'it has not been active for 256 epochs',
  'partials-pending': 'it has pending partial withdrawals',
  consolidating: 'a consolidation of it is pending',
  'deposit-pending':
    'a deposit for it waits on the beacon chain and would come back only after its exit (name it with --indexes to exit it all the same)',
};

/** Why a validator cannot be exited, in words. */
export function describeRefusal({ index, reason }: ExitPlan['refused'][number]): string {
  return `${index}: ${REASONS[reason]}`;
}

/**
 * Which exits would be requested of the vault, by both chains' head, and what that would cost; reads only.
 * @throws OperatorError 'network-incomplete', 'not-validators-manager', 'no-active-validators', 'exit-not-possible' with every
 *   reason when an index that was named cannot exit; ExternalError 'request-fee-too-high', 'withdrawal-refused'
 */
export async function planVaultExits(deps: VaultStakeDeps, options: VaultExitsOptions): Promise<VaultExits> {
  const { node } = deps;
  const { vault, network, signal, indexes, count, maxRequestFeeWei: maxFeeWei } = options;
  const { keeper, multicall } = network.contracts;
  const find = (contract: 'withdrawalRequests' | 'consolidationRequests') =>
    requireContract(network, contract, 'Exits by the vault');
  const query = {
    vault,
    signal,
    withdrawalRequests: find('withdrawalRequests'),
    consolidationRequests: find('consolidationRequests'),
  };
  const { stake, more } = await readVaultStake(deps, query, async ({ head, validators }, snapshot) => {
    const { number: blockNumber } = head.executionBlock;
    const [state, lastEventBlock, awaitingDeposits] = await Promise.all([
      fetchVaultV5State(node, { vault, keeper }, { multicall, blockNumber }),
      findLastRequestBlock(node, vault, { network, toBlock: blockNumber }),
      fetchAwaitingDeposits(snapshot, validators),
    ]);
    return { state, lastEventBlock, awaitingDeposits };
  });
  requireAuthority(options, more.state);
  const { head, validators, pending, requestQueue } = stake;
  const { awaitingDeposits } = more;
  const facts = { vault: fromHex(vault, ADDRESS_LENGTH), epoch: head.epoch, validators, pending };
  const { exits, refused } = planExits({ ...facts, awaitingDeposits, indexes, count });
  requireExits(options, { exits, refused });
  const affordable = largestAffordableBatch('withdrawal', requestQueue, {
    maxFeeWei,
    maxCount: exits.length,
  });
  // The last batch comes behind all the others, in another block at best: what is then too much comes back.
  const feeWei = requestFeeWei('withdrawal', requestQueue, affordable);
  if (affordable === 0 || feeWei === undefined) throw feeTooHigh(maxFeeWei);
  const chosen = exits.slice(0, affordable);
  const plannedAtBlock = head.executionBlock.number;
  const intents = withdrawalIntents(node, {
    vault,
    batches: Array.from(batches(chosen, MAX_BATCH), batch =>
      encodeWithdrawals(batch.map(({ publicKey }) => ({ publicKey, amountGwei: 0n }))),
    ),
    occasion: { plannedAtBlock, lastEventBlock: more.lastEventBlock },
    requestFeeWei: feeWei,
  }).map(intent => asManual(intent, plannedAtBlock + STALE_BLOCKS));
  return {
    exits: chosen,
    later: exits.slice(affordable),
    refused,
    awaitingDeposits: chosen.map(({ index }) => index).filter(index => awaitingDeposits.has(index)),
    feesWei: feeWei * BigInt(affordable),
    gasWei: await estimateGasWei(deps, options, intents),
    intents,
  };
}

/**
 * Sends the calls, one after another, and waits until each is in a block.
 * @param options.onSent - is told of each
 * @throws ExternalError 'exits-incomplete' naming what was requested and what was not; what the outbox throws
 */
export async function requestVaultExits(
  outbox: Pick<Outbox, 'send'>,
  { exits, intents }: Pick<VaultExits, 'exits' | 'intents'>,
  { signal, onSent }: { readonly signal: AbortSignal; readonly onSent: (requested: number) => void },
): Promise<SentExits[]> {
  const sent: SentExits[] = [];
  let requested = 0;
  for (const intent of intents) {
    const outcome = await outbox.send(intent, { signal });
    if (outcome.status !== 'confirmed') {
      const why = 'reason' in outcome ? outcome.reason : outcome.status;
      throw incomplete(exits, requested, why);
    }
    requested += intent.validators ?? 0;
    onSent(requested);
    sent.push({ hash: outcome.hash, blockNumber: outcome.blockNumber });
  }
  return sent;
}

function requireAuthority(
  { vault, wallet }: VaultExitsOptions,
  state: { readonly validatorsManager: string; readonly isCollateralized: boolean },
): void {
  if (state.validatorsManager !== wallet) {
    throw new OperatorError(
      'not-validators-manager',
      `The vault ${vault} has the validators manager ${state.validatorsManager}; the hot wallet ${wallet} cannot exit its validators.`,
      {
        hint: `The vault's admin has to call setValidatorsManager(${wallet}); "validators-exit" signs exits with the validators' own keys.`,
      },
    );
  }
  if (state.isCollateralized) return;
  throw new OperatorError(
    'exit-not-possible',
    `The keeper knows no validators of the vault ${vault} yet: before, the vault requests no exits. Nothing was sent.`,
  );
}

function requireExits({ vault, indexes }: VaultExitsOptions, { exits, refused }: ExitPlan): void {
  const isNamed = indexes !== undefined && refused.length > 0;
  if (!isNamed && exits.length > 0) return;
  if (refused.length === 0) {
    throw new OperatorError(
      'no-active-validators',
      `The vault ${vault} has no validators on the beacon chain.`,
    );
  }
  const reasons = nameList(refused.map(describeRefusal), '; ');
  throw new OperatorError(
    'exit-not-possible',
    `Validators that cannot exit now: ${reasons}. Nothing was sent.`,
  );
}

async function estimateGasWei(
  { node }: VaultStakeDeps,
  { vault, wallet }: VaultExitsOptions,
  intents: readonly TransactionIntent[],
): Promise<bigint> {
  const { baseFeePerGasWei } = await fetchHead(node);
  let gas = 0n;
  for (const { to, data, valueWei } of intents) {
    const estimate = await estimateCall(node, { from: wallet, to, data, valueWei: valueWei ?? 0n });
    if (estimate.status === 'reverts') {
      throw new ExternalError(
        'withdrawal-refused',
        `The vault ${vault} refuses to request exits: ${estimate.reason.replace(/\.$/, '')}.`,
        { retryable: true },
      );
    }
    gas += estimate.gas;
  }
  return gas * baseFeePerGasWei;
}

function feeTooHigh(maxFeeWei: bigint): ExternalError {
  return new ExternalError(
    'request-fee-too-high',
    `A request costs more than ${maxFeeWei / WEI_PER_GWEI} gwei now, or none is taken yet. Nothing was sent.`,
    { hint: 'Try again later, or allow more with --max-withdrawal-request-fee-gwei.', retryable: true },
  );
}

function incomplete(exits: readonly ValidatorState[], requested: number, why: string): ExternalError {
  const indexes = exits.map(({ index }) => index);
  const done =
    requested === 0
      ? 'No exit was requested.'
      : `Exits of ${nameList(indexes.slice(0, requested))} were requested.`;
  return new ExternalError(
    'exits-incomplete',
    `${done} Not requested: ${nameList(indexes.slice(requested))} (${why.replace(/\.$/, '')}).`,
    { hint: 'Run the command again: what was requested is not requested twice.' },
  );
}
