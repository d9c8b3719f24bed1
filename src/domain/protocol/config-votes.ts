import type { Hex } from '../../lib/bytes.ts';

/** One ConfigUpdated event of the keeper: which document lists the oracles. */
export interface ConfigEvent {
  readonly ipfsHash: string;
  readonly blockNumber: number;
  readonly blockHash: Hex;
  /** The event's place in the block. */
  readonly logIndex: number;
}

/** What one execution node says of the keeper's last ConfigUpdated event. */
export interface ConfigVote {
  /** Place of the node's endpoint. */
  readonly voter: number;
  readonly head: { readonly number: number; readonly hash: Hex };
  /** The event that the node names; null when it knows of none. */
  readonly event: ConfigEvent | null;
}

/** An event that enough nodes name. */
export interface AgreedEvent {
  readonly event: ConfigEvent;
  readonly supporters: readonly ConfigVote[];
  /** Votes of nodes that named something else. */
  readonly dissenters: readonly ConfigVote[];
}

/** Nodes that must name the same event where there is more than one. */
const MIN_SUPPORTERS = 2;

/**
 * Finds the event that a majority names, of the nodes whose head is not below its block, and at least two where two or
 * more endpoints are configured. A single endpoint decides alone.
 * @param endpoints - how many are configured, with a vote or without
 * @returns undefined when no event has enough votes
 */
export function findAgreedEvent(votes: readonly ConfigVote[], endpoints: number): AgreedEvent | undefined {
  const agreed = groupByEvent(votes)
    .map(({ event, supporters }) => {
      const entitled = votes.filter(vote => vote.head.number >= event.blockNumber);
      const dissenters = entitled.filter(vote => !supporters.includes(vote));
      return { event, supporters, dissenters };
    })
    .filter(({ supporters, dissenters }) => isQuorum(supporters.length, dissenters.length, endpoints));
  // The newer one of two: nodes that are behind have seen the older one only.
  agreed.sort(
    (a, b) => b.supporters.length - a.supporters.length || b.event.blockNumber - a.event.blockNumber,
  );
  return agreed[0];
}

/** Whether so many nodes are enough against so many others. */
export function isQuorum(supporters: number, dissenters: number, endpoints: number): boolean {
  const needed = endpoints === 1 ? 1 : MIN_SUPPORTERS;
  return supporters >= needed && supporters > dissenters;
}

/** Whether both are the same event of the same block. */
function isSameEvent(one: ConfigEvent, other: ConfigEvent): boolean {
  return (
    one.ipfsHash === other.ipfsHash &&
    one.blockNumber === other.blockNumber &&
    one.blockHash.toLowerCase() === other.blockHash.toLowerCase() &&
    one.logIndex === other.logIndex
  );
}

function groupByEvent(
  votes: readonly ConfigVote[],
): { readonly event: ConfigEvent; readonly supporters: ConfigVote[] }[] {
  const groups: { readonly event: ConfigEvent; readonly supporters: ConfigVote[] }[] = [];
  for (const vote of votes) {
    const { event } = vote;
    if (event === null) continue;
    const group = groups.find(one => isSameEvent(one.event, event));
    if (group === undefined) groups.push({ event, supporters: [vote] });
    else group.supporters.push(vote);
  }
  return groups;
}
