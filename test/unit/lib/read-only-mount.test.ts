import { describe, expect, it } from 'vitest';
import { isOnReadOnlyMount, mountOptions } from '../../../src/lib/read-only-mount.ts';

const TABLE = `22 1 0:21 / / rw,relatime - overlay overlay rw
30 22 0:30 / /data rw,nosuid - ext4 /dev/vda rw
31 30 0:31 / /data/my\\040wallet ro,relatime - tmpfs tmpfs rw,size=4k
32 30 0:32 / /data/over rw - tmpfs tmpfs rw
33 32 0:33 / /data/over ro - tmpfs tmpfs rw
`;

describe('the mount that a file lies on', () => {
  it.each([
    ['/etc/passwd', 'rw'],
    ['/data/wallet.json', 'rw'],
    ['/data/my wallet/wallet.json', 'ro'],
    ['/data/my wallet', 'ro'],
    // A name that only begins alike.
    ['/data/my wallets', 'rw'],
    ['/data/over/file', 'ro'],
  ])('the options of the mount of %s begin with %s', (path, option) => {
    expect(mountOptions(TABLE, path)[0]).toBe(option);
  });

  it('a file of this test lies on a mount that can be written to, and a missing one on none', async () => {
    expect(await isOnReadOnlyMount(import.meta.filename)).toBe(false);
    expect(await isOnReadOnlyMount('/no/such/file')).toBe(false);
  });
});
