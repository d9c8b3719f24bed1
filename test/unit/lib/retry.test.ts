import { describe, expect, it } from 'vitest';
import { ExternalError } from '../../../src/lib/errors.ts';
import { retry } from '../../../src/lib/retry.ts';

const outage = new ExternalError('unreachable', 'down', { retryable: true });

/** A step that fails with these errors, one after another, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const step = async (attempt: number): Promise<number> => {
    const error = errors[attempt - 1];
    if (error !== undefined) throw error;
    return attempt;
  };
  return step;
}

describe('retry', () => {
  it('retry repeats what calls itself retryable until it succeeds', async () => {
    const told: unknown[] = [];
    const onRetry = (error: unknown) => void told.push(error);
    await expect(retry(failing(outage, outage), { timeoutMs: 5_000, minDelayMs: 1, onRetry })).resolves.toBe(
      3,
    );
    expect(told).toEqual([outage, outage]);
  });

  it('retry passes on at once an error that is not retryable', async () => {
    const refusal = new ExternalError('http-status', 'no');
    await expect(retry(failing(refusal), { timeoutMs: 5_000, minDelayMs: 1 })).rejects.toBe(refusal);
    const bug = new TypeError('bug');
    await expect(retry(failing(outage, bug), { timeoutMs: 5_000, minDelayMs: 1 })).rejects.toBe(bug);
  });

  it('retry gives up after its time, its attempts or its signal', async () => {
    const always = failing(...Array<Error>(100).fill(outage));
    await expect(retry(always, { timeoutMs: 30, minDelayMs: 5 })).rejects.toBe(outage);
    await expect(retry(always, { timeoutMs: 5_000, minDelayMs: 1, retries: 1 })).rejects.toBe(outage);
    await expect(retry(failing(outage), { timeoutMs: 0 })).rejects.toBe(outage);
    const stopped = new Error('stopped');
    const signal = AbortSignal.abort(stopped);
    await expect(retry(always, { timeoutMs: 5_000, signal })).rejects.toBe(stopped);
  });
});
