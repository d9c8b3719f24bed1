import { expect, it } from 'vitest';
import { toHex } from '../../../../src/lib/bytes.ts';
import { openKeys } from '../../../../src/services/remote-db/open-keys.ts';
import { unlockVault } from '../../../../src/services/remote-db/unlock-vault.ts';
import { readVisibleRows } from '../../../../src/services/remote-db/visible-rows.ts';
import { createWorkerPool } from '../../../../src/workers/pool.ts';
import { BOTH_DATABASES, openMigrated } from '../../../support/postgres/both-databases.ts';
import { storeRawVault } from '../../../support/scenes/raw-vault.ts';

it.for(BOTH_DATABASES)(
  'openKeys lets go of what is sealed, and keeps keys, kinds and digest: $kind',
  async ({ createUrl }) => {
    await using resources = new AsyncDisposableStack();
    const database = await openMigrated(resources, createUrl);
    const pool = resources.use(createWorkerPool({ size: 2 }));
    const vault = await storeRawVault(database, pool, { validators: 3, oracles: 3 });
    using unlocked = await unlockVault(database, vault.ref, vault.encryptKey);
    const stored = vault.keypairs.flatMap(({ publicKey, shares }) => [
      [toHex(publicKey), false],
      ...shares.map(share => [toHex(share.publicKey), true]),
    ]);
    stored.sort();
    const digest = (await readVisibleRows(database, vault.vaultId)).digest();
    const rows = await readVisibleRows(database, vault.vaultId);
    const kinds = () => Array.from(rows.publicKeys(), (key, i) => [toHex(key), rows.isShareAt(i)]);
    expect(kinds()).toEqual(stored);
    expect(rows.slice(0, rows.length)).toHaveLength(12);
    using opened = await openKeys(pool, unlocked, rows);
    expect(kinds()).toEqual(stored);
    expect(opened.keys.map(key => [toHex(key.publicKey), key.isShare])).toEqual(stored);
    expect(rows.digest()).toEqual(digest);
    expect(() => rows.slice(0, 1)).toThrow('was let go of');
    expect(() => rows.manifestEntries()).toThrow('was let go of');
  },
);
