import { z } from 'zod';
import { fromHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findLastLog } from '../log-search.ts';
import { type RawLog, walkLogs } from '../log-walk.ts';
import { findLastConfigLog, type KeeperRef, keeperAbi } from './keeper.ts';

/** The keeper's last events up to a block; null where there has been none. */
export interface KeeperEvents {
  readonly config: { readonly ipfsHash: string; readonly blockNumber: number } | null;
  readonly rewards: {
    /** 32 bytes. */
    readonly root: Uint8Array;
    readonly ipfsHash: string;
    readonly blockNumber: number;
  } | null;
  /** The vault's last update of exit signatures; null when there was none. */
  readonly exitSignatures: { readonly ipfsHash: string; readonly blockNumber: number } | null;
}

export interface KeeperEventsRef extends KeeperRef {
  readonly vault: string;
}

export const NO_EVENTS: KeeperEvents = { config: null, rewards: null, exitSignatures: null };

const NAMES = { config: 'ConfigUpdated', rewards: 'RewardsUpdated', exitSignatures: 'ExitSignaturesUpdated' };
type Kind = keyof KeeperEvents;
const KINDS = Object.keys(NAMES) as Kind[];

/**
 * Looks backwards from a block for the last event of each of the kinds.
 * @returns the events found, in place of those given
 */
export async function findKeeperEvents(
  node: ExecutionNode,
  ref: KeeperEventsRef,
  options: { readonly toBlock: number; readonly kinds: readonly Kind[]; readonly known: KeeperEvents },
): Promise<KeeperEvents> {
  const found = await Promise.all(
    options.kinds.map(async kind => {
      const log = await findLastEventLog(node, ref, kind, options.toBlock);
      return log === null ? { [kind]: null } : readEvent(kind, log);
    }),
  );
  return Object.assign({}, options.known, ...found);
}

/**
 * Log of the last event of a kind. Behind the network's checkpoint all blocks are searched first. Up to it there is one
 * configuration to ask for, and no update of exit signatures that counts: they are of years before. Rewards are some hours old,
 * so that a node need not have what is before it, unless nobody has published any since.
 */
async function findLastEventLog(node: ExecutionNode, ref: KeeperEventsRef, kind: Kind, toBlock: number) {
  if (kind === 'config') return await findLastConfigLog(node, ref, toBlock);
  const { keeper, keeperGenesisBlock, keeperCheckpoint } = ref;
  const search = { address: keeper, topics: topicsOf(kind, ref) };
  const late = { ...search, fromBlock: (keeperCheckpoint?.block ?? keeperGenesisBlock - 1) + 1, toBlock };
  const log = await findLastLog(node, late);
  if (log !== null || kind === 'exitSignatures' || keeperCheckpoint === undefined) return log;
  const lastBlock = Math.min(keeperCheckpoint.block, toBlock);
  return await findLastLog(node, { ...search, fromBlock: keeperGenesisBlock, toBlock: lastBlock });
}

/** The events after those of a range of blocks, which is read in one request where the node takes it. */
export async function followKeeperEvents(
  node: ExecutionNode,
  ref: KeeperEventsRef,
  options: { readonly fromBlock: number; readonly toBlock: number; readonly known: KeeperEvents },
): Promise<KeeperEvents> {
  const { fromBlock, toBlock } = options;
  const topics = [KINDS.map(kind => topicOf(kind))];
  let events = options.known;
  for await (const { logs } of walkLogs(node, { address: ref.keeper, topics, fromBlock, toBlock })) {
    for (const log of logs) {
      const kind = KINDS.find(one => isOf(one, ref, log));
      if (kind !== undefined) events = { ...events, ...readEvent(kind, log) };
    }
  }
  return events;
}

/** The kinds of which the last event is in a later block. */
export function kindsAfter(events: KeeperEvents, blockNumber: number): Kind[] {
  return KINDS.filter(kind => (events[kind]?.blockNumber ?? 0) > blockNumber);
}

function topicsOf(kind: Kind, { vault }: KeeperEventsRef): (string | null)[] {
  return kind === 'exitSignatures' ? [topicOf(kind), null, vaultTopic(vault)] : [topicOf(kind)];
}

function isOf(kind: Kind, { vault }: KeeperEventsRef, { topics }: RawLog): boolean {
  if (topics[0]?.toLowerCase() !== topicOf(kind)) return false;
  return kind !== 'exitSignatures' || topics[2]?.toLowerCase() === vaultTopic(vault);
}

function topicOf(kind: Kind): string {
  const [topic] = keeperAbi.encodeFilterTopics(NAMES[kind], []);
  return String(topic).toLowerCase();
}

function vaultTopic(vault: string): string {
  return `0x${'00'.repeat(12)}${vault.slice(2).toLowerCase()}`;
}

const text = z.string();

function readEvent(
  kind: Kind,
  log: { readonly topics: readonly string[]; readonly data: string; readonly blockNumber: number },
): Partial<KeeperEvents> {
  const { blockNumber } = log;
  const values = keeperAbi.decodeEventLog(NAMES[kind], log.data, [...log.topics]);
  if (kind === 'config') return { config: { ipfsHash: text.parse(values.configIpfsHash), blockNumber } };
  if (kind === 'rewards') {
    const root = fromHex(text.parse(values.rewardsRoot), HASH_LENGTH);
    return { rewards: { root, ipfsHash: text.parse(values.rewardsIpfsHash), blockNumber } };
  }
  return { exitSignatures: { ipfsHash: text.parse(values.exitSignaturesIpfsHash), blockNumber } };
}
