import { existsSync } from 'node:fs';
import type { DepositDataEntry } from '../../../domain/consensus/deposit-data.ts';
import { createDepositData } from '../../../domain/keys/signed-deposit.ts';
import { fromHex, wipe } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH, PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import { readKeystoreFile } from '../../local-keys/keystore-file.ts';
import {
  findKeystores,
  type KeystoreLocation,
  listKeystorePaths,
  type ReadKeystore,
  readKeystores,
} from '../../local-keys/read-keystores.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';

/**
 * The public keys of the keystores of a directory; none where there is no directory. No password is needed for them, unless a
 * keystore does not name its key.
 * @throws OperatorError as `readKeystores` does
 */
export async function listKeystoreKeys(
  location: KeystoreLocation,
  warn: (line: string) => void,
): Promise<RecordTable> {
  const keys = new RecordTable(PUBLIC_KEY_LENGTH);
  if (!existsSync(location.keystoresDir)) return keys;
  for (const path of await listKeystorePaths(location.keystoresDir)) {
    const keystore = readKeystoreFile(path);
    if (keystore === undefined) continue;
    if (keystore.pubkey === undefined) return await openKeystoreKeys(location, warn);
    keys.add(fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
  }
  return keys;
}

async function openKeystoreKeys(
  location: KeystoreLocation,
  warn: (line: string) => void,
): Promise<RecordTable> {
  const keystores = await findKeystores(location, warn);
  const publicKeys = keystores.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
  return RecordTable.from(publicKeys, PUBLIC_KEY_LENGTH);
}

/** The order of the keys in the mnemonic, where the keystores name it; else that of the files. */
const byDerivation = new Intl.Collator('en', { numeric: true });

/**
 * Signs the deposits of keys of keystores.
 * @param options.publicKeys - which keys, all of them of keystores
 * @returns their entries in the order in which `create-keys` made them
 * @throws OperatorError 'password-missing', 'keystore-wrong-password' and such
 */
export async function signKeystoreDeposits(
  deps: {
    readonly pool: WorkerPool;
    readonly progress: ProgressReporter;
    readonly warn: (line: string) => void;
  },
  options: {
    readonly ref: VaultRef;
    readonly keystores: KeystoreLocation;
    readonly publicKeys: RecordTable;
  },
): Promise<readonly DepositDataEntry[]> {
  const { ref, publicKeys } = options;
  if (publicKeys.length === 0) return [];
  const isAsked = ({ keystore }: ReadKeystore) => publicKeys.has(fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
  const files = (await readKeystores(options.keystores, deps.warn))
    .filter(isAsked)
    .sort(
      (a, b) =>
        byDerivation.compare(a.keystore.path, b.keystore.path) || byDerivation.compare(a.path, b.path),
    );
  const bar = deps.progress.start('Signing deposits of keystores', files.length, { lanes: deps.pool.size });
  const secretKeys = await deps.pool.decryptKeystores(
    files.map(({ path, keystore, password }) => ({ name: path, text: JSON.stringify(keystore), password })),
    () => bar.advance(),
  );
  bar.finish();
  const vault = fromHex(ref.address, ADDRESS_LENGTH);
  try {
    return secretKeys.map(secretKey => createDepositData({ secretKey, vault, network: ref.network }));
  } finally {
    wipe(secretKeys);
  }
}
