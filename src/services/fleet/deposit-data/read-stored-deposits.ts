import { type Database, inSnapshot } from '../../../db/database.ts';
import { parseDepositData } from '../../../domain/consensus/deposit-data.ts';
import { publicKeysIn } from '../../../domain/fleet/shared-keys.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { DepositDataFile } from '../../local-keys/deposit-data-file.ts';
import { requireVault, type VaultRef } from '../../remote-db/vault-ref.ts';
import { readOperatorConfig } from '../operator-files/read-operator-config.ts';

export interface StoredDeposits {
  /** The deposit data, under the name that messages call it by. */
  readonly file: DepositDataFile;
  /** All validators that the database has, also those that the deposit data does not name. */
  readonly publicKeys: RecordTable;
}

/**
 * A vault's deposit data and validators from the remote database. Needs no encryption key.
 * @param options.verifyingKey - the vault's public key: then only what it has signed is believed
 * @returns undefined before the first upload; never where signed facts are asked for
 * @throws OperatorError of `readOperatorConfig` and of a vault that is not set up
 */
export async function readStoredDeposits(
  database: Database,
  options: { readonly ref: VaultRef; readonly verifyingKey: Uint8Array | undefined },
): Promise<StoredDeposits | undefined> {
  const { ref, verifyingKey } = options;
  const found = await inSnapshot(database, async session => {
    const vault = await requireVault(session, ref);
    const isEmpty = vault.operatorDigest === null && verifyingKey === undefined;
    return isEmpty ? undefined : readOperatorConfig(session, vault, options);
  });
  if (found === undefined) return undefined;
  const { document, keys } = found;
  const path = `the remote db's rows of vault ${ref.address}`;
  const publicKeys = RecordTable.from(publicKeysIn(keys), PUBLIC_KEY_LENGTH);
  return { file: { path, entries: parseDepositData(Buffer.from(document).toString(), path) }, publicKeys };
}
