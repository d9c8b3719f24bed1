import type { DepositList } from '../../domain/consensus/deposit-list.ts';
import { equalBytes, toHex } from '../../lib/bytes.ts';
import { DifferencesError, ExternalError, messageOf } from '../../lib/errors.ts';
import type { KeySource } from './key-source.ts';
import type { UploadedState } from './uploaded-state.ts';

/** What is asked of the chain about a vault that takes its validators in the order of its deposit data. */
export interface NextEntryDeps {
  /** Root (32 bytes) and number of the next entry that the contract has; null for a vault that takes validators in any order. */
  readonly fetchDepositDataPlace: () => Promise<{
    readonly root: Uint8Array;
    readonly index: number;
  } | null>;
  /** Whether a validator with this public key is registered. */
  readonly isRegistered: (publicKey: Uint8Array) => Promise<boolean>;
  readonly warn: (line: string) => void;
}

/**
 * Looks at the entry that the vault takes next: one that is registered blocks all behind it. It is the contract's next one when
 * the contract has this very deposit data, else the first one: contracts begin again at each new root.
 * @param upload.isChange - whether the upload adds keys or other deposit data; if not, there is a warning only
 * @param upload.isAllowed - whether the user has said that it may be so
 * @throws DifferencesError 'deposit-data-next-registered'
 */
export async function assertNextIsFree(
  { fetchDepositDataPlace, isRegistered, warn }: NextEntryDeps,
  upload: {
    readonly depositData: DepositList;
    readonly root: Uint8Array;
    readonly isChange: boolean;
    readonly isAllowed: boolean;
  },
): Promise<void> {
  const { depositData, root, isChange, isAllowed } = upload;
  const place = await fetchDepositDataPlace();
  if (place === null) return;
  const next = equalBytes(place.root, root) ? place.index : 0;
  if (next >= depositData.length) return;
  const publicKey = depositData.publicKeys.at(next);
  const mayRefuse = isChange && !isAllowed;
  try {
    if (!(await isRegistered(publicKey))) return;
  } catch (error) {
    // A node that has not kept old logs must not stop new shares, which are needed now.
    if (mayRefuse || !(error instanceof ExternalError)) throw error;
    warn(
      `Whether the next entry of ${depositData.path} is registered could not be found out: ${messageOf(error)}`,
    );
    return;
  }
  const what = `The vault would register no validator by ${depositData.path}: it takes entries in their order, and the next one, entry ${next}, ${toHex(publicKey)}, is registered already.`;
  const remedy = 'Run "operator deposit-data", set the root that it prints, then upload what it has written.';
  if (!mayRefuse) {
    warn(`${what} ${remedy}`);
    return;
  }
  throw new DifferencesError('deposit-data-next-registered', `${what} Nothing was changed.`, {
    hint: `${remedy} To upload this deposit data all the same, repeat with --allow-registered.`,
  });
}

/** Whether readers will see other keys or other deposit data, and not only other shares. */
export function changesVault(
  { vault, visible }: Pick<UploadedState, 'vault' | 'visible'>,
  { root, keys }: { readonly root: Uint8Array; readonly keys: KeySource },
): boolean {
  const { depositDataRoot } = vault;
  if (depositDataRoot === null || !equalBytes(depositDataRoot, root)) return true;
  const { publicKeys, length } = keys;
  for (let place = 0; place < length; place++) if (!visible.has(publicKeys.at(place))) return true;
  return false;
}
