import { describe, expect, it } from 'vitest';
import { WakeableClock } from '../../../../../src/services/fleet/watch/wakeable-clock.ts';

/** A clock that moves when it is slept by, or is told to: how long each sleep was to last, and how long it did. */
function recordingClock() {
  const slept: number[] = [];
  let now = 0;
  const waiting: (() => void)[] = [];
  return {
    slept,
    pass: () => waiting.shift()?.(),
    clock: {
      now: () => now,
      sleep: (durationMs: number, signal: AbortSignal) =>
        new Promise<void>(resolve => {
          slept.push(durationMs);
          if (signal.aborted) return resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
          waiting.push(() => {
            now += durationMs;
            resolve();
          });
        }),
    },
  };
}

const never = () => new AbortController().signal;
const turns = async () => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe('a clock that can be woken', () => {
  it('a sleep lasts as long as it is to where nobody wakes it', async () => {
    const { clock, slept, pass } = recordingClock();
    const wakeable = new WakeableClock(clock);
    const sleeping = wakeable.sleep(5_000, never());
    await turns();
    pass();
    await turns();
    pass();
    await sleeping;
    expect(slept).toEqual([1_000, 4_000]);
    expect(wakeable.now()).toBe(5_000);
  });

  it('a sleep ends when it is woken, a second after its beginning at the earliest', async () => {
    const { clock, pass } = recordingClock();
    const wakeable = new WakeableClock(clock);
    const sleeping = wakeable.sleep(5_000, never());
    wakeable.wake();
    wakeable.wake();
    await turns();
    pass();
    await sleeping;
    expect(wakeable.now()).toBe(1_000);
  });

  it('what has happened before the sleep ends that one, and no second one', async () => {
    const { clock, pass } = recordingClock();
    const wakeable = new WakeableClock(clock);
    wakeable.wake();
    const first = wakeable.sleep(5_000, never());
    await turns();
    pass();
    await first;
    const second = wakeable.sleep(5_000, never());
    await turns();
    pass();
    await turns();
    pass();
    await second;
    expect(wakeable.now()).toBe(6_000);
  });

  it('an abort ends a sleep at once', async () => {
    const { clock } = recordingClock();
    const wakeable = new WakeableClock(clock);
    const stop = new AbortController();
    const sleeping = wakeable.sleep(5_000, stop.signal);
    await turns();
    stop.abort();
    await sleeping;
    expect(wakeable.now()).toBe(0);
  });
});
