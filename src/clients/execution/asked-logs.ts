import { z } from 'zod';
import { ExternalError } from '../../lib/errors.ts';

const hexData = z.string().regex(/^0x([0-9a-f]{2})*$/i);
const quantity = z.string().regex(/^0x[0-9a-f]{1,13}$/i);
const hash = z.string().regex(/^0x[0-9a-f]{64}$/i);

/** What a node answers eth_getLogs with. */
export const logsAnswer = z.array(
  z.looseObject({
    address: hexData,
    topics: z.array(hexData),
    data: hexData,
    blockNumber: quantity,
    logIndex: quantity,
    blockHash: hash.optional(),
    removed: z.boolean().optional(),
  }),
);
type AnsweredLog = z.infer<typeof logsAnswer>[number];

const oneOrMore = z.union([z.string(), z.array(z.string())]);
/** The parameter of eth_getLogs. */
const logFilter = z.looseObject({
  address: oneOrMore.nullish(),
  topics: z.array(oneOrMore.nullable()).nullish(),
  fromBlock: z.string().nullish(),
  toBlock: z.string().nullish(),
  blockHash: z.string().nullish(),
});

/**
 * What of an answer to eth_getLogs was asked for: the address, topics and blocks of the filter, nothing that a
 * reorganisation has removed, in chain order. Whatever a node puts beside it, or in another order, reaches nobody.
 * @param filter - the parameter of the request, as it was sent
 * @throws ExternalError `invalid-answer` when two logs claim one place of the chain
 */
export function pickAskedLogs(filter: unknown, logs: readonly AnsweredLog[], node: string): AnsweredLog[] {
  const asked = logFilter.parse(filter);
  const isAsked = matcherOf(asked);
  const picked = logs.filter(log => log.removed !== true && isAsked(log));
  picked.sort(compareLogs);
  for (const [i, log] of picked.entries()) {
    const next = picked[i + 1];
    if (next === undefined || compareLogs(log, next) !== 0) continue;
    throw new ExternalError(
      'invalid-answer',
      `${node} tells of two logs at one place: block ${Number(log.blockNumber)}, index ${Number(log.logIndex)}.`,
    );
  }
  return picked;
}

function compareLogs(one: AnsweredLog, other: AnsweredLog): number {
  return Number(one.blockNumber) - Number(other.blockNumber) || Number(one.logIndex) - Number(other.logIndex);
}

function matcherOf(asked: z.infer<typeof logFilter>): (log: AnsweredLog) => boolean {
  const addresses = choicesOf(asked.address);
  const topics = (asked.topics ?? []).map(choicesOf);
  const from = boundOf(asked.fromBlock) ?? 0;
  const to = boundOf(asked.toBlock) ?? Number.POSITIVE_INFINITY;
  const blockHash = asked.blockHash?.toLowerCase();
  return log => {
    const block = Number(log.blockNumber);
    if (block < from || block > to) return false;
    if (blockHash !== undefined && log.blockHash?.toLowerCase() !== blockHash) return false;
    if (addresses !== undefined && !addresses.has(log.address.toLowerCase())) return false;
    return topics.every((choices, i) => choices === undefined || choices.has(log.topics[i]?.toLowerCase()));
  };
}

/** What may stand in a place of a log; undefined where anything matches. */
function choicesOf(asked: z.infer<typeof oneOrMore> | null | undefined): Set<string | undefined> | undefined {
  if (asked === null || asked === undefined) return undefined;
  return new Set([asked].flat().map(text => text.toLowerCase()));
}

/** A block's number; undefined for a tag such as `latest`, which only the node can resolve. */
function boundOf(block: string | null | undefined): number | undefined {
  return block?.startsWith('0x') ? Number(block) : undefined;
}
