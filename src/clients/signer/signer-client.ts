import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { findInvalidSignatures, type SignatureSet, verifySignature } from '../../domain/consensus/bls.ts';
import type { Deposit } from '../../domain/consensus/deposit.ts';
import { depositSigningRoot } from '../../domain/consensus/deposit-signature.ts';
import { type ExitMessage, type ExitNetwork, exitSigningRoot } from '../../domain/consensus/exit-message.ts';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { createLimit, type Limit } from '../../lib/limit.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { HttpDeps } from '../http.ts';
import {
  openSignerEndpoint,
  parseSignerAnswer,
  requestSigner,
  type SignerEndpoint,
} from './signer-endpoint.ts';
import type { SigningRefusal } from './signer-errors.ts';
import { createSignerFleet, type SignerFleet } from './signer-fleet.ts';
import type { SignerTls } from './signer-tls.ts';
import {
  checkSignerHealth,
  checkSignerUp,
  listSignerPublicKeys,
  type ReloadOutcome,
  reloadSigner,
  type SignerHealth,
} from './web3signer.ts';

export interface SignerClientOptions {
  /** Signers that hold the same keys: http or https URLs, or `socketUrl(path)`. */
  readonly urls: readonly (EndpointUrl | string)[];
  readonly tls?: SignerTls | undefined;
  /** Signatures asked for at a time, over all signers. Default: 64. */
  readonly concurrency?: number | undefined;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  readonly log?: Pick<Logger, 'debug' | 'warn'> | undefined;
  /** Is told of every request when it has ended. */
  readonly observe?: HttpDeps['observe'] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An exit to be signed by one key: the validator's own, or a share of it. */
interface ExitToSign extends ExitMessage {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly network: ExitNetwork;
}

/** A deposit to be signed by the key of its validator. */
export type DepositToSign = Omit<Deposit, 'signature'>;

/** A message as a signer is asked to sign it. */
interface MessageToSign {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** The signing root, 32 bytes: what the signature is verified against. */
  readonly message: Uint8Array;
  readonly body: string;
  /** What messages call it. */
  readonly what: string;
  readonly refusal: SigningRefusal;
}

/** How signatures are asked for. */
interface SignOptions {
  /** One by one as they come, or together at the end, which is cheaper by far. */
  readonly verify?: 'each' | 'batch' | undefined;
  readonly onSigned?: (() => void) | undefined;
}

/** How long an answer is waited for. */
interface Times {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_CONCURRENCY = 64;
/** Signatures that are verified at once; takes 10 to 100 ms. */
const VERIFY_SLICE = 256;
const MAX_ANSWER_BYTES = 64 * 1024;
const signatureAnswer = z.object({ signature: z.string().regex(/^(0x)?[0-9a-fA-F]{192}$/) });
const SIGN_HEADERS = { accept: 'application/json', 'content-type': 'application/json' };

/** A signature, and the signer that gave it. */
interface SignedMessage extends SignatureSet {
  readonly endpoint: SignerEndpoint;
}

/**
 * Prepares connections to signers; none is opened yet.
 * @throws UsageError when the TLS material cannot be used
 */
export function openSignerClient(options: SignerClientOptions): SignerClient {
  return new SignerClient(options);
}

/** A fleet of Web3Signers, or the built-in signer. */
export class SignerClient implements AsyncDisposable {
  readonly urls: readonly EndpointUrl[];
  readonly #endpoints: readonly SignerEndpoint[];
  readonly #fleet: SignerFleet;
  readonly #limit: Limit;
  readonly #times: Times;
  readonly #log: SignerClientOptions['log'];
  /** Whether a signer has ever signed: one that never answered is a wrong URL, not one that died. */
  #hasAnswered = false;

  /** @throws UsageError when the TLS material cannot be used */
  constructor(options: SignerClientOptions) {
    const { timeoutMs, log, signal, tls, observe, concurrency = DEFAULT_CONCURRENCY } = options;
    this.#endpoints = distinct(options.urls).map(url =>
      openSignerEndpoint({ url, tls, timeoutMs, log, observe, connections: concurrency }),
    );
    this.#fleet = createSignerFleet(this.#endpoints, { log });
    this.#limit = createLimit(concurrency);
    this.#times = { timeoutMs, signal };
    this.#log = log;
    this.urls = this.#endpoints.map(({ url }) => url);
  }

  /** Keys that every signer which answers has loaded, in lower case. @throws ExternalError when none answers */
  async listPublicKeys(): Promise<ReadonlySet<Hex>> {
    const lists = await this.#askAll(({ http, url }) => listSignerPublicKeys(http, { url, ...this.#times }));
    warnOfFailures(lists, this.#log);
    return commonKeys(answersOf(lists));
  }

  /** @throws ExternalError when no signer is up; those that are not are warned of */
  async checkUp(): Promise<void> {
    const answers = await this.#askAll(({ http, url }) => checkSignerUp(http, { url, ...this.#times }));
    warnOfFailures(answers, this.#log);
    answersOf(answers);
  }

  /** What each signer says of itself; an error for one that cannot be asked. */
  async checkHealth(): Promise<
    readonly { readonly url: EndpointUrl; readonly health: SignerHealth | ExternalError }[]
  > {
    const answers = await this.#askAll(({ http, url }) => checkSignerHealth(http, { url, ...this.#times }));
    return this.urls.map((url, i) => ({ url, health: answers[i] as SignerHealth | ExternalError }));
  }

  /** Has the signers read their key files again, one after another, so that the others go on signing unburdened. */
  async reload(options: {
    readonly reloadTimeoutMs: number;
    readonly pollMs?: number | undefined;
  }): Promise<readonly (ReloadOutcome & { readonly url: EndpointUrl })[]> {
    const outcomes: (ReloadOutcome & { readonly url: EndpointUrl })[] = [];
    for (const { http, url } of this.#endpoints) {
      outcomes.push({ url, ...(await reloadSigner(http, { url, ...this.#times, ...options })) });
    }
    return outcomes;
  }

  /**
   * A verified signature of 96 bytes.
   * @throws ExternalError `key-not-loaded`, `signer-refused-exit`, `invalid-signature` or that of the connection
   */
  async signExit(exit: ExitToSign): Promise<Uint8Array> {
    return (await this.#sign(() => exitMessage(exit), { isVerified: true })).signature;
  }

  /**
   * Signatures in the order of the exits, all of them verified: one by one as they come, or together at the end,
   * which is cheaper by far where many are over one message (the key shares of a validator).
   * @throws the first error; what has not been sent by then is not sent any more
   */
  signExits(exits: readonly ExitToSign[], options: SignOptions = {}): Promise<Uint8Array[]> {
    return this.#signAll(
      exits.map(exit => () => exitMessage(exit)),
      options,
    );
  }

  /**
   * Signatures of deposits (Web3Signer's `DEPOSIT`) in their order, by the validators' whole keys: shares of them sign none. Every one of
   * them is verified against the root of the deposit that was asked for, so that none is used that the beacon chain would not take.
   * @param options.genesisForkVersion - of the network, 4 bytes
   * @throws ExternalError `key-not-loaded`, `signer-refused-deposit`, `invalid-signature` or that of the connection; the
   *   first error, and what has not been sent by then is not sent any more
   */
  signDeposits(
    deposits: readonly DepositToSign[],
    { genesisForkVersion }: { readonly genesisForkVersion: Uint8Array },
  ): Promise<Uint8Array[]> {
    const messages = deposits.map(deposit => () => depositMessage(deposit, genesisForkVersion));
    return this.#signAll(messages, { verify: 'batch' });
  }

  /** @param messages - each is made when it is its turn */
  async #signAll(messages: readonly (() => MessageToSign)[], options: SignOptions): Promise<Uint8Array[]> {
    const isVerified = options.verify !== 'batch';
    const batch = new AbortController();
    const signOne = async (make: () => MessageToSign): Promise<SignedMessage> => {
      const signed = await this.#sign(make, { isVerified, batch: batch.signal });
      options.onSigned?.();
      return signed;
    };
    try {
      const signed = await Promise.all(messages.map(signOne));
      return isVerified ? signed.map(({ signature }) => signature) : this.#verifyTogether(messages, signed);
    } finally {
      // After a failure, those that still wait for their turn are not sent any more.
      batch.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#endpoints.map(endpoint => endpoint[Symbol.asyncDispose]()));
  }

  /**
   * One signature, as soon as fewer than the limit are asked for. A fleet that is overloaded, or was there a moment ago, is
   * asked again for as long as one request may take: a signer that died is started again.
   * @param options.batch - ends the wait for a turn
   */
  #sign(
    make: () => MessageToSign,
    options: { readonly isVerified: boolean; readonly batch?: AbortSignal | undefined },
  ): Promise<SignedMessage> {
    return this.#limit(async () => {
      options.batch?.throwIfAborted();
      const message = make();
      const { timeoutMs, signal } = this.#times;
      return retry(() => this.#fleet.run(endpoint => this.#signAt(endpoint, message, options.isVerified)), {
        timeoutMs,
        minDelayMs: 100,
        maxDelayMs: 2_000,
        signal,
        isRetryable: error => isBusy(error, this.#hasAnswered),
      });
    });
  }

  async #signAt(endpoint: SignerEndpoint, asked: MessageToSign, isVerified: boolean): Promise<SignedMessage> {
    const signature = await requestSignature(endpoint, asked, this.#times);
    this.#hasAnswered = true;
    const { publicKey, message } = asked;
    const signed = { publicKey, message, signature, endpoint };
    if (isVerified && !verifySignature(signed)) throw new InvalidSignatureError(signed);
    return signed;
  }

  /** Names a culprit by asking again: a signer of a fleet that answers rightly makes up for one that does not. */
  async #verifyTogether(
    messages: readonly (() => MessageToSign)[],
    signed: readonly SignedMessage[],
  ): Promise<Uint8Array[]> {
    const signatures = signed.map(({ signature }) => signature);
    for (const place of await findInvalidPlaces(signed)) {
      const invalid = signed[place];
      const make = messages[place];
      if (invalid === undefined || make === undefined) continue;
      this.#fleet.distrust(invalid.endpoint);
      this.#log?.warn(new InvalidSignatureError(invalid).message);
      signatures[place] = (await this.#sign(make, { isVerified: true })).signature;
    }
    return signatures;
  }

  /** The answer, or the error, of each signer. */
  #askAll<T>(ask: (endpoint: SignerEndpoint) => Promise<T>): Promise<(T | ExternalError)[]> {
    return Promise.all(
      this.#endpoints.map(endpoint =>
        ask(endpoint).catch((error: unknown) => {
          if (error instanceof ExternalError) return error;
          throw error;
        }),
      ),
    );
  }
}

/** Each signer once, however often it was named. */
function distinct(urls: readonly (EndpointUrl | string)[]): EndpointUrl[] {
  return [...new Map(urls.map(EndpointUrl.from).map(url => [url.reveal(), url])).values()];
}

/** The request as Web3Signer takes it; with Capella on both sides of the fork it is right under every version's rules. */
function exitMessage(exit: ExitToSign): MessageToSign {
  const { publicKey, validatorIndex, epoch, network } = exit;
  const message = exitSigningRoot(exit, network);
  const version = toHex(network.capellaForkVersion);
  const body = JSON.stringify({
    type: 'VOLUNTARY_EXIT',
    signing_root: toHex(message),
    fork_info: {
      fork: {
        previous_version: version,
        current_version: version,
        epoch: String(network.capellaForkEpoch),
      },
      genesis_validators_root: toHex(network.genesisValidatorsRoot),
    },
    voluntary_exit: { epoch: String(epoch), validator_index: String(validatorIndex) },
  });
  const what = `the exit of validator ${validatorIndex}`;
  return { publicKey, message, body, what, refusal: 'signer-refused-exit' };
}

/** A deposit has no fork: its domain is that of genesis, on every chain. */
function depositMessage(deposit: DepositToSign, genesisForkVersion: Uint8Array): MessageToSign {
  const { publicKey, withdrawalCredentials, amountGwei } = deposit;
  const message = depositSigningRoot(deposit, genesisForkVersion);
  const body = JSON.stringify({
    type: 'DEPOSIT',
    signing_root: toHex(message),
    deposit: {
      pubkey: toHex(publicKey),
      withdrawal_credentials: toHex(withdrawalCredentials),
      amount: String(amountGwei),
      genesis_fork_version: toHex(genesisForkVersion),
    },
  });
  const what = `a deposit of ${amountGwei} gwei`;
  return { publicKey, message, body, what, refusal: 'signer-refused-deposit' };
}

/** Repeated once when the socket was reset: signing the same message twice is harmless. */
async function requestSignature(
  endpoint: SignerEndpoint,
  { publicKey, body, what, refusal }: MessageToSign,
  times: Times,
): Promise<Uint8Array> {
  const key = toHex(publicKey);
  const send = () =>
    requestSigner(endpoint, {
      method: 'POST',
      path: `/api/v1/eth2/sign/${key}`,
      headers: SIGN_HEADERS,
      body,
      signing: { publicKey: key, what, refusal },
      ...times,
      maxBytes: MAX_ANSWER_BYTES,
      isExpected: status => status === 200,
    });
  const response = await send().catch((error: unknown) => {
    if (error instanceof ExternalError && error.code === 'connection-reset') return send();
    throw error;
  });
  return fromHex(parseSignerAnswer(signatureAnswer, response, endpoint.name).signature, SIGNATURE_LENGTH);
}

/** Verifies in slices, between which the program can do something else. */
async function findInvalidPlaces(sets: readonly SignatureSet[]): Promise<number[]> {
  const found: number[][] = [];
  for (let start = 0; start < sets.length; start += VERIFY_SLICE) {
    found.push(findInvalidSignatures(sets.slice(start, start + VERIFY_SLICE), start));
    await setImmediate();
  }
  return found.flat();
}

function commonKeys(lists: readonly ReadonlySet<Hex>[]): ReadonlySet<Hex> {
  const [first, ...others] = lists;
  if (first === undefined || others.length === 0) return first ?? new Set();
  return new Set([...first].filter(key => others.every(other => other.has(key))));
}

function isBusy(error: unknown, hasAnswered: boolean): boolean {
  if (!(error instanceof ExternalError)) return false;
  const isGone = error.code === 'unreachable' || error.code === 'connection-reset';
  return error.code === 'signer-busy' || (hasAnswered && isGone && error.retryable);
}

function answersOf<T>(answers: readonly (T | ExternalError)[]): T[] {
  const good = answers.filter((answer): answer is T => !(answer instanceof ExternalError));
  const [failure] = answers.filter(answer => answer instanceof ExternalError);
  if (good.length === 0 && failure !== undefined) throw failure;
  return good;
}

function warnOfFailures(answers: readonly unknown[], log: SignerClientOptions['log']): void {
  const failures = answers.filter(answer => answer instanceof ExternalError);
  if (failures.length < answers.length) for (const failure of failures) log?.warn(messageOf(failure));
}

/** A signer answered with a signature that is not one of the key over the message. */
class InvalidSignatureError extends ExternalError {
  constructor({ endpoint, publicKey }: SignedMessage) {
    super(
      'invalid-signature',
      `${endpoint.name} answered with a signature that is not valid for key ${toHex(publicKey)}.`,
      { hint: 'It signs with another key, or for another network: check its key files and its --network.' },
    );
  }
}
