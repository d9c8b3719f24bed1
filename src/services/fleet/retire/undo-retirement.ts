import { type Database, inSnapshot } from '../../../db/database.ts';
import { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { unlockVault, type VaultRef } from '../../remote-db/unlock-vault.ts';
import { readSignedRetirement, storeRetirement } from './signed-retirement.ts';

export interface UndoneRetirement {
  /** How many keys come back. */
  readonly keys: number;
  /** Whether there is anything to be stored: rows that nobody has signed are removed, too. */
  readonly isChange: boolean;
  /** Stores and signs that no key is retired. @throws OperatorError 'vault-changed' */
  readonly store: () => Promise<void>;
}

/**
 * Brings all retired keys back: their rows have stayed sealed in the database, and their clients in the plan. Stores nothing yet.
 * @throws OperatorError of {@link unlockVault} and {@link readSignedRetirement}
 */
export async function planUndo(
  database: Database,
  { ref, encryptKey }: { readonly ref: VaultRef; readonly encryptKey: string },
): Promise<UndoneRetirement> {
  using unlocked = await unlockVault(database, ref, encryptKey);
  const state = await inSnapshot(database, session => readSignedRetirement(session, unlocked, ref));
  const keys = state.retired.length;
  return {
    keys,
    isChange: keys > 0 || state.unsigned > 0,
    store: () =>
      storeRetirement(database, ref, state, {
        after: RetiredKeys.NONE,
        command: 'remote-db prune --undo',
        counts: { keys },
      }),
  };
}
