import { setTimeout as sleep } from 'node:timers/promises';
import { CID } from 'multiformats/cid';
import { z } from 'zod';
import type { ApprovalRequest, OracleApproval } from '../domain/protocol/approval.ts';
import type { Oracle } from '../domain/protocol/oracle-config.ts';
import type { RotationRequest, SignaturesStatus } from '../domain/protocol/signature-rotation.ts';
import { fromHex } from '../lib/bytes.ts';
import { ExternalError, messageOf } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { RECOVERABLE_SIGNATURE_LENGTH } from '../lib/lengths.ts';
import { describeFault, matchSchema } from '../lib/match-schema.ts';
import { joinFailures } from './failover.ts';
import {
  bodyJson,
  describeEndpoint,
  type HttpDeps,
  type HttpRequest,
  HttpStatusError,
  requestHttp,
} from './http.ts';

export interface OracleCallOptions {
  /** Time limit of all replicas of the oracle together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
/** A status of a vault names the indexes of thousands of validators. */
const MAX_STATUS_BYTES = 16 * 1024 * 1024;

/** What the contracts are given, and others fetch: no other text counts. */
function isCid(text: string): boolean {
  try {
    CID.parse(text);
    return true;
  } catch {
    return false;
  }
}

const approvalAnswer = z.object({
  ipfs_hash: z.string().max(200).refine(isCid, 'must be an IPFS content identifier'),
  signature: z.string().regex(/^(0x)?[0-9a-f]{130}$/i, 'must be 65 bytes of hex'),
  deadline: z.int().min(0),
});
/** The exits that an oracle has begun: the members in use. */
const exitsAnswer = z.array(z.object({ index: z.int().min(0) }));
const statusAnswer = z.object({
  exit_signature_block_number: z.int().min(0).nullable(),
  validators: z.array(z.object({ index: z.int().min(0) })),
});

/**
 * Asks an oracle for its approval of new validators, at the URL of its configuration as it is.
 * @throws ExternalError naming every replica and what it said: `oracle-refused` (HTTP 400), `http-status`, `timeout`,
 *   `unreachable`, `invalid-answer`
 */
export function postApproval(
  deps: HttpDeps,
  oracle: Oracle,
  body: ApprovalRequest,
  options: OracleCallOptions,
): Promise<OracleApproval> {
  return requestApproval(deps, oracle, body, options, endpoint => endpoint);
}

/** Asks an oracle for its approval of new exit signatures. @throws ExternalError as `postApproval` */
export function postRotation(
  deps: HttpDeps,
  oracle: Oracle,
  body: RotationRequest,
  options: OracleCallOptions,
): Promise<OracleApproval> {
  return requestApproval(deps, oracle, body, options, endpoint => joinPath(endpoint, 'signatures'));
}

function requestApproval(
  deps: HttpDeps,
  oracle: Oracle,
  body: ApprovalRequest | RotationRequest,
  options: OracleCallOptions,
  urlOf: (endpoint: string) => string,
): Promise<OracleApproval> {
  const text = JSON.stringify(body);
  return askReplicas(oracle, options, async (endpoint, call) =>
    toApproval(await requestOracle(deps, urlOf(endpoint), { ...call, method: 'POST', body: text })),
  );
}

/**
 * What an oracle says of a vault's exit signatures. All replicas are asked, as each of them may be asked next for an
 * approval: the oracle has seen what the last of those that answer has seen, and what that one says counts.
 * @param vault - checksummed
 * @throws ExternalError when no replica answers, naming each and what it said
 */
export async function fetchSignaturesStatus(
  deps: HttpDeps,
  oracle: Oracle,
  vault: string,
  options: OracleCallOptions,
): Promise<SignaturesStatus> {
  const answers = await Promise.allSettled(
    oracle.endpoints.map(async endpoint => {
      const url = joinPath(endpoint, `signatures/${vault}`);
      const answer = await requestOracle(deps, url, { ...options, maxBytes: MAX_STATUS_BYTES });
      const status = parseAnswer(statusAnswer, answer);
      return {
        blockNumber: status.exit_signature_block_number,
        outdatedIndexes: status.validators.map(({ index }) => BigInt(index)),
      };
    }),
  );
  options.signal?.throwIfAborted();
  const statuses = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [last] = statuses.sort((a, b) => (a.blockNumber ?? -1) - (b.blockNumber ?? -1));
  if (last !== undefined) return last;
  throw oracleFailure(
    oracle,
    answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason] : [])),
  );
}

/**
 * Indexes of the validators, of all vaults, that an oracle is about to exit: the first answer of its replicas.
 * @throws ExternalError when no replica answers, naming each and what it said
 */
export function fetchExits(
  deps: HttpDeps,
  oracle: Oracle,
  options: OracleCallOptions,
): Promise<ReadonlySet<bigint>> {
  return askReplicas(oracle, options, async (endpoint, call) => {
    const url = joinPath(endpoint, 'exits');
    const answer = await requestOracle(deps, url, { ...call, maxBytes: MAX_STATUS_BYTES });
    return new Set(parseAnswer(exitsAnswer, answer).map(({ index }) => BigInt(index)));
  });
}

/** What one oracle says of the exits that it has begun, or why it says nothing. */
export interface ExitsAnswer {
  /** Its address, which tells oracles apart. */
  readonly oracle: string;
  readonly exits:
    | { readonly indexes: ReadonlySet<bigint>; readonly error?: undefined }
    | { readonly indexes?: undefined; readonly error: unknown };
}

/**
 * Asks all oracles at once for the exits that they have begun; what counts is for the caller to decide.
 * @returns one answer for each oracle, in the order of the configuration
 * @throws the signal's reason
 */
export async function fetchExitsOfAll(
  deps: HttpDeps,
  oracles: readonly Oracle[],
  options: OracleCallOptions,
): Promise<readonly ExitsAnswer[]> {
  const answers = await Promise.all(
    oracles.map(async (oracle): Promise<ExitsAnswer> => {
      try {
        return { oracle: oracle.address, exits: { indexes: await fetchExits(deps, oracle, options) } };
      } catch (error) {
        return { oracle: oracle.address, exits: { error } };
      }
    }),
  );
  options.signal?.throwIfAborted();
  return answers;
}

/** Whether an oracle is there: any of its replicas answers at the URL of its configuration. @throws ExternalError */
export async function checkOracleUp(
  deps: HttpDeps,
  oracle: Oracle,
  options: OracleCallOptions,
): Promise<void> {
  await askReplicas(oracle, options, (endpoint, call) => requestOracle(deps, endpoint, call));
}

/** A request that ends by its signal only. */
type Call = Pick<HttpRequest, 'timeoutMs' | 'signal'>;

/**
 * The first answer of a replica. They are begun in random order, one when another has failed or has had its part of the
 * time, and those that have begun go on: a silent replica does not use up the time of the others.
 */
async function askReplicas<T>(
  oracle: Oracle,
  { timeoutMs, signal }: OracleCallOptions,
  ask: (endpoint: string, call: Call) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const ended = signal === undefined ? end.signal : AbortSignal.any([end.signal, signal]);
  const deadline = performance.now() + timeoutMs;
  const patienceMs = timeoutMs / oracle.endpoints.length;
  const answer = Promise.withResolvers<T>();
  const failures: unknown[] = [];
  const attempts: Promise<unknown>[] = [];
  let isAnswered = false;
  try {
    for (const endpoint of shuffle(oracle.endpoints)) {
      const call = { timeoutMs: Math.max(1, Math.round(deadline - performance.now())), signal: ended };
      const attempt = ask(endpoint, call).then(
        value => {
          isAnswered = true;
          answer.resolve(value);
        },
        (error: unknown) => failures.push(error),
      );
      attempts.push(attempt);
      const patience = sleep(patienceMs, undefined, { signal: ended }).catch(() => undefined);
      await Promise.race([attempt, answer.promise, patience]);
      if (isAnswered || ended.aborted) break;
    }
    await Promise.race([answer.promise, Promise.all(attempts)]);
    if (isAnswered) return await answer.promise;
    signal?.throwIfAborted();
    throw oracleFailure(oracle, failures);
  } finally {
    end.abort();
  }
}

function shuffle<T>(list: readonly T[]): T[] {
  return list
    .map(item => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/**
 * Below the endpoint's own path: an endpoint with one stands behind a proxy that tells its servers apart by it. Slashes
 * at its end do not count. (v1.0.1 dropped the path; the newest reference keeps it.)
 */
function joinPath(endpoint: string, path: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url.href;
}

async function requestOracle(
  deps: HttpDeps,
  url: string,
  request: Call & Pick<HttpRequest, 'method' | 'maxBytes'> & { readonly body?: string | undefined },
): Promise<{ readonly url: string; readonly json: unknown }> {
  const headers = {
    accept: 'application/json',
    ...(request.body !== undefined && { 'content-type': 'application/json' }),
  };
  try {
    const response = await requestHttp(deps, {
      ...request,
      maxBytes: request.maxBytes ?? MAX_ANSWER_BYTES,
      url,
      headers,
      retries: 0,
    });
    return { url, json: bodyJson(response, url) };
  } catch (error) {
    throw error instanceof HttpStatusError && error.status === 400 ? refusal(url, error) : error;
  }
}

function toApproval(answer: { readonly url: string; readonly json: unknown }): OracleApproval {
  const { ipfs_hash, signature, deadline } = parseAnswer(approvalAnswer, answer);
  return {
    ipfsHash: ipfs_hash,
    deadline: BigInt(deadline),
    signature: fromHex(signature, RECOVERABLE_SIGNATURE_LENGTH),
  };
}

function parseAnswer<T>(schema: z.ZodType<T>, answer: { readonly url: string; readonly json: unknown }): T {
  const checked = matchSchema(schema, answer.json);
  if (checked.success) return checked.data;
  throw new ExternalError(
    'invalid-answer',
    `${describeEndpoint(answer.url)} does not answer as an oracle does: ${describeFault(checked.fault)}.`,
    { cause: checked.fault.cause },
  );
}

/** A refusal in the oracle's own words: its form is not known, so whatever it is, is cut to a length for a message. */
function refusal(url: string, error: HttpStatusError): ExternalError {
  const reason = foreignText(new TextDecoder().decode(error.body));
  const because = reason === '' ? '' : `: ${reason}`;
  return new ExternalError('oracle-refused', `${describeEndpoint(url)} refuses the request${because}.`, {
    cause: error,
  });
}

function oracleFailure(oracle: Oracle, failures: readonly unknown[]): ExternalError {
  const said = failures.map(error => messageOf(error).replace(/\.$/, '')).join('; ');
  return joinFailures(failures, {
    unavailableCode: 'oracle-unavailable',
    message: `${said || `the oracle ${oracle.address} has no endpoint`}.`,
  });
}
