import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManifestEntry } from '../../../../src/domain/fleet/key-facts.ts';
import { computeManifestMac, verifyManifestMac } from '../../../../src/domain/keys/manifest.ts';
import { compareBytes } from '../../../../src/lib/bytes.ts';

const encryptionKey = new Uint8Array(32).fill(9);
const vault = { chainId: 560048, vault: new Uint8Array(20).fill(1) };
const head = { counter: 3n, depositDataRoot: new Uint8Array(32).fill(2) };

function entriesOf(count: number): ManifestEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const publicKey = new Uint8Array(48);
    new DataView(publicKey.buffer).setUint32(0, i * 3);
    return { publicKey, dataKeyId: 1, nonce: new Uint8Array(12).fill(i & 0xff) };
  });
}

describe('manifest', () => {
  // 256 entries make one block of the implementation.
  it.each([0, 1, 255, 256, 257, 1000])(
    'computeManifestMac gives %i entries one MAC, however they are handed over',
    count => {
      const entries = entriesOf(count);
      const mac = computeManifestMac(encryptionKey, vault, { ...head, entries });
      expect(mac).toHaveLength(32);
      expect(verifyManifestMac(encryptionKey, vault, { ...head, entries: entries.values() }, mac)).toBe(true);
    },
  );

  it('verifyManifestMac notices a row that is missing, added, changed or exchanged', () => {
    const entries = entriesOf(300);
    const mac = computeManifestMac(encryptionKey, vault, { ...head, entries });
    const holds = (changed: ManifestEntry[]) =>
      verifyManifestMac(encryptionKey, vault, { ...head, entries: changed }, mac);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 299 }), fc.integer({ min: 0, max: 95 }), (place, bit) => {
        const entry = entries[place] ?? expect.fail();
        expect(holds(entries.toSpliced(place, 1))).toBe(false);
        expect(
          holds(
            [...entries.toSpliced(place, 1), { ...entry, publicKey: flipped(entry.publicKey, 383) }].sort(
              byKey,
            ),
          ),
        ).toBe(false);
        expect(holds([...entries, { ...entry, publicKey: flipped(entry.publicKey, 383) }].sort(byKey))).toBe(
          false,
        );
        expect(holds(entries.with(place, { ...entry, nonce: flipped(entry.nonce, bit) }))).toBe(false);
        expect(holds(entries.with(place, { ...entry, dataKeyId: 2 }))).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('verifyManifestMac notices another key, vault, chain, counter or deposit data root', () => {
    const entries = entriesOf(3);
    const mac = computeManifestMac(encryptionKey, vault, { ...head, entries });
    const full = { ...head, entries };
    expect(verifyManifestMac(new Uint8Array(32), vault, full, mac)).toBe(false);
    expect(verifyManifestMac(encryptionKey, { ...vault, chainId: 1 }, full, mac)).toBe(false);
    expect(verifyManifestMac(encryptionKey, { ...vault, vault: new Uint8Array(20) }, full, mac)).toBe(false);
    expect(verifyManifestMac(encryptionKey, vault, { ...full, counter: 2n }, mac)).toBe(false);
    expect(verifyManifestMac(encryptionKey, vault, { ...full, depositDataRoot: null }, mac)).toBe(false);
    expect(verifyManifestMac(encryptionKey, vault, full, mac.subarray(1))).toBe(false);
  });

  it('computeManifestMac refuses entries out of order or twice', () => {
    const entries = entriesOf(3);
    expect(() =>
      computeManifestMac(encryptionKey, vault, { ...head, entries: entries.toReversed() }),
    ).toThrow(RangeError);
    expect(() =>
      computeManifestMac(encryptionKey, vault, { ...head, entries: [...entries, ...entries.slice(2)] }),
    ).toThrow(RangeError);
  });
});

function byKey(a: ManifestEntry, b: ManifestEntry): number {
  return compareBytes(a.publicKey, b.publicKey);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
