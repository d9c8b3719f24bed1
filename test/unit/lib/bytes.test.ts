import { describe, expect, it } from 'vitest';
import { concatBytes, wipe } from '../../../src/lib/bytes.ts';

/** More keys than a call can take arguments: a stack overflows at about 125,000. */
const MANY = 300_000;

describe('concatBytes', () => {
  it('concatBytes puts byte strings one after another in an array of their own', () => {
    const parts = [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)];
    const joined = concatBytes(parts);
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    expect(joined.buffer.byteLength).toBe(3);
    expect(concatBytes([])).toEqual(new Uint8Array());
  });

  it('concatBytes takes 300,000 keys', () => {
    const joined = concatBytes(Array.from({ length: MANY }, (_, i) => Uint8Array.of(i)));
    expect(joined).toHaveLength(MANY);
    expect(joined.at(-1)).toBe((MANY - 1) & 255);
  });
});

describe('wipe', () => {
  it('wipe overwrites one secret, or every one of a list, an iterator or a sparse array', () => {
    const secrets = Array.from({ length: 5 }, () => new Uint8Array(32).fill(7));
    const [one, two, three, four, five] = secrets;
    if (!one || !two || !three || !four || !five) return expect.fail();
    wipe(one);
    wipe([two, undefined]);
    wipe(new Map([['key', three]]).values());
    const sparse: Uint8Array[] = [];
    sparse[3] = four;
    wipe(sparse);
    expect(secrets.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => new Uint8Array(32)));
    expect(five).toEqual(new Uint8Array(32).fill(7));
  });

  it('wipe overwrites a view only, not what lies beside it', () => {
    const flat = new Uint8Array(4).fill(7);
    wipe(flat.subarray(1, 3));
    expect(flat).toEqual(Uint8Array.of(7, 0, 0, 7));
  });

  it('wipe takes 300,000 keys', () => {
    const flat = new Uint8Array(MANY).fill(7);
    wipe(Array.from({ length: MANY }, (_, i) => flat.subarray(i, i + 1)));
    expect(flat.some(byte => byte !== 0)).toBe(false);
  });
});
