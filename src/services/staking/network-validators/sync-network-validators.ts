import { fetchHeader } from '../../../clients/execution/block-headers.ts';
import { walkDeposits } from '../../../clients/execution/contracts/deposit-contract.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { Session } from '../../../db/database.ts';
import {
  type DepositCursor,
  findDepositCursor,
  findStoredKeys,
  insertDepositCursor,
  rewindDepositCursor,
  storeDepositStep,
} from '../../../db/network-validators.ts';
import type { RegistryDeposit } from '../../../domain/consensus/deposit-log.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { Network } from '../../../networks/network.ts';
import { createDepositVerifier, type DepositVerifier } from '../../../workers/deposit-verifier.ts';
import { depositsMissing, followIndexes } from './deposit-sequence.ts';
import { fetchValidatorsSnapshot } from './validators-snapshot.ts';

export interface SyncDeps {
  readonly database: Session;
  readonly node: ExecutionNode;
  readonly http: HttpDeps;
  readonly log?: Pick<Logger, 'info' | 'warn'> | undefined;
}

export interface SyncOptions {
  readonly network: Pick<
    Network,
    'chainId' | 'contracts' | 'genesisForkVersion' | 'genesisValidatorsIpfsHash' | 'ipfsGateways'
  >;
  /** Time limit of all that one IPFS gateway is asked for the network's snapshot. Default 10 minutes. */
  readonly snapshotTimeoutMs?: number | undefined;
  /** How many threads verify signatures in bulk. Default: the machine's parallelism, at most four. */
  readonly threads?: number | undefined;
  /** Blocks that are asked for first, see `walkLogs`. */
  readonly windowBlocks?: number | undefined;
}

export interface SyncResult {
  /** All deposits up to this finalized block are in. */
  readonly block: number;
  /** Validators that were new. */
  readonly added: number;
}

const SNAPSHOT_TIMEOUT_MS = 600_000;
/** How often progress is logged. */
const REPORT_MS = 15_000;

/**
 * Stores the validators of all finalized deposits since the last time, from the network's snapshot on the first time.
 * Each step is one transaction of validators and cursor, so that it goes on where it was killed.
 * @throws ExternalError `deposits-missing` (to be tried again: the cursor has gone back) or `invalid-answer`; what the node
 *   or the database failed with; the signal's reason
 */
export async function syncNetworkValidators(
  deps: SyncDeps,
  options: SyncOptions,
  signal?: AbortSignal,
): Promise<SyncResult> {
  const { database, node, log } = deps;
  const { contracts } = options.network;
  const finalized = await fetchHeader(node, 'finalized');
  const cursor = await beginSync(deps, options, signal);
  const { registryId, syncedBlock } = cursor;
  if (finalized === null || finalized.number <= syncedBlock) return { block: syncedBlock, added: 0 };

  await using verifier = createDepositVerifier({ ...options.network, threads: options.threads });
  const walk = {
    depositContract: contracts.depositContract,
    fromBlock: syncedBlock + 1,
    toBlock: finalized.number,
    windowBlocks: options.windowBlocks,
  };
  let position: Pick<DepositCursor, 'nextDepositIndex' | 'lastDepositBlock'> = cursor;
  let reportedAt = performance.now();
  let added = 0;
  // A step is stored while the next one's signatures are verified.
  let storing: Promise<number> = Promise.resolve(0);
  try {
    for await (const { toBlock, deposits } of walkDeposits(node, walk)) {
      signal?.throwIfAborted();
      const nextDepositIndex = await followIndexes(deposits, position, async lastDepositBlock => {
        await storing;
        await rewindDepositCursor(database, registryId, lastDepositBlock);
      });
      const publicKeys = await findNewValidators(database, verifier, registryId, deposits);
      position = {
        nextDepositIndex,
        lastDepositBlock: deposits.at(-1)?.blockNumber ?? position.lastDepositBlock,
      };
      added += await storing;
      storing = storeDepositStep(database, { registryId, toBlock, publicKeys, ...position });
      storing.catch(() => undefined);
      if (performance.now() - reportedAt > REPORT_MS) {
        reportedAt = performance.now();
        log?.info({ block: toBlock, toBlock: finalized.number, added }, 'Reading the network validators');
      }
    }
    added += await storing;
  } finally {
    await storing.catch(() => undefined);
  }
  return { block: finalized.number, added };
}

/**
 * Validators of deposits that are not final yet, up to a block.
 * @returns public keys, of those that are not stored
 * @throws ExternalError `deposits-missing` when they are not all that the contract has counted at that block
 */
export async function readPendingValidators(
  deps: SyncDeps,
  options: SyncOptions,
  range: { readonly cursor: DepositCursor; readonly blockNumber: number; readonly depositCount: bigint },
): Promise<Set<Hex>> {
  const { depositContract } = options.network.contracts;
  const { cursor, blockNumber } = range;
  const deposits: RegistryDeposit[] = [];
  const walk = { depositContract, fromBlock: cursor.syncedBlock + 1, toBlock: blockNumber };
  for await (const window of walkDeposits(deps.node, walk)) {
    for (const deposit of window.deposits) deposits.push(deposit);
  }
  const next = await followIndexes(deposits, cursor, async lastDepositBlock =>
    rewindDepositCursor(deps.database, cursor.registryId, lastDepositBlock),
  );
  if (next !== null && next !== range.depositCount) {
    // The last ones were missed, maybe before the cursor.
    const { registryId, lastDepositBlock } = cursor;
    if (lastDepositBlock !== null) await rewindDepositCursor(deps.database, registryId, lastDepositBlock);
    throw depositsMissing(next, range.depositCount);
  }
  await using verifier = createDepositVerifier({ ...options.network, threads: options.threads });
  const keys = await findNewValidators(deps.database, verifier, cursor.registryId, deposits);
  return new Set(keys.map(toHex));
}

/** The network whose deposits are read. */
interface CursorOptions {
  readonly network: Pick<Network, 'chainId' | 'contracts'>;
}

/** Where reading has got to, undefined before the first sync. */
export function findCursor({ database }: Pick<SyncDeps, 'database'>, { network }: CursorOptions) {
  return findDepositCursor(database, registryOf(network));
}

async function beginSync(
  deps: SyncDeps,
  options: SyncOptions,
  signal: AbortSignal | undefined,
): Promise<DepositCursor> {
  const cursor = await findCursor(deps, options);
  if (cursor !== undefined) return cursor;
  const { network, snapshotTimeoutMs = SNAPSHOT_TIMEOUT_MS } = options;
  const snapshot = await findValidatorsSnapshot(deps, network, { timeoutMs: snapshotTimeoutMs, signal });
  await insertDepositCursor(deps.database, registryOf(network), {
    syncedBlock: snapshot?.lastBlock ?? network.contracts.depositContractGenesisBlock - 1,
    publicKeys: snapshot?.publicKeys() ?? [],
  });
  const begun = await findCursor(deps, options);
  if (begun === undefined) throw new Error('the deposit cursor that was just stored is missing');
  return begun;
}

/** The network's snapshot; undefined when there is none. It only spares time: without one, the chain has it all. */
export async function findValidatorsSnapshot(
  { http, log }: Pick<SyncDeps, 'http' | 'log'>,
  network: Pick<Network, 'genesisValidatorsIpfsHash' | 'ipfsGateways'>,
  {
    otherwise = 'all deposits are read from the chain',
    ...limits
  }: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
    /** What is done without it, for the warning. */
    readonly otherwise?: string | undefined;
  },
) {
  const { genesisValidatorsIpfsHash: ipfsHash, ipfsGateways: gateways } = network;
  if (ipfsHash === '') return undefined;
  try {
    return await fetchValidatorsSnapshot(http, ipfsHash, { gateways, ...limits });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    log?.warn(`The snapshot of the network's validators is not used, ${otherwise}: ${messageOf(error)}`);
    return undefined;
  }
}

/** Public keys that have a first valid deposit among these, each once. */
async function findNewValidators(
  database: Session,
  verifier: DepositVerifier,
  registryId: number,
  deposits: readonly RegistryDeposit[],
): Promise<Uint8Array[]> {
  const keys = deposits.map(({ publicKey }) => publicKey);
  const stored = await findStoredKeys(database, registryId, keys);
  const fresh = deposits.filter((_, i) => !stored.has(i));
  const invalid = new Set(await verifier.findInvalid(fresh));
  const valid = fresh.filter((_, i) => !invalid.has(i));
  return [...new Map(valid.map(({ publicKey }) => [toHex(publicKey), publicKey])).values()];
}

/** The registry of a network's deposits. */
export function registryOf({ chainId, contracts }: CursorOptions['network']) {
  return { chainId, depositContract: fromHex(contracts.depositContract, ADDRESS_LENGTH) };
}
