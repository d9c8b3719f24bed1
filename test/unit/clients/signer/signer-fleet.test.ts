import { describe, expect, it } from 'vitest';
import type { SignerEndpoint } from '../../../../src/clients/signer/signer-endpoint.ts';
import { createSignerFleet } from '../../../../src/clients/signer/signer-fleet.ts';
import { ExternalError } from '../../../../src/lib/errors.ts';

/** A fleet on a clock of its own, whose signers take a given time or are down. */
function simulate(latenciesMs: readonly (number | 'down')[]) {
  let clock = 0;
  const states = [...latenciesMs];
  const asked = states.map(() => 0);
  const endpoints = states.map((_, i) => ({ name: `signer-${i}` }) as SignerEndpoint);
  const fleet = createSignerFleet(endpoints, { now: () => clock });
  return {
    fleet,
    asked,
    states,
    wait: (ms: number) => {
      clock += ms;
    },
    ask: () =>
      fleet.run(async endpoint => {
        const i = endpoints.indexOf(endpoint);
        asked[i] = (asked[i] ?? 0) + 1;
        const state = states[i];
        if (state === 'down') throw new ExternalError('unreachable', 'down', { retryable: true });
        clock += state ?? 0;
        return i;
      }),
  };
}

describe('signer fleet', () => {
  it('a fleet of signers asks the fastest, and the slower ones now and then', async () => {
    const { ask, asked, wait } = simulate([50, 2, 10]);
    for (let i = 0; i < 200; i++) await ask();
    expect(asked).toEqual([1, 198, 1]);
    // A long-forgotten measurement is no reason to leave out a signer for good.
    wait(120_000);
    await ask();
    for (let i = 0; i < 500; i++) {
      wait(100);
      await ask();
    }
    expect(asked[1]).toBeGreaterThan(500);
    expect(asked[0]).toBeGreaterThan(1);
    expect(asked[2]).toBeGreaterThan(1);
  });

  it('a fleet of signers changes over when the fastest becomes slow', async () => {
    const simulation = simulate([1, 5]);
    for (let i = 0; i < 20; i++) await simulation.ask();
    simulation.states[0] = 100;
    for (let i = 0; i < 20; i++) await simulation.ask();
    expect(simulation.asked[1]).toBeGreaterThan(15);
  });

  it('a fleet of signers rests a broken one longer and longer, and asks it when no other is left', async () => {
    const simulation = simulate(['down', 5]);
    const { asked, ask, wait } = simulation;
    for (let i = 0; i < 100; i++) {
      wait(100);
      expect(await ask()).toBe(1);
    }
    // 10 s: after 1, 2, 4 s.
    expect(asked[0]).toBeLessThanOrEqual(5);
    for (let i = 0; i < 1_000; i++) {
      wait(100);
      await ask();
    }
    expect(asked[0]).toBeLessThanOrEqual(10);
    simulation.states[1] = 'down';
    simulation.states[0] = 3;
    expect(await ask()).toBe(0);
    simulation.states[0] = 'down';
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable', message: 'down down', retryable: true });
  });

  it('a fleet of signers divides requests at once evenly between two whose speed is unknown', async () => {
    const { fleet } = simulate([1, 1]);
    const running: SignerEndpoint[] = [];
    const release = Promise.withResolvers<void>();
    const all = Array.from({ length: 10 }, () =>
      fleet.run(async endpoint => {
        running.push(endpoint);
        await release.promise;
      }),
    );
    release.resolve();
    await Promise.all(all);
    expect(running.filter(endpoint => endpoint.name === 'signer-0')).toHaveLength(5);
  });

  it('a fleet of signers does not take a bug for an outage', async () => {
    const { fleet } = simulate([1, 1]);
    let calls = 0;
    const failing = fleet.run(async () => {
      calls++;
      throw new TypeError('bug');
    });
    await expect(failing).rejects.toThrow(TypeError);
    expect(calls).toBe(1);
  });
});
