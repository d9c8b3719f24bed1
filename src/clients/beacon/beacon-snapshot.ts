import type { z } from 'zod';
import { equalBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import {
  blockAnswer,
  headerAnswer,
  pendingConsolidationsAnswer,
  pendingDepositsAnswer,
  stateValidatorsAnswer,
  waitingPartialsAnswer,
} from './beacon-answers.ts';
import { type BeaconEndpoint, type BeaconNode, type BeaconValidator, NOT_SERVED } from './beacon-node.ts';
import { fetchStateValidators, requireVerified } from './state-validators.ts';

/** The head of the beacon chain, and the execution block in it: what a pass reads is as of these two. */
export interface BeaconHead {
  readonly slot: bigint;
  readonly epoch: bigint;
  /** 32 bytes. */
  readonly blockRoot: Uint8Array;
  readonly executionBlock: {
    readonly number: number;
    readonly hash: Hex;
    /** Unix seconds. */
    readonly timestamp: number;
  };
}

/** A validator as it is in the state of a snapshot. On Gnosis Chain, balances are of mGNO. */
export interface StateValidator extends BeaconValidator {
  readonly balanceGwei: bigint;
  readonly effectiveBalanceGwei: bigint;
}

/** A deposit that the beacon chain has seen, and not yet added to a balance. */
export interface PendingDeposit {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  /** 96 bytes; whether it is valid matters for the first deposit of a key. */
  readonly signature: Uint8Array;
  readonly slot: bigint;
}

/** A partial withdrawal that the beacon chain has taken, and not yet paid. */
interface PendingPartialWithdrawal {
  readonly validatorIndex: bigint;
  readonly amountGwei: bigint;
  readonly withdrawableEpoch: bigint;
}

/** A consolidation that the beacon chain has taken, and not yet done. */
interface PendingConsolidation {
  readonly sourceIndex: bigint;
  readonly targetIndex: bigint;
}

/** The state of one block of one node. */
export interface BeaconSnapshot {
  readonly head: BeaconHead;
  /**
   * Validators of these public keys. Keys that the chain does not know are missing in the answer.
   * @param publicKeys - 48 bytes each
   * @returns by public key in lower-case hex
   */
  fetchValidators(publicKeys: readonly Uint8Array[]): Promise<ReadonlyMap<Hex, StateValidator>>;
  /** Deposits of these public keys (48 bytes each) that wait, in the order of the queue. */
  fetchPendingDeposits(publicKeys: readonly Uint8Array[]): Promise<readonly PendingDeposit[]>;
  /** Partial withdrawals of all validators of the chain that wait, in the order of the queue. */
  fetchPendingPartialWithdrawals(): Promise<readonly PendingPartialWithdrawal[]>;
  /** Consolidations of all validators of the chain that wait, in the order of the queue. */
  fetchPendingConsolidations(): Promise<readonly PendingConsolidation[]>;
}

type PendingDepositsAnswer = z.output<typeof pendingDepositsAnswer>;

/**
 * Reads everything of one head: a block of one node, and the state that it left. A node that is behind what was read before, that
 * does not serve what is asked, or whose chain is reorganised meanwhile is left for another one, where all is read again; so no
 * two answers are ever of two states.
 */
export class BeaconSnapshotReader {
  readonly #node: BeaconNode;
  /** Slot of the last snapshot that was read whole. */
  #lastSlot = 0n;
  readonly #withoutBlinded = new Set<string>();

  constructor(node: BeaconNode) {
    this.#node = node;
  }

  /**
   * What `read` makes of the head's state. It is called again for another node or block when one of its questions fails, so it
   * does nothing but ask.
   * @throws ExternalError `beacon-node-not-ready`, `node-behind`, `beacon-query-not-served`, `beacon-chain-reorganised`,
   *   `invalid-answer`, or what the endpoints failed with
   */
  read<T>(read: (snapshot: BeaconSnapshot) => Promise<T>): Promise<T> {
    return this.#node.readFromOne(async endpoint => {
      const head = await this.#fetchHead(endpoint);
      let result: T;
      try {
        result = await read(snapshotAt(endpoint, head));
      } catch (error) {
        // What a node no longer has after a reorganisation it often just does not find.
        const isGone = await isReorganised(endpoint, head).catch(() => false);
        throw isGone ? reorganised(endpoint, head, error) : error;
      }
      if (await isReorganised(endpoint, head)) throw reorganised(endpoint, head);
      this.#lastSlot = head.slot;
      return result;
    });
  }

  async #fetchHead(endpoint: BeaconEndpoint): Promise<BeaconHead> {
    await endpoint.requireSynced();
    const answer = await endpoint.ask(headerAnswer, '/eth/v1/beacon/headers/head');
    const { root, header } = requireVerified(endpoint, answer).data;
    const { slot, state_root } = header.message;
    if (slot < this.#lastSlot) {
      throw new ExternalError(
        'node-behind',
        `${endpoint.name} is at slot ${slot}, behind slot ${this.#lastSlot} that was read before.`,
        { retryable: true },
      );
    }
    const { message } = await this.#fetchBlock(endpoint, toHex(root));
    if (message.slot !== slot || !equalBytes(message.state_root, state_root)) {
      throw new ExternalError(
        'invalid-answer',
        `${endpoint.name} answers with another block than ${toHex(root)}, which was asked for.`,
      );
    }
    const { block_number, block_hash, timestamp } = message.body;
    return {
      slot,
      epoch: slot / BigInt(this.#node.slotsPerEpoch),
      blockRoot: root,
      executionBlock: { number: block_number, hash: toHex(block_hash), timestamp },
    };
  }

  /** The block of a root; without its transactions, where the node can leave them out. */
  async #fetchBlock(endpoint: BeaconEndpoint, root: Hex) {
    if (!this.#withoutBlinded.has(endpoint.name)) {
      const path = `/eth/v1/beacon/blinded_blocks/${root}`;
      const blinded = await endpoint.ask(blockAnswer, path, { absent: NOT_SERVED });
      if (blinded !== undefined) return requireVerified(endpoint, blinded).data;
    }
    const block = await endpoint.ask(blockAnswer, `/eth/v2/beacon/blocks/${root}`);
    this.#withoutBlinded.add(endpoint.name);
    return requireVerified(endpoint, block).data;
  }
}

function snapshotAt(endpoint: BeaconEndpoint, head: BeaconHead): BeaconSnapshot {
  const state = `/eth/v1/beacon/states/${head.slot}`;
  const askQueue = async <T extends { readonly execution_optimistic: boolean }>(
    schema: z.ZodType<T>,
    queue: string,
    readSsz?: (bytes: Uint8Array) => T,
  ): Promise<T> => {
    const answer = await endpoint.ask(schema, `${state}/${queue}`, { absent: NOT_SERVED, readSsz });
    if (answer === undefined) throw notServed(endpoint, queue);
    return requireVerified(endpoint, answer);
  };
  return {
    head,
    fetchValidators: publicKeys => fetchValidators(endpoint, String(head.slot), publicKeys),
    fetchPendingDeposits: async publicKeys => {
      const wanted = new Set(publicKeys.map(toHex));
      const { data } = await askQueue(pendingDepositsAnswer, 'pending_deposits', bytes =>
        readPendingDeposits(bytes, wanted),
      );
      return data
        .filter(({ pubkey }) => wanted.has(pubkey.toLowerCase() as Hex))
        .map(({ pubkey, withdrawal_credentials, amount, signature, slot }) => ({
          publicKey: fromHex(pubkey, PUBLIC_KEY_LENGTH),
          withdrawalCredentials: fromHex(withdrawal_credentials),
          amountGwei: amount,
          signature: fromHex(signature),
          slot,
        }));
    },
    fetchPendingPartialWithdrawals: async () => {
      const { data } = await askQueue(waitingPartialsAnswer, 'pending_partial_withdrawals');
      return data.map(({ validator_index, amount, withdrawable_epoch }) => ({
        validatorIndex: validator_index,
        amountGwei: amount,
        withdrawableEpoch: withdrawable_epoch,
      }));
    },
    fetchPendingConsolidations: async () => {
      const { data } = await askQueue(pendingConsolidationsAnswer, 'pending_consolidations');
      return data.map(({ source_index, target_index }) => ({
        sourceIndex: source_index,
        targetIndex: target_index,
      }));
    },
  };
}

/** `PendingDeposit` of Electra: public key, withdrawal credentials, amount, signature, slot. */
const PENDING_DEPOSIT_LENGTH = 192;

/**
 * The deposits of some keys in a queue as SSZ, which may be of a hundred thousand: 20 MB.
 * @throws RangeError
 */
function readPendingDeposits(bytes: Uint8Array, wanted: ReadonlySet<Hex>): PendingDepositsAnswer {
  if (bytes.length % PENDING_DEPOSIT_LENGTH !== 0) {
    throw new RangeError(`${bytes.length} bytes are no pending deposits of ${PENDING_DEPOSIT_LENGTH}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: PendingDepositsAnswer['data'] = [];
  for (let at = 0; at < bytes.length; at += PENDING_DEPOSIT_LENGTH) {
    const pubkey = toHex(bytes.subarray(at, at + 48));
    if (!wanted.has(pubkey)) continue;
    data.push({
      pubkey,
      withdrawal_credentials: toHex(bytes.subarray(at + 48, at + 80)),
      amount: view.getBigUint64(at + 80, true),
      signature: toHex(bytes.subarray(at + 88, at + 184)),
      slot: view.getBigUint64(at + 184, true),
    });
  }
  // SSZ does not say it of the state; the head was asked before.
  return { execution_optimistic: false, data };
}

async function fetchValidators(
  endpoint: BeaconEndpoint,
  state: string,
  publicKeys: readonly Uint8Array[],
): Promise<ReadonlyMap<Hex, StateValidator>> {
  const found = await fetchStateValidators(endpoint, stateValidatorsAnswer, { state, publicKeys });
  return new Map(
    Array.from(found, ([publicKey, { index, balance, status, validator }]) => [
      publicKey,
      {
        index,
        status,
        publicKey: validator.pubkey,
        withdrawalCredentials: validator.withdrawal_credentials,
        activationEpoch: validator.activation_epoch,
        exitEpoch: validator.exit_epoch,
        balanceGwei: balance,
        effectiveBalanceGwei: validator.effective_balance,
      },
    ]),
  );
}

/** Whether another block than the head's, or none, is in its slot by now. */
async function isReorganised(endpoint: BeaconEndpoint, head: BeaconHead): Promise<boolean> {
  const path = `/eth/v1/beacon/headers/${head.slot}`;
  const answer = await endpoint.ask(headerAnswer, path, { absent: NO_BLOCK });
  return answer === undefined || !equalBytes(answer.data.root, head.blockRoot);
}

/** What nodes say of a slot without a block. */
const NO_BLOCK: ReadonlySet<number> = new Set([404]);

function reorganised(endpoint: BeaconEndpoint, head: BeaconHead, cause?: unknown): ExternalError {
  return new ExternalError(
    'beacon-chain-reorganised',
    `${endpoint.name} no longer has the block ${toHex(head.blockRoot)} in slot ${head.slot}: its chain was reorganised while it was read.`,
    { retryable: true, cause },
  );
}

function notServed(endpoint: BeaconEndpoint, queue: string): ExternalError {
  return new ExternalError(
    'beacon-query-not-served',
    `${endpoint.name} does not serve ${queue}: it is older than Electra, or lets nobody ask for that.`,
    { hint: 'Update the beacon node, or name another with --consensus-endpoints.' },
  );
}
