import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { ExternalError, messageOf } from '../lib/errors.ts';
import { type RetryOptions, retry } from '../lib/retry.ts';
import { describeEndpoint, type HttpDeps, isRefusedHere, logRetry } from './http.ts';

/** What an endpoint must show before it is asked anything else. */
interface EndpointProof {
  /** Throws unless the endpoint is the right one and may be used. */
  readonly require: (endpoint: string) => Promise<void>;
  /** How long it holds: for good (the chain of a node), or until the endpoint fails (it may be syncing when it is back). */
  readonly lasts: 'for-good' | 'until-failure';
  /** Code of the error which says that the endpoint is a wrong one, a mistake in the configuration. */
  readonly mistake: ErrorCodeOf<'external'>;
}

export interface FailoverOptions {
  /** URLs of servers that can stand in for each other, the preferred one first. */
  readonly endpoints: readonly string[];
  /** Proof that is asked of each; without one, every endpoint is taken as it is. */
  readonly proof?: EndpointProof | undefined;
  /** How long, and with which pauses, all of them are asked again when none has answered. */
  readonly retry: Omit<RetryOptions, 'onRetry' | 'limitMsOf'>;
  /** How long they are asked again when all of them are of this machine and refuse connections. Default: as long as otherwise. */
  readonly refusedTimeoutMs?: number | undefined;
  /** Code of the error when the endpoints have failed with different ones. */
  readonly unavailableCode: ErrorCodeOf<'external'>;
}

interface AskOptions<T> {
  /**
   * What an answer is worth. 'final' ends the search; of the others the one of the highest worth counts, the first of
   * equals, when no endpoint has a final one. Default: every answer is final.
   */
  readonly worthOf?: ((answer: T) => Worth) | undefined;
  /** Whether all endpoints are asked again after this error. Default: that of the retry options. */
  readonly isRetryable?: RetryOptions['isRetryable'];
}

export type Worth = 'final' | bigint;

type Deps = Pick<HttpDeps, 'log' | 'onWait' | 'onSlow'>;

/** How long the first answer of an endpoint may take before somebody is told of it. */
const SLOW_MS = 1_000;

/**
 * Servers that can stand in for each other. A question goes to the one that answered last, and to the others in turn
 * when it fails; when all have failed, it goes round again after a pause, for a time.
 */
export class Failover {
  readonly #deps: Deps;
  readonly #options: FailoverOptions;
  readonly #proven = new Set<string>();
  readonly #leftOut = new Set<string>();
  #preferred = 0;
  #hasAnswered = false;

  constructor(deps: Deps, options: FailoverOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The endpoint in use as messages call it, without path and credentials. */
  get endpoint(): string {
    return describeEndpoint(this.#options.endpoints[this.#preferred] ?? '');
  }

  /** Asks this endpoint no more, until it is taken back; the last one that is left is asked all the same. */
  leaveOut(endpoint: string): void {
    this.#leftOut.add(endpoint);
  }

  takeBack(endpoint: string): void {
    this.#leftOut.delete(endpoint);
  }

  /**
   * Puts a question, which may be put twice, to one endpoint after another until one answers.
   * @throws the error of the only endpoint, or one error with the messages of all; at once that of an endpoint which
   *   proves to be a wrong one; the signal's reason
   */
  ask<T>(question: (endpoint: string) => Promise<T>, options: AskOptions<T> = {}): Promise<T> {
    const { endpoints, retry: again, refusedTimeoutMs } = this.#options;
    return retry(() => this.#askInTurn(question, options.worthOf), {
      ...again,
      isRetryable: options.isRetryable ?? again.isRetryable,
      onRetry: logRetry(this.#deps, endpoints[0] ?? ''),
      limitMsOf: error => (isRefusedHere(error) ? refusedTimeoutMs : undefined),
    });
  }

  async #askInTurn<T>(
    question: (endpoint: string) => Promise<T>,
    worthOf: AskOptions<T>['worthOf'],
  ): Promise<T> {
    const { endpoints, proof, unavailableCode } = this.#options;
    const isAnyLeft = endpoints.some(endpoint => !this.#leftOut.has(endpoint));
    // Another question may move the preference while this one goes round, which has to come to each endpoint once.
    const begin = this.#preferred;
    const failures: unknown[] = [];
    let best: { readonly index: number; readonly answer: T; readonly worth: bigint } | undefined;
    for (let tried = 0; tried < endpoints.length; tried++) {
      const index = (begin + tried) % endpoints.length;
      const endpoint = endpoints[index] ?? '';
      if (isAnyLeft && this.#leftOut.has(endpoint)) continue;
      const slow = this.#startSlowTimer(endpoint);
      try {
        await this.#requireProof(endpoint);
        const answer = await question(endpoint);
        this.#hasAnswered = true;
        const worth = worthOf?.(answer) ?? 'final';
        if (worth === 'final') {
          this.#preferred = index;
          return answer;
        }
        if (best === undefined || worth > best.worth) best = { index, answer, worth };
      } catch (error) {
        // Going on with the other endpoints would hide a mistake in the configuration.
        if (error instanceof ExternalError && error.code === proof?.mistake) throw error;
        if (proof?.lasts === 'until-failure') this.#proven.delete(endpoint);
        failures.push(error);
      } finally {
        clearTimeout(slow);
      }
    }
    if (best !== undefined) {
      this.#preferred = best.index;
      return best.answer;
    }
    throw failures.length === 1 ? failures[0] : joinFailures(failures, { unavailableCode });
  }

  #startSlowTimer(endpoint: string): NodeJS.Timeout | undefined {
    const { onSlow } = this.#deps;
    if (this.#hasAnswered || onSlow === undefined) return undefined;
    return setTimeout(() => onSlow(describeEndpoint(endpoint)), SLOW_MS).unref();
  }

  async #requireProof(endpoint: string): Promise<void> {
    const { proof } = this.#options;
    if (proof === undefined || this.#proven.has(endpoint)) return;
    await proof.require(endpoint);
    this.#proven.add(endpoint);
  }
}

/**
 * One error for what several servers failed with: their common code, or the one given when they differ; all their
 * messages; the first hint. It is retryable if one of theirs is.
 * @param options.message - default: the messages, one after another
 */
export function joinFailures(
  failures: readonly unknown[],
  options: { readonly unavailableCode: ErrorCodeOf<'external'>; readonly message?: string | undefined },
): ExternalError {
  const external = failures.filter(error => error instanceof ExternalError);
  const [code, ...otherCodes] = new Set(external.map(error => error.code));
  const isCommon = code !== undefined && otherCodes.length === 0;
  return new ExternalError(
    isCommon ? code : options.unavailableCode,
    options.message ?? failures.map(messageOf).join(' '),
    {
      retryable: external.some(error => error.retryable),
      hint: external.find(error => error.hint !== undefined)?.hint,
      cause: new AggregateError(failures),
    },
  );
}
