import { previewUpload } from '../../db/activate-upload.ts';
import type { Database } from '../../db/database.ts';
import { countVisibleKeys, type NewKeypair } from '../../db/keypairs.ts';
import { listOracleSets } from '../../db/oracle-sets.ts';
import { SEALED_RECORD_LENGTH } from '../../db/sealed-record.ts';
import { equalBytes, fromHex, type Hex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { nameList } from '../../lib/name-list.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { StoreTarget } from './batch-writer.ts';
import { BrokenKeyFinder } from './find-broken-keys.ts';
import type { KeySource } from './key-source.ts';
import { digestRows } from './known-rows.ts';
import type { UploadPlan } from './plan-upload.ts';
import { sealKeys } from './store-keypairs.ts';
import { readValidatorRows } from './validator-rows.ts';

export interface ProveUploadDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
}

export interface UploadToProve {
  readonly plan: UploadPlan;
  readonly keys: KeySource;
  /** Keys of the upload whose stored row is known not to open. */
  readonly unopened: ReadonlySet<Hex>;
  /** SHA-256 over all rows that readers see, when every one of them is proven already. */
  readonly visibleDigest: Uint8Array | undefined;
}

export interface ProvenUpload {
  /** What takes the place of rows that are not what was written. */
  readonly replacements: readonly NewKeypair[];
  /** SHA-256 over all rows that readers will see, every one of which is proven. */
  readonly rowsDigest: Uint8Array;
}

/**
 * Proves all that an upload is about to seal: every row that readers will see, whoever wrote it and when. Rows that are byte
 * for byte what this run has sealed, or what the last upload has proven, are; every other one is opened. Of a validator of
 * this upload whose rows do not open, or do not fit together, all are made anew from its key, to be stored by the
 * transaction that seals them.
 * @throws OperatorError 'rows-not-as-written' naming the keys that have no keystore here; 'vault-changed'
 */
export async function proveUpload(
  deps: ProveUploadDeps,
  target: StoreTarget,
  { plan, keys, unopened, visibleDigest }: UploadToProve,
): Promise<ProvenUpload> {
  // Nothing is to be changed, and all of it is proven: the transaction that seals it compares the rows with the digest.
  if (visibleDigest !== undefined && plan.isVisible && unopened.size === 0) {
    return { replacements: [], rowsDigest: visibleDigest };
  }
  const replacements: NewKeypair[] = [];
  const replaced = new Set<Hex>();
  let broken: readonly Hex[] = [...unopened];
  for (;;) {
    const places = broken.map(publicKey =>
      replaced.has(publicKey) ? undefined : keys.publicKeys.placeOf(fromHex(publicKey, PUBLIC_KEY_LENGTH)),
    );
    const missing = broken.filter((_, i) => places[i] === undefined);
    if (missing.length > 0) throw notAsWritten(missing);
    const found = places.filter(place => place !== undefined);
    for (const keypair of await sealAnew(deps, target, keys, found)) replacements.push(keypair);
    for (const publicKey of broken) replaced.add(publicKey);
    const preview = await readPreview(deps, target, plan, replacements);
    broken = preview.broken;
    if (broken.length === 0) return { replacements, rowsDigest: preview.digest };
  }
}

/**
 * Insists that rows which do not open can be made anew.
 * @throws OperatorError 'rows-not-as-written' naming the keys that have no keystore here
 */
export function assertReplaceable(unopened: ReadonlySet<Hex>, { publicKeys }: KeySource): void {
  const missing = [...unopened].filter(key => !publicKeys.has(fromHex(key, PUBLIC_KEY_LENGTH)));
  if (missing.length > 0) throw notAsWritten(missing);
}

async function sealAnew(
  { pool, progress }: ProveUploadDeps,
  target: StoreTarget,
  keys: KeySource,
  places: readonly number[],
): Promise<NewKeypair[]> {
  if (places.length === 0) return [];
  const bar = progress.start('Encrypting keypairs', places.length, { lanes: pool.size });
  const sealed = await sealKeys(pool, target, keys.jobsOf(places), bar);
  bar.finish();
  return sealed;
}

/** What readers would see, opened where it is not known. */
function readPreview(
  { database, pool, progress }: ProveUploadDeps,
  { unlocked, oracleSet, known }: StoreTarget,
  { publicKeys, activeAfterwards }: UploadPlan,
  replacements: readonly NewKeypair[],
): Promise<{ readonly broken: readonly Hex[]; readonly digest: Uint8Array }> {
  const { vaultId } = unlocked.vault;
  return previewUpload(database, { vaultId, publicKeys, oracleSet, replacements }, async preview => {
    const finder = new BrokenKeyFinder(pool, unlocked, [
      oracleSet,
      ...(await listOracleSets(preview, vaultId)),
    ]);
    const bar = progress.start('Checking keypairs', await countVisibleKeys(preview, vaultId));
    const rows = await readValidatorRows(preview, vaultId, validator => {
      bar.advance(validator.records.length / SEALED_RECORD_LENGTH);
      if (known.has(validator.publicKey, digestRows(validator.records))) return undefined;
      return finder.add(validator);
    });
    requireSameValidators(rows.validators, activeAfterwards.flat());
    const broken = await finder.end();
    bar.finish();
    return { broken, digest: rows.digest };
  });
}

/** @param seen - sorted, as `expected` is */
function requireSameValidators(seen: Uint8Array, expected: Uint8Array): void {
  if (equalBytes(seen, expected)) return;
  throw new OperatorError(
    'vault-changed',
    `Readers would see ${seen.length / PUBLIC_KEY_LENGTH} validators after this upload, expected ${expected.length / PUBLIC_KEY_LENGTH}; nothing was activated.`,
    { hint: 'Run upload-keypairs again, and find out who else writes to the database.' },
  );
}

function notAsWritten(publicKeys: readonly Hex[]): OperatorError {
  const named = nameList(publicKeys.toSorted());
  return new OperatorError(
    'rows-not-as-written',
    `The encrypted rows of ${publicKeys.length} validators in the remote db are not what was written, and their keystores are not here: ${named}. Nothing was activated.`,
    {
      hint: 'Run upload-keypairs with the keystores of these validators as well ("create-keys" or "recover" makes them from the mnemonic), or restore the database from a backup.',
    },
  );
}
