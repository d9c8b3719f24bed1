import { ExternalError, messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { SignerEndpoint } from './signer-endpoint.ts';

/** A measured latency counts half as much after this time without a new one, so that slow signers are tried again. */
const LATENCY_HALF_LIFE_MS = 5_000;
/** Weight of the newest measurement. */
const LATENCY_WEIGHT = 0.2;
const MIN_REST_MS = 1_000;
const MAX_REST_MS = 30_000;

/** One signer of a fleet, with what has been seen of it. */
interface Member {
  readonly endpoint: SignerEndpoint;
  inFlight: number;
  /** Moving average; undefined until it has answered. */
  latencyMs: number | undefined;
  measuredAt: number;
  failures: number;
  /** Time before which the signer is asked only when no other is left. */
  restsUntil: number;
}

export interface SignerFleet {
  readonly endpoints: readonly SignerEndpoint[];
  /**
   * Does one step with the signer that is likely to be the fastest, and with the others in turn while it fails.
   * Only for steps that may be done twice.
   * @throws the error of the only signer; or ExternalError with the messages of all
   */
  run<T>(step: (endpoint: SignerEndpoint) => Promise<T>): Promise<T>;
  /** Counts a failure of a signer whose answer turned out to be wrong. */
  distrust(endpoint: SignerEndpoint): void;
}

/** Signers that hold the same keys. */
export function createSignerFleet(
  endpoints: readonly SignerEndpoint[],
  {
    log,
    now = () => performance.now(),
  }: { readonly log?: Pick<Logger, 'warn'> | undefined; readonly now?: (() => number) | undefined },
): SignerFleet {
  const members: readonly Member[] = endpoints.map(endpoint => ({
    endpoint,
    inFlight: 0,
    latencyMs: undefined,
    measuredAt: 0,
    failures: 0,
    restsUntil: 0,
  }));

  async function attempt<T>(member: Member, step: (endpoint: SignerEndpoint) => Promise<T>): Promise<T> {
    const startedAt = now();
    member.inFlight++;
    try {
      const result = await step(member.endpoint);
      noteSuccess(member, startedAt, now());
      return result;
    } catch (error) {
      if (isFaultOfSigner(error)) noteFailure(member, now());
      throw error;
    } finally {
      member.inFlight--;
    }
  }

  return {
    endpoints,
    async run(step) {
      const tried = new Set<Member>();
      const errors: unknown[] = [];
      for (let member = best(members, tried, now()); member; member = best(members, tried, now())) {
        tried.add(member);
        try {
          return await attempt(member, step);
        } catch (error) {
          if (!mayAskAnother(error)) throw error;
          errors.push(error);
          if (tried.size < members.length) log?.warn(`${messageOf(error)} Asking another signer.`);
        }
      }
      throw errors.length === 1 ? errors[0] : joinErrors(errors);
    },
    distrust(endpoint) {
      const member = members.find(each => each.endpoint === endpoint);
      if (member !== undefined) noteFailure(member, now());
    },
  };
}

/** Healthy ones first, by what a request is likely to cost there; of the others the one that has rested longest. */
function best(members: readonly Member[], tried: ReadonlySet<Member>, now: number): Member | undefined {
  const left = members.filter(member => !tried.has(member));
  const healthy = left.filter(member => member.restsUntil <= now);
  return healthy.length > 0
    ? healthy.reduce((a, b) => (costOf(b, now) < costOf(a, now) ? b : a))
    : left.toSorted((a, b) => a.restsUntil - b.restsUntil)[0];
}

/** Latency, aged, times the length of the queue (as Finagle's "peak EWMA"). One without a measurement gets one request. */
function costOf(member: Member, now: number): number {
  if (member.latencyMs === undefined) return member.inFlight === 0 ? 0 : 1e9 * member.inFlight;
  const age = 0.5 ** ((now - member.measuredAt) / LATENCY_HALF_LIFE_MS);
  return member.latencyMs * age * (member.inFlight + 1);
}

function noteSuccess(member: Member, startedAt: number, now: number): void {
  const latencyMs = now - startedAt;
  const before = member.latencyMs ?? latencyMs;
  member.latencyMs = before + LATENCY_WEIGHT * (latencyMs - before);
  member.measuredAt = now;
  member.failures = 0;
  member.restsUntil = 0;
}

/** Requests that were in flight together fail together: they count once. */
function noteFailure(member: Member, now: number): void {
  if (member.restsUntil > now) return;
  member.restsUntil = now + Math.min(MAX_REST_MS, MIN_REST_MS * 2 ** member.failures);
  member.failures++;
}

/** A missing key says nothing about the signer's health. */
function isFaultOfSigner(error: unknown): boolean {
  return error instanceof ExternalError && error.code !== 'key-not-loaded';
}

/** A signer that computes another root must not be papered over by asking another one. */
function mayAskAnother(error: unknown): boolean {
  if (!(error instanceof ExternalError)) return false;
  return error.code !== 'signer-refused-exit' && error.code !== 'signer-refused-deposit';
}

/** The error of all: a refusal that will not go away by itself tells more than an outage beside it. */
function joinErrors(errors: readonly unknown[]): ExternalError {
  const external = errors.filter(error => error instanceof ExternalError);
  const telling = external.find(error => !error.retryable) ?? external[0];
  return new ExternalError(telling?.code ?? 'signers-failed', errors.map(messageOf).join(' '), {
    hint: telling?.hint,
    retryable: external.some(error => error.retryable),
    cause: new AggregateError(errors),
  });
}
