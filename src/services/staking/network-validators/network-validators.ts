import { findStoredKeys } from '../../../db/network-validators.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import {
  findCursor,
  readPendingValidators,
  type SyncDeps,
  type SyncOptions,
  type SyncResult,
  syncNetworkValidators,
} from './sync-network-validators.ts';

/** Where deposits are counted up to: fields of a chain snapshot. */
export interface RegistryState {
  readonly blockNumber: number;
  /** Root of the deposit contract's tree at that block, 32 bytes. */
  readonly registryRoot: Uint8Array;
  /** Deposits that the contract has taken up to that block. */
  readonly depositCount: bigint;
}

/** Every validator of the network for which the deposit contract has taken a valid deposit. */
export interface NetworkValidators {
  /**
   * Stores what has been finalized since the last time.
   * @throws see `syncNetworkValidators`
   */
  sync(signal?: AbortSignal): Promise<SyncResult>;
  /**
   * Index that the network's next validator gets: as many as are stored, and those of unfinalized deposits up to the block.
   * @throws ExternalError `network-validators-not-synced` before the first sync has ended, `node-behind` for a block before
   *   the last one that is stored, `deposits-missing`
   */
  nextValidatorIndex(at: RegistryState): Promise<bigint>;
  /**
   * Which of the public keys (48 bytes) have had a valid deposit, unfinalized ones as of the last index included.
   * @throws ExternalError `network-validators-not-synced`
   */
  findRegistered(publicKeys: readonly Uint8Array[]): Promise<ReadonlySet<Hex>>;
}

interface Pending {
  readonly registryRoot: Hex;
  readonly syncedBlock: number;
  readonly keys: ReadonlySet<Hex>;
}

/** The network's validators in a database, kept by `sync`; what is not final is kept in memory, and read only when it changes. */
export function createNetworkValidators(deps: SyncDeps, options: SyncOptions): NetworkValidators {
  let isComplete = false;
  let pending: Pending | undefined;

  const requireCursor = async () => {
    const cursor = isComplete ? await findCursor(deps, options) : undefined;
    if (cursor === undefined) throw notSynced();
    return cursor;
  };

  return {
    sync: async signal => {
      const result = await syncNetworkValidators(deps, options, signal);
      isComplete = true;
      return result;
    },
    nextValidatorIndex: async ({ blockNumber, registryRoot, depositCount }) => {
      const root = toHex(registryRoot);
      for (;;) {
        const cursor = await requireCursor();
        const { syncedBlock, validatorCount } = cursor;
        if (blockNumber < syncedBlock) throw behind(deps.node.endpoint, blockNumber, syncedBlock);
        if (pending?.registryRoot === root && pending.syncedBlock === syncedBlock) {
          return validatorCount + BigInt(pending.keys.size);
        }
        const keys = await readPendingValidators(deps, options, { cursor, blockNumber, depositCount });
        // Another process may have stored some of them meanwhile: then the count above is not theirs any more.
        pending = { registryRoot: root, syncedBlock, keys };
        if ((await requireCursor()).syncedBlock !== syncedBlock) pending = undefined;
      }
    },
    findRegistered: async publicKeys => {
      const { registryId } = await requireCursor();
      const stored = await findStoredKeys(deps.database, registryId, publicKeys);
      const isPending = (key: Uint8Array) =>
        pending?.keys.size !== 0 && pending?.keys.has(toHex(key)) === true;
      return new Set(publicKeys.filter((key, i) => stored.has(i) || isPending(key)).map(toHex));
    },
  };
}

function notSynced(): ExternalError {
  return new ExternalError(
    'network-validators-not-synced',
    'The deposits of the network have not been read to the end yet.',
    { retryable: true },
  );
}

function behind(endpoint: string, blockNumber: number, syncedBlock: number): ExternalError {
  return new ExternalError(
    'node-behind',
    `${endpoint} is at block ${blockNumber}, behind the finalized block ${syncedBlock} that was read before.`,
    { retryable: true },
  );
}
