import type { Database } from '../../db/database.ts';
import { openKeys } from '../../services/open-keys.ts';
import { unlockVault, type VaultRef } from '../../services/unlock-vault.ts';
import { createWorkerPool } from '../../workers/pool.ts';
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
      using opened = await openKeys({ database: remote.database, pool }, unlocked);
      const publicKeys = opened.facts.map(({ publicKey }) => publicKey);
      return { publicKeys, secretKeys: Uint8Array.from(opened.secretKeys) };
    },
  };
}
