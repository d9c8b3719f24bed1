import { fetchHead, fetchHeader } from '../../clients/execution/block-headers.ts';
import {
  fetchConfigEvent,
  fetchOracleMembership,
  type KeeperRef,
  type OracleMembership,
} from '../../clients/execution/contracts/keeper.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import { requireSyncedNode } from '../../clients/execution/node-sync.ts';
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

/**
 * Supporters that do not know the oracles of a document at a block that they share with one who knows them there: their
 * data is wrong, too. One that is only behind, or has answered nothing, is not.
 */
export async function findFalseMemberships(
  voters: readonly ExecutionNode[],
  { faulty, right }: { readonly faulty: readonly ConfigVote[]; readonly right: readonly ConfigVote[] },
  addresses: readonly string[],
  contracts: VotedContracts,
): Promise<readonly ConfigVote[]> {
  const sound = right.toSorted((a, b) => b.head.number - a.head.number)[0];
  if (sound === undefined) return [];
  const knowsAt = async ({ voter }: ConfigVote, blockNumber: number) => {
    const node = voters[voter];
    if (node === undefined) return undefined;
    const where = { multicall: contracts.multicall, blockNumber };
    const membership = await fetchOracleMembership(node, contracts.keeper, addresses, where).catch(
      () => undefined,
    );
    return membership && describeMembership(membership, addresses.length) === undefined;
  };
  const found = await Promise.all(
    faulty.map(async vote => {
      const common = Math.min(sound.head.number, vote.head.number);
      if (!(await isSharedBlock(voters, sound, vote, common))) return undefined;
      const [isTrue, isSaid] = await Promise.all([knowsAt(sound, common), knowsAt(vote, common)]);
      return isTrue === true && isSaid === false ? vote : undefined;
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
