import { noOracleConfig } from '../../clients/execution/contracts/keeper.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../clients/http.ts';
import type { IpfsOptions } from '../../clients/ipfs/ipfs.ts';
import {
  type AgreedEvent,
  type ConfigEvent,
  type ConfigVote,
  findAgreedEvent,
  isQuorum,
} from '../../domain/protocol/config-votes.ts';
import { equalBytes, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf, OperatorError } from '../../lib/errors.ts';
import {
  askForEvents,
  findContradictions,
  findFalseMemberships,
  findMembershipFault,
  type VotedContracts,
} from './ask-voters.ts';
import { type ReadOracleSet, readOracleSet } from './read-oracle-set.ts';

export interface ConfirmOracleSetDeps {
  /** A node per endpoint, each with this single one. */
  readonly voters: readonly ExecutionNode[];
  /** The way to the gateways that documents come from. */
  readonly http: HttpDeps;
  /** Is told of what one endpoint alone decides. */
  readonly warn: (line: string) => void;
  /** Is told of an endpoint whose data is wrong. */
  readonly error: (line: string) => void;
  /** Places of the endpoints whose data is wrong, and of those that were right. */
  readonly onVerdict?: ((wrong: readonly number[], right: readonly number[]) => void) | undefined;
}

export interface ConfirmOracleSetOptions {
  readonly contracts: VotedContracts;
  readonly ipfs: IpfsOptions;
  /** The only set that is taken, 32 bytes. */
  readonly pinnedHash?: Uint8Array | undefined;
}

/** An oracle set that may be used, and who says so. */
export interface ConfirmedOracleSet extends ReadOracleSet {
  readonly event: ConfigEvent;
  /** Names of the endpoints that agree. */
  readonly confirmedBy: readonly string[];
}

/**
 * Finds the oracle set of the keeper's last ConfigUpdated event. Of two or more endpoints a majority, at least two, must
 * name the same event, and say that the keeper knows every oracle of its document and no others; a single one decides
 * alone, with a warning.
 * @throws ExternalError `oracle-set-unconfirmed`, retryable, that names each endpoint and what it says; OperatorError
 *   `oracle-set-hash-mismatch` for another set than the pinned one; what gateways and documents fail with, and what a
 *   single endpoint fails with
 */
export async function confirmOracleSet(
  deps: ConfirmOracleSetDeps,
  options: ConfirmOracleSetOptions,
): Promise<ConfirmedOracleSet> {
  const { voters } = deps;
  const { contracts, ipfs, pinnedHash } = options;
  const names = nameVoters(voters);
  const { votes, abstentions } = await askForEvents(voters, contracts);
  const [only] = abstentions;
  if (voters.length === 1 && only !== undefined) throw only.error;
  const isNothingKnown = votes.length === voters.length && votes.every(({ event }) => event === null);
  if (isNothingKnown) throw noOracleConfig(contracts.keeper);
  const claims = new Map([
    ...votes.map(vote => [vote.voter, describeVote(vote)] as const),
    ...abstentions.map(
      ({ voter, error }) => [voter, `has no vote (${messageOf(error).replace(/\.$/, '')})`] as const,
    ),
  ]);
  const agreed = findAgreedEvent(votes, voters.length);
  if (agreed === undefined) throw unconfirmed(names, claims);
  const { event } = agreed;
  const read = await readOracleSet(deps.http, event.ipfsHash, ipfs);
  const { right, faults } = await checkMemberships(voters, agreed, read, contracts);
  const says = new Map([
    ...claims,
    ...faults.map(({ voter, fault }) => [voter, `${claims.get(voter) ?? ''}, but ${fault}`] as const),
  ]);
  if (!isQuorum(right.length, rivalsOf(agreed, right), voters.length)) throw unconfirmed(names, says);
  const wrong = await findWrong(voters, agreed, right, read, contracts);
  reportWrong(deps, names, says, { wrong, right, event });
  requirePinned(read, pinnedHash);
  if (voters.length === 1 && pinnedHash === undefined) warnOfSingle(deps, names, read);
  return { ...read, event, confirmedBy: right.map(({ voter }) => names[voter] ?? '') };
}

/** @throws OperatorError `oracle-set-hash-mismatch` */
export function requirePinned({ set }: ReadOracleSet, pinnedHash: Uint8Array | undefined): void {
  if (pinnedHash === undefined || equalBytes(set.hash, pinnedHash)) return;
  throw new OperatorError(
    'oracle-set-hash-mismatch',
    `The keeper's oracle set is ${toHex(set.hash)} (document ${set.configIpfsHash}), not ${toHex(pinnedHash)} of --oracle-set-hash.`,
    { hint: 'Check the oracles of the document; when they are the right ones, give their hash.' },
  );
}

/** Supporters of an event, by what their own keeper says of the oracles of its document. */
interface CheckedSupporters {
  /** Those for which the oracles of the document are those of the keeper. */
  readonly right: readonly ConfigVote[];
  readonly faults: readonly { readonly voter: number; readonly fault: string }[];
}

async function checkMemberships(
  voters: readonly ExecutionNode[],
  { supporters }: AgreedEvent,
  { config }: ReadOracleSet,
  contracts: VotedContracts,
): Promise<CheckedSupporters> {
  const addresses = config.oracles.map(oracle => oracle.address);
  const checked = await Promise.all(
    supporters.map(async vote => {
      const node = voters[vote.voter];
      if (node === undefined) return undefined;
      return { vote, fault: await findMembershipFault(node, addresses, contracts, vote.head.number) };
    }),
  );
  const right: ConfigVote[] = [];
  const faults: { voter: number; fault: string }[] = [];
  for (const one of checked) {
    if (one === undefined) continue;
    const { vote, fault } = one;
    if (fault === undefined) right.push(vote);
    else faults.push({ voter: vote.voter, fault });
  }
  return { right, faults };
}

/** Votes of nodes whose data is wrong, now that a quorum is right. */
async function findWrong(
  voters: readonly ExecutionNode[],
  agreed: AgreedEvent,
  right: readonly ConfigVote[],
  { config }: ReadOracleSet,
  contracts: VotedContracts,
): Promise<readonly ConfigVote[]> {
  const addresses = config.oracles.map(oracle => oracle.address);
  const faulty = agreed.supporters.filter(vote => !right.includes(vote));
  const [contradictions, falseMemberships] = await Promise.all([
    findContradictions(voters, { ...agreed, supporters: right }),
    findFalseMemberships(voters, { faulty, right }, addresses, contracts),
  ]);
  return [...contradictions, ...falseMemberships];
}

/** Number of nodes that had a vote and are not of the right ones. */
function rivalsOf({ supporters, dissenters }: AgreedEvent, right: readonly ConfigVote[]): number {
  return supporters.length + dissenters.length - right.length;
}

function reportWrong(
  { error, onVerdict }: ConfirmOracleSetDeps,
  names: readonly string[],
  says: ReadonlyMap<number, string>,
  found: {
    readonly wrong: readonly ConfigVote[];
    readonly right: readonly ConfigVote[];
    readonly event: ConfigEvent;
  },
): void {
  const { wrong, right, event } = found;
  for (const { voter } of wrong) {
    error(
      `The execution endpoint ${names[voter]} contradicts the others at a block that they share, and is left out: it ${says.get(voter)}; ${right.length} others name ${show(event.ipfsHash)} of block ${event.blockNumber}.`,
    );
  }
  onVerdict?.(
    wrong.map(({ voter }) => voter),
    right.map(({ voter }) => voter),
  );
}

function warnOfSingle(
  { warn }: ConfirmOracleSetDeps,
  names: readonly string[],
  { set }: ReadOracleSet,
): void {
  warn(
    `Only one execution endpoint is given: ${names[0]} alone decides that the oracles, who together can exit validators, are those of ${set.configIpfsHash}, set ${toHex(set.hash)}. Give two or more of different operators, or --oracle-set-hash.`,
  );
}

/** Scheme, host and port, and the place where that does not tell them apart. */
function nameVoters(voters: readonly ExecutionNode[]): readonly string[] {
  const endpoints = voters.map(({ endpoint }) => endpoint);
  return endpoints.map((endpoint, i) => {
    const isUnique = endpoints.indexOf(endpoint) === endpoints.lastIndexOf(endpoint);
    return isUnique ? endpoint : `${endpoint} (endpoint ${i + 1})`;
  });
}

function describeVote({ event }: ConfigVote): string {
  if (event === null) return 'knows of no ConfigUpdated event';
  return `names ${show(event.ipfsHash)} of block ${event.blockNumber}`;
}

/** A node may call anything an IPFS hash. */
function show(ipfsHash: string): string {
  return /^[A-Za-z0-9]{1,100}$/.test(ipfsHash) ? ipfsHash : JSON.stringify(ipfsHash.slice(0, 60));
}

function unconfirmed(names: readonly string[], says: ReadonlyMap<number, string>): ExternalError {
  const statements = names.map((name, voter) => `${name} ${says.get(voter) ?? 'says nothing'}`);
  return new ExternalError(
    'oracle-set-unconfirmed',
    names.length === 1
      ? `The oracle set is not confirmed: ${statements[0]}.`
      : `Fewer than two execution endpoints, or no majority of those with a vote, agree on the oracle set: ${statements.join('; ')}.`,
    {
      retryable: true,
      hint:
        names.length === 1
          ? 'Check the network and the execution endpoint.'
          : 'Try again when all nodes are synced; if they go on contradicting each other, one of them is not to be trusted.',
    },
  );
}
