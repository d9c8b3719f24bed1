import { describe, expect, it } from 'vitest';
import type { BeaconValidator } from '../../../../src/clients/beacon/beacon-node.ts';
import { type Hex, toHex } from '../../../../src/lib/bytes.ts';
import { ExternalError } from '../../../../src/lib/errors.ts';
import { tellValidators } from '../../../../src/operator/startup/tell-validators.ts';

const STATUSES = ['active_ongoing', 'active_exiting', 'pending_queued', 'exited_unslashed'] as const;

function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(48);
  new DataView(key.buffer).setUint32(44, number);
  return key;
}

/** A beacon node that knows every other key, in all statuses in turn, and takes some time for each page. */
function openScene({ pageMs = 0, fails = false } = {}) {
  const lines: string[] = [];
  const pages: number[] = [];
  let nowMs = 0;
  const note = (line: unknown) => lines.push(String(line));
  const deps = {
    log: { info: note, debug: (line: unknown) => note(`debug: ${line}`) },
    now: () => nowMs,
    beacon: {
      async fetchValidators(publicKeys: readonly Uint8Array[]): Promise<ReadonlyMap<Hex, BeaconValidator>> {
        nowMs += pageMs;
        pages.push(publicKeys.length);
        if (fails) throw new ExternalError('unreachable', 'It refuses connections.', { retryable: true });
        const numbered = publicKeys.map(key => [key, new DataView(key.buffer).getUint32(44)] as const);
        return new Map(
          numbered
            .filter(([, number]) => number % 2 === 0)
            .map(([publicKey, number]) => [
              toHex(publicKey),
              {
                publicKey,
                index: BigInt(number),
                status: STATUSES[(number / 2) % STATUSES.length] ?? 'active_ongoing',
                withdrawalCredentials: new Uint8Array(32),
                activationEpoch: 0n,
                exitEpoch: 0n,
              },
            ]),
        );
      },
    },
  };
  const tell = (count: number) =>
    tellValidators(
      deps,
      Array.from({ length: count }, (_, i) => keyOf(i)),
    );
  return { tell, lines, pages };
}

describe('tellValidators', () => {
  it('validators of all statuses are counted, and those that attest as active', async () => {
    const { tell, lines } = openScene();
    await tell(16);
    expect(lines).toEqual(['Validators of 16 keys on the beacon chain: 8, of them active: 4']);
  });

  it('a fleet is asked for page by page, and all of it is counted', async () => {
    const { tell, lines, pages } = openScene({ pageMs: 1_000 });
    await tell(2_400);
    expect(pages).toEqual([1_000, 1_000, 400]);
    expect(lines).toEqual(['Validators of 2400 keys on the beacon chain: 1200, of them active: 600']);
  });

  it('a node that is slow is asked no longer than some seconds, and the line says how many were looked at', async () => {
    const { tell, lines, pages } = openScene({ pageMs: 2_500 });
    await tell(9_000);
    expect(pages).toEqual([1_000, 1_000]);
    expect(lines).toEqual([
      'Validators of the first 2000 of 9000 keys on the beacon chain: 1000, of them active: 500',
    ]);
  });

  it('a node that does not answer stops nothing', async () => {
    const { tell, lines } = openScene({ fails: true });
    await tell(3);
    expect(lines).toEqual([
      'debug: The consensus node does not tell which validators are active: It refuses connections.',
    ]);
  });
});
