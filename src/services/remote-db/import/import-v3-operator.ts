import type { Database } from '../../../db/database.ts';
import { listValidatorPublicKeys } from '../../../db/keypairs.ts';
import type { V3Counts } from '../../../db/v3-operator-tables.ts';
import type { DepositList } from '../../../domain/consensus/deposit-list.ts';
import { parseV3EncryptionKey } from '../../../domain/keys/v3-cipher.ts';
import { type Hex, toHex, wipe } from '../../../lib/bytes.ts';
import { DifferencesError, OperatorError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { countOf } from '../../../lib/plural.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { assertKeysAtHand, startDepositCheck } from '../check-deposit-data.ts';
import { unlockVault } from '../unlock-vault.ts';
import {
  type UploadDeps,
  type UploadOptions,
  type UploadResult,
  uploadKeypairs,
} from '../upload-keypairs.ts';
import { readV3Database, type V3Database } from './read-v3-database.ts';
import { findForeignV3Keys, recordsAt, v3KeySource } from './v3-key-source.ts';

export interface ImportDeps extends UploadDeps {
  /** The Python operator's. */
  readonly source: Database;
}

export interface ImportOptions
  extends Pick<UploadOptions, 'ref' | 'encryptKey' | 'allowRegistered' | 'lockTimeoutMs'> {
  /** The encryption key of the Python operator, in base64. */
  readonly sourceKey: string;
  /** Schema of its tables; undefined for the only one that has them. */
  readonly sourceSchema: string | undefined;
  /** Deposit data to use in place of what that database has. */
  readonly depositData: DepositList | undefined;
  /** The user has said that rows which name no vault are this vault's. */
  readonly takesRowsWithoutVault: boolean;
  /** Imports the others when some keys are not what their public keys say. */
  readonly skipsBroken: boolean;
  /** Looks at everything and stores nothing. */
  readonly isDryRun: boolean;
}

/** What has been found of one key of the Python operator. */
interface ImportedKey {
  readonly publicKey: Hex;
  /** Whether readers see it here already, it is to be stored, or it is not what its public key says. */
  readonly state: 'stored' | 'new' | 'broken';
}

export interface ImportReport {
  readonly keys: readonly ImportedKey[];
  /** Public keys, as they stand there, of rows that hold no key: of another length, or no hex. */
  readonly malformed: readonly string[];
  readonly counts: V3Counts;
  readonly depositDataEntries: number;
  /** What was uploaded; undefined in a dry run. */
  readonly upload: UploadResult | undefined;
}

/**
 * Puts the keys of a vault in the Python operator's database into this one, as `upload-keypairs` does with keystores: every key
 * is decrypted, derived and compared before anything is written, the shares are made anew, and all of it becomes visible in
 * one transaction. The old database is read only.
 * @throws OperatorError those of {@link uploadKeypairs} and of reading that database; 'v3-key-malformed', 'v3-wrong-key',
 *   'v3-no-deposit-data'; DifferencesError 'v3-keys-broken'
 */
export async function importV3Operator(deps: ImportDeps, options: ImportOptions): Promise<ImportReport> {
  const { ref, encryptKey } = options;
  const cipherKey = parseV3EncryptionKey(options.sourceKey);
  try {
    // A wrong key of this database is told of before the other one is read.
    const { vaultId } = await (async () => {
      using unlocked = await unlockVault(deps.database, ref, encryptKey);
      return unlocked.vault;
    })();
    deps.say("Reading the Python operator's database...");
    const found = await readV3Database(deps.source, {
      ref,
      schema: options.sourceSchema,
      takesRowsWithoutVault: options.takesRowsWithoutVault,
      readsDepositData: options.depositData === undefined,
    });
    const depositData = options.depositData ?? found.depositData;
    if (depositData === undefined) throw noDepositData(ref.address);
    const { records, broken } = await checkKeys(deps, options, found, cipherKey);
    const stored = RecordTable.from(await listValidatorPublicKeys(deps.database, vaultId), PUBLIC_KEY_LENGTH);
    const keys = reportOf(found, { broken, stored });
    const keySource = v3KeySource({ cipherKey, records });
    const report = {
      keys,
      malformed: found.malformed,
      counts: found.counts,
      depositDataEntries: depositData.length,
    };
    if (options.isDryRun) {
      using check = startDepositCheck(deps.pool, ref, { list: depositData, provenRoot: undefined });
      await check.rootOf(null);
      const atHand = RecordTable.from([...keySource.publicKeys, ...stored], PUBLIC_KEY_LENGTH);
      // Without --skip-broken the report tells of broken keys, which the deposit data may name.
      if (options.skipsBroken || !isBroken(report)) assertKeysAtHand(depositData, atHand, keySource.noun);
      return { ...report, upload: undefined };
    }
    const upload = await uploadKeypairs(deps, {
      ref,
      encryptKey,
      depositData,
      command: 'remote-db import-v3-operator',
      pruneShares: false,
      allowRegistered: options.allowRegistered,
      lockTimeoutMs: options.lockTimeoutMs,
      findKeys: async () => keySource,
    });
    return { ...report, upload };
  } finally {
    wipe(cipherKey);
  }
}

/** @returns the records of the keys that are what they say, and the places of the others */
async function checkKeys(
  { pool, progress, warn }: ImportDeps,
  { skipsBroken, isDryRun }: ImportOptions,
  { publicKeys, records, malformed }: V3Database,
  cipherKey: Uint8Array,
): Promise<{ records: Uint8Array; broken: ReadonlySet<number> }> {
  const bar = progress.start('Checking keypairs', publicKeys.length, { lanes: pool.size });
  const foreign = await findForeignV3Keys(pool, { cipherKey, records }, count => bar.advance(count));
  bar.finish();
  if (publicKeys.length > 0 && foreign.length === publicKeys.length) throw wrongKey(publicKeys.length);
  const broken = new Set(foreign);
  if (foreign.length + malformed.length === 0) return { records, broken };
  const names = [...foreign.map(place => toHex(publicKeys.at(place))), ...malformed];
  if (!skipsBroken && !isDryRun) throw keysBroken(names, publicKeys.length + malformed.length);
  if (!isDryRun) warn(`Left out, since they are not what their public keys say: ${nameList(names)}.`);
  const places = Array.from({ length: publicKeys.length }, (_, place) => place);
  return {
    records: recordsAt(
      records,
      places.filter(place => !broken.has(place)),
    ),
    broken,
  };
}

/** Whether some of the rows are not the keys that they say. */
export function isBroken({ keys, malformed }: Pick<ImportReport, 'keys' | 'malformed'>): boolean {
  return malformed.length > 0 || keys.some(({ state }) => state === 'broken');
}

function reportOf(
  { publicKeys }: V3Database,
  { broken, stored }: { readonly broken: ReadonlySet<number>; readonly stored: RecordTable },
): ImportedKey[] {
  const stateOf = (place: number) => {
    if (broken.has(place)) return 'broken';
    return stored.has(publicKeys.at(place)) ? 'stored' : 'new';
  };
  return Array.from({ length: publicKeys.length }, (_, place) => ({
    publicKey: toHex(publicKeys.at(place)),
    state: stateOf(place),
  }));
}

function wrongKey(count: number): OperatorError {
  return new OperatorError(
    'v3-wrong-key',
    `The encryption key of --from-encrypt-key opens none of the ${countOf(count, 'key')} in the Python operator's database.`,
    { hint: 'Give the key that its "remote-db setup" has printed for these keys.' },
  );
}

function keysBroken(names: readonly string[], total: number): DifferencesError {
  return new DifferencesError(
    'v3-keys-broken',
    `${names.length} of ${total} keys in the Python operator's database are not what their public keys say: ${nameList(names)}. Nothing was changed.`,
    {
      hint: 'They were encrypted with another key, or changed. If you have their keystores, upload those of the whole vault with "remote-db upload-keypairs"; --skip-broken imports the others alone.',
    },
  );
}

function noDepositData(vault: string): OperatorError {
  return new OperatorError(
    'v3-no-deposit-data',
    `The Python operator's database has no deposit data of vault ${vault}: versions 4 and 5 store none.`,
    {
      hint: 'Name it with --deposit-data-file; "operator deposit-data" writes it from keystores.',
    },
  );
}
