import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { concatBytes, fromHex } from '../../../../../src/lib/bytes.ts';
import { ExternalError, UsageError } from '../../../../../src/lib/errors.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import { ask } from '../../../../../src/services/fleet/observe/ask.ts';
import { compareWithPlan, findDoubles } from '../../../../../src/services/fleet/observe/observe-clients.ts';
import { compareKeys } from '../../../../../src/services/fleet/observe/observe-signers.ts';
import { observedKey } from '../../../../support/scenes/observed-fleet.ts';

const key = (number: number) => fromHex(observedKey(number), 48);
const table = (...numbers: readonly number[]) => RecordTable.from(numbers.map(key), 48);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('compareKeys', () => {
  it('compareKeys counts what is missing and what is of others, and names the first twenty', () => {
    const listed = concatBytes([...range(30, 100), ...range(200, 203)].map(key));
    expect(compareKeys(listed, table(...range(0, 100)))).toEqual({
      loaded: 73,
      expected: 100,
      missing: { total: 30, publicKeys: range(0, 20).map(observedKey) },
      extra: { total: 3, publicKeys: range(200, 203).map(observedKey) },
    });
  });

  it('compareKeys counts a key that is listed twice once', () => {
    const twice = concatBytes([1, 1, 2, 9, 9].map(key));
    const { loaded, missing, extra } = compareKeys(twice, table(1, 2));
    expect([loaded, missing.total, extra.total]).toEqual([3, 0, 1]);
  });

  it('compareKeys says nothing of keys that nobody knows', () => {
    const facts = compareKeys(concatBytes([1, 1].map(key)), undefined);
    expect(facts).toEqual({
      loaded: 1,
      missing: { total: 0, publicKeys: [] },
      extra: { total: 0, publicKeys: [] },
    });
  });
});

describe('compareWithPlan', () => {
  const known = {
    validators: table(...range(0, 6)),
    signerKeys: undefined,
    clientOf: Int32Array.of(0, 0, 0, 1, 1, 1),
  };

  it('compareWithPlan takes a client for the one that has most of its keys', () => {
    expect(compareWithPlan({ keys: table(3, 4, 0, 77), remote: 4 }, known)).toEqual({
      index: 1,
      runs: 4,
      remote: 4,
      foreign: 1,
      missing: { total: 1, publicKeys: [observedKey(5)] },
      misplaced: { total: 1, publicKeys: [observedKey(0)] },
    });
  });

  it('compareWithPlan takes the lower index where two have as many', () => {
    expect(compareWithPlan({ keys: table(3, 0), remote: 2 }, known).index).toBe(0);
  });

  it('compareWithPlan finds no client for keys of others, and none without a plan', () => {
    expect(compareWithPlan({ keys: table(77), remote: 1 }, known)).toMatchObject({ foreign: 1, runs: 1 });
    expect(compareWithPlan({ keys: table(77), remote: 1 }, known).index).toBeUndefined();
    const planless = compareWithPlan({ keys: table(1), remote: 1 }, { ...known, clientOf: undefined });
    expect([planless.index, planless.foreign, planless.missing.total]).toEqual([undefined, 0, 0]);
    expect(compareWithPlan({ keys: table(1), remote: 1 }, undefined).foreign).toBe(0);
  });
});

describe('findDoubles', () => {
  it('findDoubles names each key once that two or more clients run', () => {
    const running = [table(1, 2, 3), table(3, 4), table(3, 4, 5)].map(keys => ({ keys, remote: 0 }));
    expect(findDoubles(running)).toEqual({ total: 2, publicKeys: [observedKey(3), observedKey(4)] });
    expect(findDoubles(running.slice(0, 1)).total).toBe(0);
  });
});

describe('ask', () => {
  it('ask gives what the counterpart has said', async () => {
    expect(await ask(1_000, async () => 7)).toMatchObject({ answer: 'answered', facts: 7 });
  });

  it('ask takes an error of a counterpart for its answer', async () => {
    const seen = await ask(1_000, async () => {
      throw new ExternalError('unreachable', 'It is down.', { hint: 'Start it.' });
    });
    expect(seen).toMatchObject({
      answer: 'failed',
      fault: { code: 'unreachable', message: 'It is down.', hint: 'Start it.' },
    });
  });

  it('ask waits no longer than it is told, and tells the step', async () => {
    let isTold = false;
    const seen = await ask(
      20,
      ({ signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            isTold = true;
          });
        }),
    );
    expect(seen).toMatchObject({ answer: 'failed', fault: { code: 'timeout' } });
    expect(isTold).toBe(true);
  });

  it('ask takes what a library throws at an answer for a lie of the counterpart, and quotes nothing of it', async () => {
    const seen = await ask(1_000, async () => z.bigint().parse('planted'));
    expect(seen).toMatchObject({ answer: 'failed', fault: { code: 'invalid-answer' } });
    expect(JSON.stringify(seen)).not.toContain('planted');
  });

  it('ask lets wrong settings and bugs through', async () => {
    const usage = new UsageError('contradiction', 'Both.');
    await expect(ask(1_000, () => Promise.reject(usage))).rejects.toBe(usage);
    const bug = new TypeError('undefined is no function');
    await expect(ask(1_000, () => Promise.reject(bug))).rejects.toBe(bug);
  });
});
