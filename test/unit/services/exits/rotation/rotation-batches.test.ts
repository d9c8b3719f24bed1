import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BeaconValidator } from '../../../../../src/clients/beacon/beacon-node.ts';
import type { RotationBatch } from '../../../../../src/services/exits/rotation/rotation-batch.ts';
import { RotationBatches } from '../../../../../src/services/exits/rotation/rotation-batches.ts';

const validators = Array.from({ length: 5 }, (_, i) => ({ index: BigInt(i) }) as BeaconValidator);
const batchOf = (group: readonly BeaconValidator[]): RotationBatch => ({
  mode: 'split',
  indexes: group.map(({ index }) => index),
  shards: [],
});

/** Batches of two, and which groups they were asked for, in order. */
function recordingBatches(
  make: (
    group: readonly BeaconValidator[],
    signal: AbortSignal,
  ) => Promise<readonly RotationBatch[]> = async group => [batchOf(group)],
) {
  const begun: bigint[][] = [];
  const batches = new RotationBatches(validators, 2, (group, signal) => {
    begun.push(group.map(({ index }) => index));
    return make(group, signal);
  });
  return { batches, begun };
}

async function drain(batches: RotationBatches): Promise<(readonly bigint[])[]> {
  const found: (readonly bigint[])[] = [];
  for (let batch = await batches.next(); batch !== undefined; batch = await batches.next()) {
    found.push(batch.indexes);
  }
  return found;
}

describe('RotationBatches', () => {
  it('RotationBatches gives batches in order, and makes none before it is asked for or prepared', async () => {
    const { batches, begun } = recordingBatches();
    expect(begun).toEqual([]);
    expect((await batches.next())?.indexes).toEqual([0n, 1n]);
    await setImmediate();
    expect(begun).toEqual([[0n, 1n]]);
    batches.prepare();
    batches.prepare();
    expect(begun).toEqual([
      [0n, 1n],
      [2n, 3n],
    ]);
    expect(await drain(batches)).toEqual([[2n, 3n], [4n]]);
    batches.prepare();
    expect(await batches.next()).toBeUndefined();
  });

  it('RotationBatches passes over validators of which no batch could be made, and gives several in turn', async () => {
    const { batches, begun } = recordingBatches(async group => {
      if (group[0]?.index === 0n) return [];
      return group.map(one => batchOf([one]));
    });
    expect((await batches.next())?.indexes).toEqual([2n]);
    // One is at hand: nothing is made ahead of it.
    batches.prepare();
    expect(begun).toHaveLength(2);
    expect(await drain(batches)).toEqual([[3n], [4n]]);
  });

  it('RotationBatches tells of a failure ahead when the batch is asked for, and to nobody else', async () => {
    const { batches } = recordingBatches(async group => {
      if (group[0]?.index === 2n) throw new Error('no signer');
      return [batchOf(group)];
    });
    await batches.next();
    batches.prepare();
    // An unhandled rejection would end the test run.
    await setImmediate();
    await expect(batches.next()).rejects.toThrow('no signer');
  });

  it('RotationBatches aborts what is being made ahead when it is disposed, and gives none of it out', async () => {
    let signal: AbortSignal | undefined;
    const { batches } = recordingBatches(async (group, given) => {
      signal = given;
      return [batchOf(group)];
    });
    await batches.next();
    batches.prepare();
    expect(signal?.aborted).toBe(false);
    batches[Symbol.dispose]();
    expect(signal?.aborted).toBe(true);
  });
});
