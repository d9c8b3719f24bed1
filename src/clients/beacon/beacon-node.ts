import type { z } from 'zod';
import type { Deposit } from '../../domain/consensus/deposit.ts';
import type { ValidatorStatus } from '../../domain/consensus/validator-state.ts';
import { equalBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf, UsageError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import { Failover } from '../failover.ts';
import {
  bodyJson,
  bodyText,
  describeEndpoint,
  type HttpDeps,
  type HttpRequest,
  type HttpResponse,
  requestHttp,
} from '../http.ts';
import {
  depositContractAnswer,
  genesisAnswer,
  pendingDepositsAnswer,
  pendingPartialWithdrawalsAnswer,
  refusalAnswer,
  syncingAnswer,
  validatorsAnswer,
} from './beacon-answers.ts';

export interface BeaconNodeOptions {
  /** Base URLs of nodes of one chain, the preferred one first. */
  readonly endpoints: readonly string[];
  /** 32 bytes: tells the chain. */
  readonly genesisValidatorsRoot: Uint8Array;
  readonly slotsPerEpoch: number;
  /** Time limit of one request to one endpoint. */
  readonly timeoutMs: number;
  /** How long all endpoints are tried again when none answers. */
  readonly retryTimeoutMs: number;
  /** The same where all endpoints are of this machine and refuse connections, when it is less. */
  readonly refusedTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BeaconValidator {
  readonly index: bigint;
  readonly status: ValidatorStatus;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly activationEpoch: bigint;
  readonly exitEpoch: bigint;
}

/** What a node made of an exit. A refusal is told, not thrown: whether it matters depends on the validator's status. */
export type ExitAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: string; readonly isAlreadyKnown: boolean };

/** One endpoint that has proven its chain, for questions whose answers have to fit together. */
export interface BeaconEndpoint {
  /** What stands in messages: without path and credentials. */
  readonly name: string;
  /** @throws ExternalError `beacon-node-not-ready` */
  requireSynced(): Promise<void>;
  /**
   * Asks for a path, by POST when there is a body.
   * @returns undefined for a status that is `absent`
   * @throws ExternalError `invalid-answer` and what the request fails with
   */
  ask<T>(schema: z.ZodType<T>, path: string, options?: BeaconQuestion<T>): Promise<T | undefined>;
}

interface BeaconQuestion<T> {
  readonly body?: string | undefined;
  /** Statuses that say that there is no answer. */
  readonly absent?: ReadonlySet<number> | undefined;
  /**
   * Reads the answer's bytes where the node has SSZ for it, which is a third of the JSON and takes no parsing.
   * @throws RangeError when they are not what was asked for
   */
  readonly readSsz?: ((bytes: Uint8Array) => T) | undefined;
}

/** Nimbus takes 16,384 ids, other nodes more; a failed request of this size is soon sent again. */
const POST_BATCH = 1000;
/** `maxItems` of the specification for ids in a query. */
export const GET_BATCH = 64;
/** 1,000 validators are some 0.5 MB; all pending withdrawals of a chain may be 10 MB, all pending deposits 40 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Answers of nodes that do not know the POST form of the validators query (Grandine, older Prysm and Lighthouse, proxies). */
export const NO_POST: ReadonlySet<number> = new Set([404, 405, 415, 501]);
/** Answers of nodes that do not serve pending withdrawals or deposits, or of a state before Electra. */
export const NOT_SERVED: ReadonlySet<number> = new Set([400, 404, 405, 501]);
/**
 * Lodestar: VOLUNTARY_EXIT_ERROR_ALREADY_EXISTS; Prysm: "has already submitted an exit"; Nimbus: "already voluntarily
 * exited"; Teku: "Exit is not the first one for validator".
 */
const ALREADY_KNOWN = /already|duplicate|not the first/i;

/**
 * Connects to the consensus layer over several endpoints: a request goes to the one that answered last, and to the others
 * in turn when it fails. Every endpoint must prove its chain, and that it is synced, before it is used.
 * @throws UsageError `no-consensus-endpoint`; ExternalError `wrong-network`, `beacon-node-not-ready`, or what the
 *   endpoints failed with
 */
export async function connectBeaconNode(deps: HttpDeps, options: BeaconNodeOptions): Promise<BeaconNode> {
  if (options.endpoints.length === 0) {
    throw new UsageError('no-consensus-endpoint', 'No consensus endpoint is given.', {
      hint: 'Set --consensus-endpoints.',
    });
  }
  const node = new BeaconNode(deps, options);
  await node.fetchCurrentEpoch();
  return node;
}

/** Beacon node API over several endpoints with failover. */
export class BeaconNode {
  readonly #deps: HttpDeps;
  readonly #options: BeaconNodeOptions;
  readonly #failover: Failover;
  readonly #withoutPost = new Set<string>();

  constructor(deps: HttpDeps, options: BeaconNodeOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#failover = new Failover(deps, {
      endpoints: options.endpoints,
      proof: {
        require: endpoint => this.#requireSyncedOfNetwork(endpoint),
        lasts: 'until-failure',
        mistake: 'wrong-network',
      },
      retry: { timeoutMs: options.retryTimeoutMs, signal: options.signal },
      refusedTimeoutMs: options.refusedTimeoutMs,
      unavailableCode: 'beacon-node-unavailable',
    });
  }

  /** What stands in messages: the endpoint in use, without path and credentials. */
  get endpoint(): string {
    return this.#failover.endpoint;
  }

  get slotsPerEpoch(): number {
    return this.#options.slotsPerEpoch;
  }

  /**
   * Has all questions of `read` answered by one endpoint. When one of them fails, all are put to the next endpoint from the
   * beginning; so `read` must not do anything that cannot be done twice.
   */
  readFromOne<T>(read: (endpoint: BeaconEndpoint) => Promise<T>): Promise<T> {
    return this.#failover.ask(endpoint => read(this.#open(endpoint)));
  }

  #open(endpoint: string): BeaconEndpoint {
    return {
      name: describeEndpoint(endpoint),
      requireSynced: async () => {
        await this.#requireSynced(endpoint);
      },
      ask: async (schema, path, { body, absent, readSsz } = {}) => {
        const response = await this.#request(endpoint, {
          path,
          method: body === undefined ? 'GET' : 'POST',
          body,
          accept: readSsz && 'application/octet-stream, application/json;q=0.5',
          isExpected: status => status === 200 || absent?.has(status) === true,
        });
        if (response.status !== 200) return undefined;
        const isSsz = /^application\/octet-stream\b/i.test(String(response.headers['content-type'] ?? ''));
        if (readSsz === undefined || !isSsz) return parseAnswer(schema, response, endpoint);
        try {
          return readSsz(response.body);
        } catch (error) {
          throw invalidAnswer(endpoint, messageOf(error), error);
        }
      },
    };
  }

  /** Epoch of the head of the chain. @throws ExternalError `beacon-node-not-ready` when no endpoint is synced */
  async fetchCurrentEpoch(): Promise<bigint> {
    const { headSlot } = await this.fetchSyncState();
    return headSlot / BigInt(this.#options.slotsPerEpoch);
  }

  /**
   * The head of a node that calls itself synced, and how many slots it is behind by its own clock, which may be a few.
   * @throws ExternalError `beacon-node-not-ready` when no endpoint is synced
   */
  fetchSyncState(): Promise<{ readonly headSlot: bigint; readonly distance: bigint }> {
    return this.#failover.ask(async endpoint => {
      const { head_slot: headSlot, sync_distance: distance } = await this.#requireSynced(endpoint);
      return { headSlot, distance };
    });
  }

  /**
   * The deposit contract that the chain follows; undefined from a node that does not tell.
   * @returns the address as the node writes it
   */
  fetchDepositContract(): Promise<{ readonly chainId: number; readonly address: string } | undefined> {
    return this.#failover.ask(async endpoint => {
      const response = await this.#request(endpoint, {
        path: '/eth/v1/config/deposit_contract',
        isExpected: status => status === 200 || NOT_SERVED.has(status),
      });
      if (response.status !== 200) return undefined;
      const { chain_id, address } = parseAnswer(depositContractAnswer, response, endpoint).data;
      return { chainId: chain_id, address };
    });
  }

  /**
   * Validators of these public keys in the head state. Keys that the chain does not know are missing in the answer.
   * @param publicKeys - 48 bytes each
   * @returns by public key in lower-case hex
   */
  async fetchValidators(publicKeys: readonly Uint8Array[]): Promise<ReadonlyMap<Hex, BeaconValidator>> {
    const wanted = [...new Set(publicKeys.map(toHex))];
    const found = new Map<Hex, BeaconValidator>();
    // An empty list of ids would ask for all validators of the chain.
    for (let from = 0; from < wanted.length; from += POST_BATCH) {
      const batch = wanted.slice(from, from + POST_BATCH);
      const asked = new Set(batch);
      for (const validator of await this.#failover.ask(endpoint => this.#fetchBatch(endpoint, batch))) {
        const publicKey = toHex(validator.publicKey);
        if (asked.has(publicKey)) found.set(publicKey, validator);
      }
    }
    return found;
  }

  /**
   * Validators of these indexes in the head state. Indexes that the chain does not know are missing in the answer.
   * @returns by index
   */
  async fetchValidatorsByIndex(indexes: readonly bigint[]): Promise<ReadonlyMap<bigint, BeaconValidator>> {
    const wanted = [...new Set(indexes)];
    const found = new Map<bigint, BeaconValidator>();
    for (let from = 0; from < wanted.length; from += POST_BATCH) {
      const batch = wanted.slice(from, from + POST_BATCH);
      const asked = new Set(batch);
      for (const validator of await this.#failover.ask(endpoint =>
        this.#fetchBatch(endpoint, batch.map(String)),
      )) {
        if (asked.has(validator.index)) found.set(validator.index, validator);
      }
    }
    return found;
  }

  /**
   * Indexes of the validators with pending partial withdrawals (EIP-7251), which may not exit.
   * @returns undefined from a node that does not serve them
   */
  fetchPendingPartialWithdrawals(): Promise<ReadonlySet<bigint> | undefined> {
    return this.#failover.ask(async endpoint => {
      const response = await this.#request(endpoint, {
        path: '/eth/v1/beacon/states/head/pending_partial_withdrawals',
        isExpected: status => status === 200 || NOT_SERVED.has(status),
      });
      if (response.status !== 200) return undefined;
      const { data } = parseAnswer(pendingPartialWithdrawalsAnswer, response, endpoint);
      return new Set(data.map(withdrawal => withdrawal.validator_index));
    });
  }

  /**
   * Deposits that the chain has taken and not applied yet (EIP-6110 and EIP-7251), those to validators that it has among them. Their
   * signatures may be invalid.
   * @returns undefined from a node that does not serve them, and before Electra
   */
  fetchPendingDeposits(): Promise<readonly Deposit[] | undefined> {
    return this.#failover.ask(async endpoint => {
      const response = await this.#request(endpoint, {
        path: '/eth/v1/beacon/states/head/pending_deposits',
        isExpected: status => status === 200 || NOT_SERVED.has(status),
      });
      if (response.status !== 200) return undefined;
      const { data, execution_optimistic } = parseAnswer(pendingDepositsAnswer, response, endpoint);
      if (execution_optimistic) throw optimistic(endpoint);
      return data.map(({ pubkey, withdrawal_credentials, amount, signature }) => ({
        publicKey: fromHex(pubkey, PUBLIC_KEY_LENGTH),
        withdrawalCredentials: fromHex(withdrawal_credentials, HASH_LENGTH),
        amountGwei: amount,
        signature: fromHex(signature, SIGNATURE_LENGTH),
      }));
    });
  }

  /**
   * Gives a voluntary exit to the pool of one node. It may be given again: nodes differ in what they answer then.
   * @param exit.signature - 96 bytes, verified by the caller
   */
  submitVoluntaryExit(exit: {
    readonly epoch: bigint;
    readonly validatorIndex: bigint;
    readonly signature: Uint8Array;
  }): Promise<ExitAnswer> {
    const body = JSON.stringify({
      message: { epoch: String(exit.epoch), validator_index: String(exit.validatorIndex) },
      signature: toHex(exit.signature),
    });
    return this.#failover.ask(async endpoint => {
      const response = await this.#request(endpoint, {
        path: '/eth/v1/beacon/pool/voluntary_exits',
        method: 'POST',
        body,
        // Lodestar throws on an exit that it has already, which makes a 500 of it.
        isExpected: status => status === 200 || status === 202 || status === 400 || status === 500,
      });
      if (response.status < 300) return { kind: 'accepted' };
      const reason = reasonOf(response);
      return { kind: 'refused', reason, isAlreadyKnown: ALREADY_KNOWN.test(reason) };
    });
  }

  async #fetchBatch(endpoint: string, ids: readonly string[]): Promise<BeaconValidator[]> {
    const path = '/eth/v1/beacon/states/head/validators';
    if (!this.#withoutPost.has(endpoint)) {
      const isExpected = (status: number) => status === 200 || NO_POST.has(status);
      const body = JSON.stringify({ ids });
      const response = await this.#request(endpoint, { path, method: 'POST', body, isExpected });
      if (response.status === 200) return readValidators(response, endpoint);
    }
    const pages: BeaconValidator[][] = [];
    for (let from = 0; from < ids.length; from += GET_BATCH) {
      const query = ids.slice(from, from + GET_BATCH).join(',');
      const response = await this.#request(endpoint, { path: `${path}?id=${query}` });
      pages.push(readValidators(response, endpoint));
    }
    // Not before the other form has worked: some say 404 of a state that they do not have at the moment.
    this.#withoutPost.add(endpoint);
    return pages.flat();
  }

  async #requireSyncedOfNetwork(endpoint: string): Promise<void> {
    const response = await this.#request(endpoint, { path: '/eth/v1/beacon/genesis' });
    const root = parseAnswer(genesisAnswer, response, endpoint).data.genesis_validators_root;
    if (!equalBytes(root, this.#options.genesisValidatorsRoot)) {
      throw new ExternalError(
        'wrong-network',
        `${describeEndpoint(endpoint)} is a node of another network: genesis validators root ${toHex(root)} instead of ${toHex(this.#options.genesisValidatorsRoot)}.`,
        { hint: 'Check the network and the consensus endpoints.' },
      );
    }
    await this.#requireSynced(endpoint);
  }

  async #requireSynced(endpoint: string) {
    const response = await this.#request(endpoint, { path: '/eth/v1/node/syncing' });
    const state = parseAnswer(syncingAnswer, response, endpoint).data;
    if (state.is_syncing) throw notReady(endpoint, `it is syncing, ${state.sync_distance} slots behind`);
    if (state.is_optimistic) throw optimistic(endpoint);
    if (state.el_offline) throw notReady(endpoint, 'its execution node is offline');
    return state;
  }

  async #request(
    endpoint: string,
    request: Pick<HttpRequest, 'method' | 'isExpected'> & {
      path: string;
      body?: string | undefined;
      accept?: string | undefined;
    },
  ): Promise<HttpResponse> {
    const { path, body, accept = 'application/json', ...rest } = request;
    return await requestHttp(this.#deps, {
      ...rest,
      body,
      url: `${endpoint.replace(/\/+$/, '')}${path}`,
      headers: {
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      timeoutMs: this.#options.timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
      // The next endpoint comes first.
      retries: 0,
      signal: this.#options.signal,
    });
  }
}

function readValidators(response: HttpResponse, endpoint: string): BeaconValidator[] {
  const { data, execution_optimistic } = parseAnswer(validatorsAnswer, response, endpoint);
  if (execution_optimistic) throw optimistic(endpoint);
  return data.map(({ index, status, validator }) => ({
    index,
    status,
    publicKey: validator.pubkey,
    withdrawalCredentials: validator.withdrawal_credentials,
    activationEpoch: validator.activation_epoch,
    exitEpoch: validator.exit_epoch,
  }));
}

function parseAnswer<T>(schema: z.ZodType<T>, response: HttpResponse, endpoint: string): T {
  const answer = matchSchema(schema, bodyJson(response, endpoint));
  if (answer.success) return answer.data;
  throw invalidAnswer(endpoint, describeFault(answer.fault), answer.fault.cause);
}

function invalidAnswer(endpoint: string, what: string, cause: unknown): ExternalError {
  return new ExternalError(
    'invalid-answer',
    `${describeEndpoint(endpoint)} does not answer as a beacon node does: ${what}.`,
    { cause },
  );
}

function optimistic(endpoint: string): ExternalError {
  return notReady(endpoint, 'its head is optimistic: the execution node has not verified it');
}

/** A node that is there, but must not be asked yet. @param name - the endpoint as messages call it */
export function notReadyError(name: string, reason: string): ExternalError {
  return new ExternalError('beacon-node-not-ready', `${name} is not ready: ${reason}.`, {
    retryable: true,
    hint: 'Wait until it is synced, or name another with --consensus-endpoints.',
  });
}

function notReady(endpoint: string, reason: string): ExternalError {
  return notReadyError(describeEndpoint(endpoint), reason);
}

/** The node's own words. */
function reasonOf(response: HttpResponse): string {
  const text = bodyText(response);
  let message = text;
  try {
    const refusal = refusalAnswer.parse(JSON.parse(text));
    // Nimbus says there why, and in the message only that.
    message = [refusal.message].concat(refusal.stacktraces).join(': ');
  } catch {
    // Some nodes and proxies answer with plain text.
  }
  return foreignText(message) || `HTTP status ${response.status}`;
}
