import { describe, expect, it } from 'vitest';
import { type Hex, toHex } from '../../../../src/lib/bytes.ts';
import { countUnusedKeys } from '../../../../src/operator/tasks/count-unused-keys-task.ts';
import { readSamples, testMetrics } from '../../../support/operator-metrics.ts';

const keyOf = (i: number) => new Uint8Array(48).fill(i);
const NAMES = ['signer_reachable', 'signer_keys', 'configured_validators', 'unsignable_validators'];

/** The task over deposit data of so many validators, with what the signer has loaded. */
function openTask(validators: number, configured: readonly number[] | undefined, isRemoteSigner = true) {
  const metrics = testMetrics();
  const signer: { loaded: ReadonlySet<Hex> | undefined } = { loaded: new Set() };
  const registered = new Set<Hex>();
  const keys = Array.from({ length: validators }, (_, i) => keyOf(i + 1));
  const entries = keys.map(publicKey => ({ publicKey }));
  const config = configured && {
    oracleSet: undefined,
    validators: configured.map(i => ({ publicKey: keyOf(i), shares: [] })),
  };
  const task = countUnusedKeys(
    {
      metrics,
      outlook: { keysCounted: () => undefined },
      networkValidators: { findRegistered: async () => registered },
      signer: {
        listPublicKeys: async () => {
          if (signer.loaded === undefined) throw new Error('the signer is down');
          return signer.loaded;
        },
      },
      sources: {
        depositData: { name: 'deposit data', read: async () => entries },
        remoteSigner: { name: 'configuration', read: async () => config },
      } as never,
    },
    { network: { secondsPerSlot: 12, slotsPerEpoch: 32 }, isRemoteSigner },
  );
  return {
    signer,
    registered,
    pass: () => task.run(new AbortController().signal),
    figures: async () => {
      const samples = await readSamples(metrics);
      return NAMES.map(name => samples.get(name));
    },
    unused: async () => (await readSamples(metrics)).get('unused_validator_keys'),
  };
}

describe('countUnusedKeys', () => {
  it('countUnusedKeys shows which of the configured validators the signer cannot sign for', async () => {
    const task = openTask(3, [1, 2, 3, 4]);
    task.signer.loaded = new Set([toHex(keyOf(1)), toHex(keyOf(2)), toHex(keyOf(9))]);
    task.registered.add(toHex(keyOf(1)));
    await task.pass();
    expect(await task.figures()).toEqual([1, 3, 4, 2]);
    expect(await task.unused()).toBe(1);
  });

  it('countUnusedKeys does not ask keystores of this machine for what the configuration of a remote signer names', async () => {
    const task = openTask(2, [1, 2, 3, 4], false);
    task.signer.loaded = new Set([1, 2].map(i => toHex(keyOf(i))));
    await task.pass();
    expect(await task.figures()).toEqual([1, 2, 2, 0]);
  });

  it('countUnusedKeys compares with the deposit data where nobody has written a configuration', async () => {
    const task = openTask(3, undefined);
    task.signer.loaded = new Set([1, 2, 3].map(i => toHex(keyOf(i))));
    await task.pass();
    expect(await task.figures()).toEqual([1, 3, 3, 0]);
  });

  it('countUnusedKeys shows that the signer does not answer, and its keys as they were', async () => {
    const task = openTask(1, undefined);
    task.signer.loaded = new Set([toHex(keyOf(1))]);
    await task.pass();
    task.signer.loaded = undefined;
    await expect(task.pass()).rejects.toThrow('the signer is down');
    expect(await task.figures()).toEqual([0, 1, 1, 0]);
  });
});
