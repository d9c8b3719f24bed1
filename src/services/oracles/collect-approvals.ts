import {
  type Approval,
  type ApprovalVote,
  findLargestGroup,
  joinApprovals,
  type OracleApproval,
} from '../../domain/protocol/approval.ts';
import type { Oracle } from '../../domain/protocol/oracle-config.ts';
import type { recoverSigner } from '../../domain/protocol/recovered-signer.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';

export interface CollectApprovalsDeps {
  readonly log: Pick<Logger, 'debug' | 'warn'>;
}

export interface CollectApprovalsOptions {
  readonly oracles: readonly Oracle[];
  /** `Keeper.validatorsMinOracles`: so many signatures, and no more. */
  readonly threshold: number;
  /** Asks one oracle; ends, at the latest, when the signal is aborted. */
  readonly send: (oracle: Oracle, signal: AbortSignal) => Promise<OracleApproval>;
  /** What an oracle has to have signed, 32 bytes: `registrationDigest` or `rotationDigest`. */
  readonly digestOf: (ipfsHash: string, deadline: bigint) => Uint8Array;
  /** Time limit of all oracles together. */
  readonly timeoutMs: number;
  /** Unix seconds: an approval that ends before does not count. */
  readonly now: bigint;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks all oracles at once and ends with the first group of as many as the keeper asks for that name the same document
 * and the same deadline. Only a signature that is the asked oracle's own counts; an oracle that is down, slow, silent or
 * lying costs its own vote and nothing else: no time either, once the others are enough, or cannot be any more.
 * @throws ExternalError `not-enough-approvals`, naming each oracle and what it said; the signal's reason
 */
export async function collectApprovals(
  { log }: CollectApprovalsDeps,
  options: CollectApprovalsOptions,
): Promise<Approval> {
  const { oracles, threshold, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  // With it comes libsecp256k1, 6 MB that an operator does not take as long as it has nothing to be approved of.
  const { recoverSigner } = await import('../../domain/protocol/recovered-signer.ts');
  const end = new AbortController();
  const time = AbortSignal.timeout(timeoutMs);
  const ended = AbortSignal.any([end.signal, time, ...(signal === undefined ? [] : [signal])]);
  const votes: ApprovalVote[] = [];
  const digestOf = onceEach(options.digestOf);
  const checked: VoteChecks = { now: options.now, digestOf, recoverSigner };
  const replies = new Map<Oracle, string>();
  try {
    const approval = await new Promise<Approval | undefined>(resolve => {
      ended.addEventListener('abort', () => resolve(undefined), { once: true });
      const settle = (oracle: Oracle, reply: string, vote?: ApprovalVote) => {
        if (ended.aborted) return;
        replies.set(oracle, reply);
        if (vote !== undefined) votes.push(vote);
        const group = findLargestGroup(votes);
        const approval = joinApprovals(group, threshold);
        if (approval !== undefined) resolve(approval);
        else if (group.length + oracles.length - replies.size < threshold) resolve(undefined);
      };
      if (oracles.length < threshold) resolve(undefined);
      for (const oracle of oracles) {
        options.send(oracle, ended).then(
          answer => {
            if (ended.aborted) return;
            const vote = checkVote(oracle, answer, checked);
            if (typeof vote !== 'string') return settle(oracle, describeVote(vote), vote);
            log.warn({ oracle: oracle.address }, `Approval not counted: ${vote}`);
            settle(oracle, vote);
          },
          (error: unknown) => {
            if (!ended.aborted) log.debug({ oracle: oracle.address }, `No approval: ${messageOf(error)}`);
            settle(oracle, messageOf(error));
          },
        );
      }
    });
    signal?.throwIfAborted();
    if (approval !== undefined) return approval;
    throw new NotEnoughApprovalsError(options, replies, findLargestGroup(votes).length);
  } finally {
    end.abort();
  }
}

/** What a vote is checked with. */
interface VoteChecks extends Pick<CollectApprovalsOptions, 'digestOf' | 'now'> {
  readonly recoverSigner: typeof recoverSigner;
}

/** The digest takes longer than its signature's check, and honest oracles sign the same one. */
function onceEach(digestOf: CollectApprovalsOptions['digestOf']): CollectApprovalsOptions['digestOf'] {
  const known = new Map<string, Uint8Array>();
  return (ipfsHash, deadline) => {
    const key = `${deadline} ${ipfsHash}`;
    const digest = known.get(key) ?? digestOf(ipfsHash, deadline);
    known.set(key, digest);
    return digest;
  };
}

/** The answer as a vote, its signature in the contracts' form; or why it is none. */
function checkVote(
  oracle: Oracle,
  answer: OracleApproval,
  { digestOf, now, recoverSigner }: VoteChecks,
): ApprovalVote | string {
  const { ipfsHash, deadline } = answer;
  if (deadline < now) return `its deadline ${deadline} has passed`;
  const signer = recoverSigner(digestOf(ipfsHash, deadline), answer.signature);
  if (signer === undefined) return 'what it gives as its signature is none';
  if (signer.address !== oracle.address) return `its signature is by ${signer.address}`;
  return { oracle, ipfsHash, deadline, signature: signer.signature };
}

function describeVote({ ipfsHash, deadline }: ApprovalVote): string {
  return `approved ${ipfsHash} until ${deadline}`;
}

/** Fewer oracles than the keeper asks for have approved of the same. They may do so later. */
class NotEnoughApprovalsError extends ExternalError {
  constructor(
    { oracles, threshold, timeoutMs }: CollectApprovalsOptions,
    replies: ReadonlyMap<Oracle, string>,
    count: number,
  ) {
    const silent = `did not answer within ${timeoutMs / 1000} s`;
    const said = oracles.map(
      oracle => `${oracle.address} ${(replies.get(oracle) ?? silent).replace(/\.$/, '')}`,
    );
    super(
      'not-enough-approvals',
      `${count} of the ${threshold} oracles approved that are needed: ${said.join('; ')}.`,
      { retryable: true },
    );
  }
}
