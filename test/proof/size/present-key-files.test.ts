import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { HeldDirectory } from '../../../src/lib/held-directory.ts';
import { listPresentFiles } from '../../../src/services/fleet/key-files/present-key-files.ts';
import { it } from '../../support/fixtures.ts';

describe('listPresentFiles', () => {
  it('listPresentFiles with adopt leaves a file with 300,000 keys of somebody else alone', async ({
    directory: path,
  }) => {
    const document = `keyType: BLS\nprivateKey: '0x${'ff'.repeat(32)}'\ntype: file-raw\n`;
    writeFileSync(join(path, 'key_0.yaml'), Array.from({ length: 300_000 }, () => document).join('---\n'), {
      mode: 0o600,
    });
    await using directory = await HeldDirectory.open(path, { followLink: false });
    const present = await listPresentFiles({
      directory,
      network: 'holesky',
      vault: '0x1234567890AbcdEF1234567890aBcdef12345678',
      adopt: true,
      keys: [],
      wanted: new Map(),
    });
    expect(present).toEqual([
      { name: 'key_0.yaml', isOurs: false, isRecorded: false, isWanted: false, secretKeys: [] },
    ]);
  });
});
