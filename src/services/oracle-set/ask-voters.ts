import { fetchHead, fetchHeader } from '../../clients/block-headers.ts';
import {
  fetchConfigEvent,
  fetchOracleMembership,
  type KeeperRef,
  type OracleMembership,
} from '../../clients/contracts/keeper.ts';
import type { ExecutionNode } from '../../clients/execution-node.ts';
import { requireSyncedNode } from '../../clients/node-sync.ts';
import type { AgreedEvent, ConfigVote } from '../../domain/protocol/config-votes.ts';
import { messageOf } from '../../lib/errors.ts';

/** Contracts that are asked. */
export interface VotedContracts extends KeeperRef {
  readonly multicall: string;
}

/** Why an endpoint has no vote. */
export interface Abstention {
  readonly voter: number;
  readonly error: unknown;
}

/** What all endpoints say of the keeper's last ConfigUpdated event; one that is syncing or does not answer has no vote. */
export async function askForEvents(
  voters: readonly ExecutionNode[],
  keeper: KeeperRef,
): Promise<{ readonly votes: readonly ConfigVote[]; readonly abstentions: readonly Abstention[] }> {
  const votes: ConfigVote[] = [];
  const abstentions: Abstention[] = [];
  await Promise.all(
    voters.map(async (node, voter) => {
      try {
        await requireSyncedNode(node);
        const { number, hash } = await fetchHead(node);
        const event = await fetchConfigEvent(node, keeper, { toBlock: number });
        votes.push({ voter, head: { number, hash }, event });
      } catch (error) {
        abstentions.push({ voter, error });
      }
    }),
  );
  votes.sort((a, b) => a.voter - b.voter);
  return { votes, abstentions };
}

/**
 * Dissenters that have the same block as a supporter and tell something else of the chain up to it: their data is wrong,
 * whatever the reason. One that is on another branch, or ahead of the others, contradicts nobody.
 */
export async function findContradictions(
  voters: readonly ExecutionNode[],
  { event, supporters, dissenters }: AgreedEvent,
): Promise<readonly ConfigVote[]> {
  const supporter = supporters.toSorted((a, b) => b.head.number - a.head.number)[0];
  if (supporter === undefined) return [];
  const found = await Promise.all(
    dissenters.map(async dissenter => {
      const common = Math.min(supporter.head.number, dissenter.head.number);
      const isAhead = dissenter.event !== null && dissenter.event.blockNumber > common;
      if (isAhead || event.blockNumber > common) return undefined;
      return (await isSharedBlock(voters, supporter, dissenter, common)) ? dissenter : undefined;
    }),
  );
  return found.filter(vote => vote !== undefined);
}

/** How a voter sees the oracles of a document: nothing, when the keeper knows all of them and no others. */
export async function findMembershipFault(
  node: ExecutionNode,
  addresses: readonly string[],
  { keeper, multicall }: VotedContracts,
  blockNumber: number,
): Promise<string | undefined> {
  try {
    const where = { multicall, blockNumber };
    return describeMembership(await fetchOracleMembership(node, keeper, addresses, where), addresses.length);
  } catch (error) {
    return `cannot tell whether its oracles are those of the keeper: ${messageOf(error).replace(/\.$/, '')}`;
  }
}

function describeMembership({ unknown, total }: OracleMembership, count: number): string | undefined {
  if (unknown.length > 0) {
    const more = unknown.length > 1 ? ` and ${unknown.length - 1} more of it` : '';
    return `says that the keeper has no oracle ${unknown[0]}${more}`;
  }
  return total === count ? undefined : `says that the keeper has ${total} oracles, and the document ${count}`;
}

async function isSharedBlock(
  voters: readonly ExecutionNode[],
  one: ConfigVote,
  other: ConfigVote,
  number: number,
): Promise<boolean> {
  const [a, b] = await Promise.all([hashAt(voters, one, number), hashAt(voters, other, number)]);
  return a !== undefined && a === b;
}

async function hashAt(
  voters: readonly ExecutionNode[],
  { voter, head }: ConfigVote,
  number: number,
): Promise<string | undefined> {
  if (head.number === number) return head.hash;
  const node = voters[voter];
  if (node === undefined) return undefined;
  return (await fetchHeader(node, number).catch(() => null))?.hash;
}
