import { keccak256 } from 'ethers/crypto';
import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { nameProtocolError } from '../../../clients/execution/contracts/protocol-errors.ts';
import { fetchLateRegistrations } from '../../../clients/execution/contracts/vault-registrations.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { Approval } from '../../../domain/protocol/approval.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { TransactionOutcome } from '../../../transactions/transaction.ts';
import type { RegistrationBatch } from './registration-mode.ts';

export interface ApprovedRegistration {
  /** Checksummed. */
  readonly vault: string;
  readonly snapshot: Pick<ChainSnapshot, 'blockNumber' | 'registryRoot'>;
  readonly approval: Approval;
  /** Goes first, when one is pending. */
  readonly harvest: HarvestParams | null;
  readonly signal: AbortSignal;
}

/** What became of an approved batch. */
export type SentRegistration =
  /** `hash` is missing when somebody else had sent it. */
  | { readonly status: 'registered'; readonly publicKeys: readonly Hex[]; readonly hash: Hex | undefined }
  /** Something changed in the middle: the next pass starts again. */
  | { readonly status: 'restarted'; readonly reason: string };

/** Blocks that a snapshot may be behind a reorganised head. */
const REORG_MARGIN_BLOCKS = 32;

/**
 * Sends an approved batch to the chain, once.
 * @throws ExternalError 'registration-would-revert', and those of the outbox
 */
export async function sendRegistration(
  { node, outbox }: { readonly node: ExecutionNode; readonly outbox: Pick<Outbox, 'send'> },
  { vault, snapshot, approval, harvest, signal }: ApprovedRegistration,
  batch: RegistrationBatch,
): Promise<SentRegistration> {
  const { registryRoot } = snapshot;
  const call = batch.encodeCall({ registryRoot, validators: batch.encoded, approval }, harvest);
  const fromBlock = Math.max(0, snapshot.blockNumber - REORG_MARGIN_BLOCKS);
  const isDone = async () => {
    const late = await fetchLateRegistrations(node, vault, fromBlock);
    return batch.validators.every(({ publicKey }) => late.has(toHex(publicKey)));
  };
  // Another approval makes another intent: the root of the deposits keeps two of them from both succeeding.
  const intent = {
    kind: 'register-validators',
    key: keccak256(call.data),
    deadline: approval.deadline,
    validators: batch.validators.length,
  } as const;
  return judge(batch, await outbox.send({ ...intent, ...call, isDone }, { signal }));
}

/** Errors that come of the chain having moved on: another try may do. */
const PASSING_ERRORS = new Set(['InvalidValidatorsRegistryRoot', 'DeadlineExpired', 'NotHarvested']);

function judge(batch: RegistrationBatch, outcome: TransactionOutcome): SentRegistration {
  const publicKeys = batch.validators.map(({ publicKey }) => toHex(publicKey));
  switch (outcome.status) {
    case 'confirmed':
      return { status: 'registered', publicKeys, hash: outcome.hash };
    case 'already-done':
      return { status: 'registered', publicKeys, hash: undefined };
    case 'outdated':
      return { status: 'restarted', reason: 'the chain has moved past this registration' };
    case 'expired':
      return { status: 'restarted', reason: 'the deadline of the approval has passed' };
    case 'cancelled':
      return { status: 'restarted', reason: 'the transaction was cancelled' };
    case 'reverted':
      return { status: 'restarted', reason: `${outcome.hash} was reverted: ${outcome.reason}` };
    case 'would-revert': {
      const name = nameProtocolError(outcome.data) ?? outcome.reason;
      if (PASSING_ERRORS.has(name)) {
        return { status: 'restarted', reason: `the transaction would revert: ${name}` };
      }
      throw new ExternalError(
        'registration-would-revert',
        `The registration of ${publicKeys.length} validators would revert: ${name}; nothing was sent.`,
        { retryable: true },
      );
    }
  }
}
