import type { Database } from '../../../db/database.ts';
import { SECRET_KEY_LENGTH } from '../../../lib/lengths.ts';
import { openKeys } from '../../../services/remote-db/open-keys.ts';
import { unlockVault, type VaultRef } from '../../../services/remote-db/unlock-vault.ts';
import { readVisibleRows } from '../../../services/remote-db/visible-rows.ts';
import { createWorkerPool } from '../../../workers/pool.ts';
import type { KeySource } from '../key-ring.ts';

/** An open remote database, closed after use. */
export interface OpenVault extends AsyncDisposable {
  readonly database: Database;
  readonly ref: VaultRef;
}

/** Keys and shares of a vault in the remote database: every row opened, derived and compared, the whole against its manifest. */
export function remoteDbSource(options: {
  readonly vault: string;
  readonly open: () => Promise<OpenVault>;
  /** The user's base64 text. */
  readonly readEncryptKey: () => Promise<string>;
  readonly poolSize?: number | undefined;
}): KeySource {
  return {
    description: `remote db of ${options.vault}`,
    load: async () => {
      await using remote = await options.open();
      using unlocked = await unlockVault(remote.database, remote.ref, await options.readEncryptKey());
      await using pool = createWorkerPool({ size: options.poolSize });
      const rows = await readVisibleRows(remote.database, unlocked.vault.vaultId);
      using opened = await openKeys(pool, unlocked, rows);
      const secretKeys = new Uint8Array(SECRET_KEY_LENGTH * rows.length);
      for (const [index, { secretKey }] of opened.keys.entries())
        secretKeys.set(secretKey, SECRET_KEY_LENGTH * index);
      return { publicKeys: opened.keys.map(key => Uint8Array.from(key.publicKey)), secretKeys };
    },
  };
}
