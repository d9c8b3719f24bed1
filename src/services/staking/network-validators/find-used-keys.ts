import { fetchHead } from '../../../clients/execution/block-headers.ts';
import { walkDeposits } from '../../../clients/execution/contracts/deposit-contract.ts';
import { fetchDepositCount } from '../../../clients/execution/contracts/deposit-root.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { Session } from '../../../db/database.ts';
import { findStoredKeys } from '../../../db/network-validators.ts';
import type { RegistryDeposit } from '../../../domain/consensus/deposit-log.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { Network } from '../../../networks/network.ts';
import { createDepositVerifier } from '../../../workers/deposit-verifier.ts';
import { fetchVaultValidators } from '../../local-keys/fetch-vault-validators.ts';
import { depositsMissing, followIndexes } from './deposit-sequence.ts';
import { findCursor, findValidatorsSnapshot } from './sync-network-validators.ts';

export interface UsedKeysQuery {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Network;
  /** Public keys of 48 bytes that are asked for. */
  readonly publicKeys: RecordTable;
}

export interface FindUsedKeysDeps {
  readonly node: ExecutionNode;
  readonly http: HttpDeps;
  /** Where operators keep the network's validators: what they have read need not be read again. */
  readonly database?: Session | undefined;
  readonly progress: ProgressReporter;
  readonly warn: (line: string) => void;
}

/** The block to which the network's deposits are known, and which of the keys they have used. */
interface KnownDeposits {
  readonly used: readonly Uint8Array[];
  readonly syncedBlock: number;
  /** Number of the next deposit and block of the last one; null where they are not known. */
  readonly nextDepositIndex: bigint | null;
  readonly lastDepositBlock: number | null;
}

/** Blocks of about a week on Ethereum. */
const LATE_BLOCKS = 50_000;
/** Mainnet's snapshot has some 60 MB. */
const SNAPSHOT_TIMEOUT_MS = 600_000;

/**
 * Which of these keys a deposit has used, whoever made it: those that the vault has registered by its own log, and those of every valid
 * deposit of the deposit contract up to the head. Begins where the operators' database, else the network's snapshot ends.
 * @throws ExternalError 'deposits-missing' when the node does not tell all deposits; what the node failed with
 */
export async function findUsedKeys(deps: FindUsedKeysDeps, query: UsedKeysQuery): Promise<RecordTable> {
  const { node, progress } = deps;
  const { depositContract } = query.network.contracts;
  const registered = await findRegistered(node, query);
  // Before the head: there are at least so many deposits in the blocks up to it.
  const depositCount = await fetchDepositCount(node, depositContract);
  const head = await fetchHead(node);
  const known = await findKnownDeposits(deps, query);
  const range = { fromBlock: known.syncedBlock + 1, toBlock: head.number };
  const bar = progress.start(
    'Reading the deposits of the network',
    Math.max(0, range.toBlock - range.fromBlock + 1),
  );
  const found: RegistryDeposit[] = [];
  let position: Pick<KnownDeposits, 'nextDepositIndex' | 'lastDepositBlock'> = known;
  let readTo = known.syncedBlock;
  for await (const { toBlock, deposits } of walkDeposits(node, { depositContract, ...range })) {
    const nextDepositIndex = await followIndexes(deposits, position, async () => undefined);
    const lastDepositBlock = deposits.at(-1)?.blockNumber ?? position.lastDepositBlock;
    position = { nextDepositIndex, lastDepositBlock };
    for (const deposit of deposits) if (query.publicKeys.has(deposit.publicKey)) found.push(deposit);
    bar.advance(toBlock - readTo);
    readTo = toBlock;
  }
  bar.finish();
  const { nextDepositIndex } = position;
  if (nextDepositIndex !== null && nextDepositIndex < depositCount)
    throw depositsMissing(depositCount, nextDepositIndex);
  return RecordTable.from(
    [...registered, ...known.used, ...(await keysOfValid(found, query))],
    PUBLIC_KEY_LENGTH,
  );
}

/**
 * {@link findUsedKeys}, but of the deposit contract only what it has taken in the last week: what is asked at every upload must not
 * take minutes.
 */
export async function findLatelyUsedKeys(node: ExecutionNode, query: UsedKeysQuery): Promise<RecordTable> {
  const { depositContract, depositContractGenesisBlock } = query.network.contracts;
  const registered = await findRegistered(node, query);
  const { number: toBlock } = await fetchHead(node);
  const fromBlock = Math.max(depositContractGenesisBlock, toBlock - LATE_BLOCKS);
  const found: RegistryDeposit[] = [];
  for await (const { deposits } of walkDeposits(node, { depositContract, fromBlock, toBlock })) {
    for (const deposit of deposits) if (query.publicKeys.has(deposit.publicKey)) found.push(deposit);
  }
  return RecordTable.from([...registered, ...(await keysOfValid(found, query))], PUBLIC_KEY_LENGTH);
}

/** Those that the vault has registered. */
async function findRegistered(node: ExecutionNode, query: UsedKeysQuery): Promise<readonly Uint8Array[]> {
  const registered = await fetchVaultValidators(node, query);
  return registered.filter(publicKey => query.publicKeys.has(publicKey));
}

async function findKnownDeposits(deps: FindUsedKeysDeps, query: UsedKeysQuery): Promise<KnownDeposits> {
  const stored = await findStoredDeposits(deps, query);
  if (stored !== undefined) return stored;
  const { network, publicKeys } = query;
  const log = { info: () => undefined, warn: deps.warn };
  const snapshot = await findValidatorsSnapshot({ http: deps.http, log }, network, {
    timeoutMs: SNAPSHOT_TIMEOUT_MS,
    signal: undefined,
  });
  if (snapshot === undefined) {
    const syncedBlock = network.contracts.depositContractGenesisBlock - 1;
    return { used: [], syncedBlock, nextDepositIndex: 0n, lastDepositBlock: syncedBlock };
  }
  const used: Uint8Array[] = [];
  for (const piece of snapshot.publicKeys()) {
    for (const publicKey of piece) if (publicKeys.has(publicKey)) used.push(publicKey);
  }
  return { used, syncedBlock: snapshot.lastBlock, nextDepositIndex: null, lastDepositBlock: null };
}

/** What the operators have stored; undefined where they have stored nothing, or the role may not read it. */
async function findStoredDeposits(
  { database }: FindUsedKeysDeps,
  { network, publicKeys }: UsedKeysQuery,
): Promise<KnownDeposits | undefined> {
  if (database === undefined) return undefined;
  try {
    const cursor = await findCursor({ database }, { network });
    if (cursor === undefined) return undefined;
    const keys = Array.from({ length: publicKeys.length }, (_, place) => publicKeys.at(place));
    const places = await findStoredKeys(database, cursor.registryId, keys);
    return { ...cursor, used: keys.filter((_, place) => places.has(place)) };
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'db-permission-denied') return undefined;
    throw error;
  }
}

/** Anybody can make deposits of a key whose signature is not valid: they make no validator. */
async function keysOfValid(
  deposits: readonly RegistryDeposit[],
  { network }: UsedKeysQuery,
): Promise<readonly Uint8Array[]> {
  await using verifier = createDepositVerifier(network);
  const invalid = new Set(await verifier.findInvalid(deposits));
  return deposits.filter((_, place) => !invalid.has(place)).map(({ publicKey }) => publicKey);
}
