import type {
  BeaconHead,
  BeaconSnapshot,
  BeaconSnapshotReader,
} from '../../../clients/beacon/beacon-snapshot.ts';
import {
  fetchConsolidationQueue,
  fetchWithdrawalQueue,
} from '../../../clients/execution/contracts/request-queues.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import { readOneHead } from '../../../clients/one-head.ts';
import type { RequestQueue } from '../../../domain/consensus/execution-requests.ts';
import type { ValidatorState } from '../../../domain/consensus/validator-state.ts';
import {
  findPendingOperations,
  type PendingOperations,
} from '../../../domain/protocol/pending-operations.ts';
import { fromHex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { VaultValidators } from '../../local-keys/vault-validators.ts';
import { STALE_BLOCKS } from './request-occasion.ts';

/** A vault's validators and what waits to be done with them, all of it of one head. */
export interface VaultStake {
  readonly head: BeaconHead;
  /** Public keys of all that the vault has registered, 48 bytes each: also those that the beacon chain does not know yet. */
  readonly publicKeys: readonly Uint8Array[];
  readonly validators: readonly ValidatorState[];
  readonly pending: PendingOperations;
  /** Partial withdrawals of anybody that the beacon chain keeps. */
  readonly pendingPartials: number;
  /** Requests to withdraw of anybody that the beacon chain has not been given yet. */
  readonly queuedRequests: number;
  /** What the fee of the next request is reckoned by. */
  readonly requestQueue: Pick<RequestQueue, 'excess' | 'countInBlock'>;
}

export interface VaultStakeDeps {
  readonly node: ExecutionNode;
  readonly beacon: Pick<BeaconSnapshotReader, 'read'>;
  readonly validators: Pick<VaultValidators, 'read'>;
}

export interface VaultStakeQuery {
  /** Checksummed. */
  readonly vault: string;
  /** The system contracts that take requests. */
  readonly withdrawalRequests: string;
  readonly consolidationRequests: string;
  readonly signal: AbortSignal;
}

/**
 * Reads all that decides about withdrawals and top-ups, and what else is to be of the same head.
 * @param readMore - is called again for another head when something fails, so it does nothing but ask
 * @throws ExternalError `node-behind`; what `readOneHead`, the vault's validators and the queues throw; the signal's reason
 */
export async function readVaultStake<T>(
  deps: VaultStakeDeps,
  query: VaultStakeQuery,
  readMore: (stake: VaultStake, snapshot: BeaconSnapshot) => Promise<T>,
): Promise<{ readonly stake: VaultStake; readonly more: T }> {
  const { node, beacon, validators } = deps;
  const { vault, withdrawalRequests, consolidationRequests, signal } = query;
  // The first time it reads the logs of years, for which no state is held.
  const latest = await node.getBlockNumber();
  await validators.read(latest, signal);
  return await readOneHead({ beacon, node }, async snapshot => {
    signal.throwIfAborted();
    const { head } = snapshot;
    requireRecent(head, latest);
    const { number: blockNumber } = head.executionBlock;
    const { finalized, late } = await validators.read(blockNumber, signal);
    const publicKeys = [...finalized, ...late];
    const ofQueue = (contract: string) => ({ contract, vault, blockNumber });
    const [states, partialWithdrawals, consolidations, withdrawals, consolidationQueue] = await Promise.all([
      snapshot.fetchValidators(publicKeys),
      snapshot.fetchPendingPartialWithdrawals(),
      snapshot.fetchPendingConsolidations(),
      fetchWithdrawalQueue(node, ofQueue(withdrawalRequests)),
      fetchConsolidationQueue(node, ofQueue(consolidationRequests)),
    ]);
    const source = fromHex(vault, ADDRESS_LENGTH);
    const found = [...states.values()];
    const pending = findPendingOperations({
      vault: source,
      epoch: head.epoch,
      validators: found,
      waiting: {
        partialWithdrawals,
        consolidations,
        withdrawalRequests: withdrawals.ofVault.map(one => ({ ...one, source })),
        consolidationRequests: consolidationQueue.ofVault.map(one => ({
          source,
          sourceKey: one.sourcePublicKey,
          targetKey: one.targetPublicKey,
        })),
      },
    });
    const stake: VaultStake = {
      head,
      publicKeys,
      pending,
      validators: found,
      pendingPartials: partialWithdrawals.length,
      queuedRequests: withdrawals.length,
      requestQueue: {
        excess: withdrawals.excess ?? undefined,
        countInBlock: withdrawals.addedInBlock,
      },
    };
    return { stake, more: await readMore(stake, snapshot) };
  });
}

/**
 * Which of a vault's validators a deposit waits for, whoever has made it.
 * @param snapshot - of the state in which the validators are; it reads the whole queue of deposits, which may have 20 MB
 * @returns their indexes
 */
export async function fetchAwaitingDeposits(
  snapshot: Pick<BeaconSnapshot, 'fetchPendingDeposits'>,
  validators: readonly ValidatorState[],
): Promise<ReadonlySet<bigint>> {
  const deposits = await snapshot.fetchPendingDeposits(validators.map(({ publicKey }) => publicKey));
  const keys = new Set(deposits.map(({ publicKey }) => toHex(publicKey)));
  return new Set(validators.filter(({ publicKey }) => keys.has(toHex(publicKey))).map(({ index }) => index));
}

/** A plan that would be outdated as soon as it is made is not made: another beacon node may be further. */
function requireRecent({ slot, executionBlock }: BeaconHead, latest: number): void {
  const behind = latest - executionBlock.number;
  if (behind <= STALE_BLOCKS) return;
  throw new ExternalError(
    'node-behind',
    `The beacon node's head at slot ${slot} is built upon block ${executionBlock.number}, ${behind} blocks behind the execution node.`,
    {
      retryable: true,
      hint: 'Wait until it is synced, or name another with --consensus-endpoints.',
    },
  );
}

/**
 * Insists on a head that has what was read before.
 * @throws ExternalError `node-behind`, so that another beacon node is asked
 */
export function requireReached({ head }: VaultStake, block: number): void {
  const { number } = head.executionBlock;
  if (number >= block) return;
  throw new ExternalError(
    'node-behind',
    `The beacon node's head is built upon block ${number}, behind block ${block} that was read before.`,
    { retryable: true },
  );
}
