import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { findInvalidSignatures, type SignatureSet, verifySignature } from '../../domain/consensus/bls.ts';
import { type ExitMessage, type ExitNetwork, exitSigningRoot } from '../../domain/consensus/exit-message.ts';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { createLimit } from '../../lib/limit.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { HttpDeps } from '../http.ts';
import {
  openSignerEndpoint,
  parseSignerAnswer,
  requestSigner,
  type SignerEndpoint,
} from './signer-endpoint.ts';
import { createSignerFleet } from './signer-fleet.ts';
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
interface ExitRequest extends ExitMessage {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly network: ExitNetwork;
}

/** A fleet of Web3Signers, or the built-in signer. */
export interface SignerClient extends AsyncDisposable {
  readonly urls: readonly EndpointUrl[];
  /** Keys that every signer which answers has loaded, in lower case. @throws ExternalError when none answers */
  listPublicKeys(): Promise<ReadonlySet<Hex>>;
  /** @throws ExternalError when no signer is up; those that are not are warned of */
  checkUp(): Promise<void>;
  /** What each signer says of itself; an error for one that cannot be asked. */
  checkHealth(): Promise<
    readonly { readonly url: EndpointUrl; readonly health: SignerHealth | ExternalError }[]
  >;
  /** Has the signers read their key files again, one after another, so that the others go on signing unburdened. */
  reload(options: {
    readonly reloadTimeoutMs: number;
    readonly pollMs?: number | undefined;
  }): Promise<readonly (ReloadOutcome & { readonly url: EndpointUrl })[]>;
  /**
   * A verified signature of 96 bytes.
   * @throws ExternalError `key-not-loaded`, `signer-refused-exit`, `invalid-signature` or that of the connection
   */
  signExit(request: ExitRequest): Promise<Uint8Array>;
  /**
   * Signatures in the order of the requests, all of them verified: one by one as they come, or together at the end,
   * which is cheaper by far where many are over one message (the key shares of a validator).
   * @throws the first error; what has not been sent by then is not sent any more
   */
  signExits(
    requests: readonly ExitRequest[],
    options?: {
      readonly verify?: 'each' | 'batch' | undefined;
      readonly onSigned?: (() => void) | undefined;
    },
  ): Promise<Uint8Array[]>;
}

const DEFAULT_CONCURRENCY = 64;
/** Signatures that are verified at once; takes 10 to 100 ms. */
const VERIFY_SLICE = 256;
const MAX_ANSWER_BYTES = 64 * 1024;
const signatureAnswer = z.object({ signature: z.string().regex(/^(0x)?[0-9a-fA-F]{192}$/) });
const EXIT_HEADERS = { accept: 'application/json', 'content-type': 'application/json' };

interface Unverified extends SignatureSet {
  readonly endpoint: SignerEndpoint;
}

/**
 * Prepares connections to signers; none is opened yet.
 * @throws UsageError when the TLS material cannot be used
 */
export function openSignerClient(options: SignerClientOptions): SignerClient {
  const { timeoutMs, log, signal, tls, observe, concurrency = DEFAULT_CONCURRENCY } = options;
  const endpoints = distinct(options.urls).map(url =>
    openSignerEndpoint({ url, tls, timeoutMs, log, observe, connections: concurrency }),
  );
  const fleet = createSignerFleet(endpoints, { log });
  const limit = createLimit(concurrency);
  const times = { timeoutMs, signal };

  let hasAnswered = false;

  /**
   * One signature. A fleet that is overloaded, or was there a moment ago, is asked again for as long as one request may
   * take: a signer that died is started again. One that never answered is a wrong URL.
   */
  function sign(request: ExitRequest, isVerified: boolean, batch?: AbortSignal): Promise<Unverified> {
    return limit(async () => {
      batch?.throwIfAborted();
      const message = exitSigningRoot(request, request.network);
      const body = exitBody(request, message);
      return retry(
        () =>
          fleet.run(async endpoint => {
            const signature = await requestSignature(endpoint, request, body, times);
            hasAnswered = true;
            const set = { publicKey: request.publicKey, message, signature, endpoint };
            if (isVerified && !verifySignature(set)) throw new InvalidSignatureError(set);
            return set;
          }),
        {
          timeoutMs,
          minDelayMs: 100,
          maxDelayMs: 2_000,
          signal,
          isRetryable: error => isBusy(error, hasAnswered),
        },
      );
    });
  }

  /** Names a culprit by asking again: a signer of a fleet that answers rightly makes up for one that does not. */
  async function verifyTogether(
    requests: readonly ExitRequest[],
    sets: readonly Unverified[],
  ): Promise<Uint8Array[]> {
    const signatures = sets.map(({ signature }) => signature);
    for (const place of await findInvalidPlaces(sets)) {
      const set = sets[place];
      const request = requests[place];
      if (set === undefined || request === undefined) continue;
      fleet.distrust(set.endpoint);
      log?.warn(new InvalidSignatureError(set).message);
      signatures[place] = (await sign(request, true)).signature;
    }
    return signatures;
  }

  return {
    urls: endpoints.map(({ url }) => url),
    async listPublicKeys() {
      const lists = await askAll(endpoints, ({ http, url }) => listSignerPublicKeys(http, { url, ...times }));
      warnOfFailures(lists, log);
      return commonKeys(answersOf(lists));
    },
    async checkUp() {
      const answers = await askAll(endpoints, ({ http, url }) => checkSignerUp(http, { url, ...times }));
      warnOfFailures(answers, log);
      answersOf(answers);
    },
    async checkHealth() {
      const answers = await askAll(endpoints, ({ http, url }) => checkSignerHealth(http, { url, ...times }));
      return endpoints.map(({ url }, i) => ({ url, health: answers[i] as SignerHealth | ExternalError }));
    },
    async reload(reloadOptions) {
      const outcomes: (ReloadOutcome & { readonly url: EndpointUrl })[] = [];
      for (const { http, url } of endpoints) {
        outcomes.push({ url, ...(await reloadSigner(http, { url, ...times, ...reloadOptions })) });
      }
      return outcomes;
    },
    async signExit(request) {
      return (await sign(request, true)).signature;
    },
    async signExits(requests, { verify = 'each', onSigned } = {}) {
      const batch = new AbortController();
      const signOne = async (request: ExitRequest): Promise<Unverified> => {
        const set = await sign(request, verify === 'each', batch.signal);
        onSigned?.();
        return set;
      };
      try {
        const sets = await Promise.all(requests.map(signOne));
        return verify === 'each' ? sets.map(({ signature }) => signature) : verifyTogether(requests, sets);
      } finally {
        // After a failure, those that still wait for their turn are not sent any more.
        batch.abort();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(endpoints.map(endpoint => endpoint[Symbol.asyncDispose]()));
    },
  };
}

/** Each signer once, however often it was named. */
function distinct(urls: readonly (EndpointUrl | string)[]): EndpointUrl[] {
  return [...new Map(urls.map(EndpointUrl.from).map(url => [url.reveal(), url])).values()];
}

/** The request as Web3Signer takes it; with Capella on both sides of the fork it is right under every version's rules. */
function exitBody({ validatorIndex, epoch, network }: ExitRequest, signingRoot: Uint8Array): string {
  const version = toHex(network.capellaForkVersion);
  return JSON.stringify({
    type: 'VOLUNTARY_EXIT',
    signing_root: toHex(signingRoot),
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
}

/** Repeated once when the socket was reset: signing an exit twice is harmless. */
async function requestSignature(
  endpoint: SignerEndpoint,
  { publicKey, validatorIndex }: ExitRequest,
  body: string,
  times: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<Uint8Array> {
  const key = toHex(publicKey);
  const signing = { publicKey: key, what: `the exit of validator ${validatorIndex}` };
  const send = () =>
    requestSigner(endpoint, {
      method: 'POST',
      path: `/api/v1/eth2/sign/${key}`,
      headers: EXIT_HEADERS,
      body,
      signing,
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

/** The answer, or the error, of each signer. */
function askAll<T>(
  endpoints: readonly SignerEndpoint[],
  ask: (endpoint: SignerEndpoint) => Promise<T>,
): Promise<(T | ExternalError)[]> {
  return Promise.all(
    endpoints.map(endpoint =>
      ask(endpoint).catch((error: unknown) => {
        if (error instanceof ExternalError) return error;
        throw error;
      }),
    ),
  );
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

/** A signer answered with a signature that is not one of the key over the exit. */
class InvalidSignatureError extends ExternalError {
  constructor({ endpoint, publicKey }: Unverified) {
    super(
      'invalid-signature',
      `${endpoint.name} answered with a signature that is not valid for key ${toHex(publicKey)}.`,
      { hint: 'It signs with another key, or for another network: check its key files and its --network.' },
    );
  }
}
