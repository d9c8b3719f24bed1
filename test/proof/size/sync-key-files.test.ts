import { describe, expect, it } from 'vitest';
import { KeyDirectory } from '../../support/scenes/key-directory.ts';

describe('a vault with 300,000 keys and shares', () => {
  it('syncKeyFiles writes, compares and counts 300,000 keys', async () => {
    using directory = new KeyDirectory();
    // No keys of the curve, which nothing looks at here: files are compared by what they hold.
    const many = Array.from({ length: 300_000 }, (_, index) => {
      const secretKey = new Uint8Array(32).fill(1);
      new DataView(secretKey.buffer).setUint32(4, index);
      const publicKey = new Uint8Array(48).fill(index & 255);
      new DataView(publicKey.buffer).setUint32(4, index);
      return { secretKey, publicKey };
    });
    expect(await directory.sync(many)).toMatchObject({ keyCount: 300_000, removedKeys: 0, isChanged: true });
    expect(await directory.sync(many)).toMatchObject({ keyCount: 300_000, isChanged: false });
    const fewer = many.filter((_, index) => index % 100 !== 0);
    expect(await directory.sync(fewer, { removals: 'allow' })).toMatchObject({
      keyCount: 297_000,
      removedKeys: 3_000,
    });
  });
});
