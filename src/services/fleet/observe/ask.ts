import type { Fault, Seen } from '../../../domain/fleet/observation/observation.ts';
import { ExternalError, messageOf, OperatorError, UsageError } from '../../../lib/errors.ts';

/** Errors of this program's own making. */
const BUGS = [TypeError, ReferenceError];

/** What a counterpart is asked with: the time that it has, and the signal of its end. */
export interface Patience {
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks one counterpart, which has so much time and no more, whatever it does: one that hangs holds up nobody. What goes wrong is
 * what it has said.
 * @throws UsageError, and what is a bug of this program
 */
export async function ask<F>(limitMs: number, step: (patience: Patience) => Promise<F>): Promise<Seen<F>> {
  const beganAt = performance.now();
  const end = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new ExternalError('timeout', `No answer within ${limitMs / 1000} s.`, { retryable: true });
    late.reject(error);
    end.abort(error);
  }, limitMs);
  const latency = () => Math.round(performance.now() - beganAt);
  const asked = step({ limitMs, signal: end.signal });
  // Nobody waits for what comes after its time.
  asked.catch(() => undefined);
  try {
    const facts = await Promise.race([asked, late.promise]);
    return { answer: 'answered', latencyMs: latency(), facts };
  } catch (error) {
    return { answer: 'failed', latencyMs: latency(), fault: faultOf(error) };
  } finally {
    clearTimeout(timer);
    late.promise.catch(() => undefined);
  }
}

/** A counterpart that nobody asked. @param reason - what is missing to ask it */
export function notAsked<F>(reason: string): Seen<F> {
  return { answer: 'not-asked', reason };
}

/** An error as what a counterpart has said. @throws the error itself when it is none of a counterpart's */
function faultOf(error: unknown): Fault {
  if (error instanceof UsageError || BUGS.some(bug => error instanceof bug)) throw error;
  if (error instanceof OperatorError)
    return { code: error.code, message: messageOf(error), hint: error.hint };
  // What a library has thrown at an answer that it cannot read, and may quote: one liar must not hide all the others.
  return { code: 'invalid-answer', message: 'It has answered with something else than it was asked for.' };
}
