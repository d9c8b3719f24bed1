import { previewUpload } from '../../db/activate-upload.ts';
import type { Database } from '../../db/database.ts';
import type { NewKeypair } from '../../db/keypairs.ts';
import { listOracleSets } from '../../db/oracle-sets.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { equalBytes, type Hex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { ReadKeystore } from '../local-keys/read-keystores.ts';
import { findBrokenKeys } from './find-broken-keys.ts';
import { sealKeystores } from './store-keypairs.ts';
import type { UnlockedVault } from './unlock-vault.ts';
import { readVisibleRowsIn, type VisibleRows } from './visible-rows.ts';

export interface ProveUploadDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
}

export interface UploadToProve {
  /** Public keys of the whole upload. */
  readonly publicKeys: readonly Uint8Array[];
  readonly keystores: readonly ReadKeystore[];
  readonly oracleSet: OracleSet;
  /** Keys of the upload whose stored row is known not to open. */
  readonly unopened: ReadonlySet<Hex>;
  /** Validators that readers are to see, in public-key order. */
  readonly activeAfterwards: readonly Uint8Array[];
}

export interface ProvenUpload {
  /** What takes the place of rows that are not what was written. */
  readonly replacements: readonly NewKeypair[];
  /** SHA-256 over all rows that readers will see, every one of which was opened. */
  readonly rowsDigest: Uint8Array;
}

/** How many keys an error names. */
const NAMED_KEYS = 20;

/**
 * Opens all that an upload is about to seal: every row that readers will see, whoever wrote it and when. Of a validator of
 * this upload whose rows do not open, or do not fit together, all are made anew from its keystore, to be stored by the
 * transaction that seals them.
 * @throws OperatorError 'rows-not-as-written' naming the keys that have no keystore here; 'vault-changed'
 */
export async function proveUpload(
  deps: ProveUploadDeps,
  unlocked: UnlockedVault,
  upload: UploadToProve,
): Promise<ProvenUpload> {
  const { publicKeys, oracleSet, activeAfterwards } = upload;
  const { vaultId } = unlocked.vault;
  const byKey = new Map<Hex, ReadKeystore>(
    upload.keystores.map(keystore => [`0x${keystore.keystore.pubkey.toLowerCase()}`, keystore]),
  );
  const replacements: NewKeypair[] = [];
  let broken: readonly Hex[] = [...upload.unopened];
  for (;;) {
    const keystores = broken.flatMap(publicKey => byKey.get(publicKey) ?? []);
    if (keystores.length < broken.length) throw notAsWritten(broken.filter(key => !byKey.has(key)));
    for (const keypair of await sealKeystores(deps, unlocked, oracleSet, keystores)) {
      replacements.push(keypair);
    }
    for (const publicKey of broken) byKey.delete(publicKey);
    const rows = await previewUpload(
      deps.database,
      { vaultId, publicKeys, oracleSet, replacements },
      preview => readVisibleRowsIn(preview, vaultId),
    );
    requireSameValidators(rows, activeAfterwards);
    const sets = [oracleSet, ...(await listOracleSets(deps.database, vaultId))];
    const bar = deps.progress.start('Checking keypairs', rows.length);
    broken = await findBrokenKeys(deps.pool, unlocked, rows, sets, bar);
    bar.finish();
    if (broken.length === 0) return { replacements, rowsDigest: rows.digest() };
  }
}

function requireSameValidators(rows: VisibleRows, expected: readonly Uint8Array[]): void {
  const seen: Uint8Array[] = [];
  for (let index = 0; index < rows.length; index++) {
    const [row] = rows.slice(index, index + 1);
    if (row?.kind === 'validator') seen.push(row.publicKey);
  }
  const isSame =
    seen.length === expected.length && seen.every((key, i) => equalBytes(key, expected[i] ?? key));
  if (isSame) return;
  throw new OperatorError(
    'vault-changed',
    `Readers would see ${seen.length} validators after this upload, expected ${expected.length}; nothing was activated.`,
    { hint: 'Run upload-keypairs again, and find out who else writes to the database.' },
  );
}

function notAsWritten(publicKeys: readonly Hex[]): OperatorError {
  const named = publicKeys.toSorted().slice(0, NAMED_KEYS).join(', ');
  const rest = publicKeys.length > NAMED_KEYS ? ` and ${publicKeys.length - NAMED_KEYS} more` : '';
  return new OperatorError(
    'rows-not-as-written',
    `The encrypted rows of ${publicKeys.length} validators in the remote db are not what was written, and their keystores are not here: ${named}${rest}. Nothing was activated.`,
    {
      hint: 'Run upload-keypairs with the keystores of these validators as well ("create-keys" or "recover" makes them from the mnemonic), or restore the database from a backup.',
    },
  );
}
