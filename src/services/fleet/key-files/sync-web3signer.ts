import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import type { Database } from '../../../db/database.ts';
import { listSharePublicKeys } from '../../../db/key-shares.ts';
import { noKeypairs } from '../../../db/keypairs.ts';
import { listDisabledValidators } from '../../../db/slashing-protection.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { hasChanges } from '../../../lib/file-set.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import { openKeys } from '../../remote-db/open-keys.ts';
import { readOwnRetiredKeys } from '../../remote-db/retired/read-own-retired-keys.ts';
import { assertNotOlder, recordSeen, seenStatementPath } from '../../remote-db/statements/seen-statement.ts';
import { type ProvenStatement, requireStatement } from '../../remote-db/statements/signed-statement.ts';
import { type UnlockedVault, unlockVault, type VaultRef } from '../../remote-db/unlock-vault.ts';
import { readVisibleRows, type VisibleRows } from '../../remote-db/visible-rows.ts';
import { type ReloadedSigner, reloadSigners } from './reload-signers.ts';
import {
  type SyncKeyFilesOptions,
  type SyncKeyFilesResult,
  strayFiles,
  syncKeyFiles,
  warnOfDisk,
} from './sync-key-files.ts';
import { WantedRows } from './wanted-rows.ts';
import {
  applyUnchanged,
  type KeyFilesDirectory,
  planUnchanged,
  recordKeyFiles,
} from './written-key-files.ts';

export interface SyncWeb3SignerDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  /** The signers' slashing protection database, which is read only; left out when it is not looked at. */
  readonly slashingDb?: Database | undefined;
  /** Signers to reload and to compare with, one by one. */
  readonly signers: readonly SignerClient[];
  readonly progress: ProgressReporter;
  /** Lines of the manual. */
  readonly say: (line: string) => void;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
  readonly warn: (line: string) => void;
}

export interface SyncWeb3SignerOptions
  extends Pick<SyncKeyFilesOptions, 'directory' | 'layout' | 'removals' | 'adopt' | 'check' | 'attributes'> {
  readonly ref: VaultRef;
  readonly encryptKey: string;
  readonly reloadTimeoutMs: number;
  /** The vault's public key: then rows older than those that were written here before are refused. */
  readonly verifyingKey?: Uint8Array | undefined;
}

type SyncedFiles = Omit<SyncKeyFilesResult, 'hashes'>;

export interface SyncWeb3SignerResult {
  readonly files: SyncedFiles;
  readonly signers: readonly ReloadedSigner[];
  /** Validators whose keys are left out, since they are retired. */
  readonly retiredValidators: number;
  /** Validators whose keys are wanted, and disabled in the signers' slashing protection. */
  readonly disabled: readonly Hex[];
}

/**
 * Brings a Web3Signer key directory to what the database has for the vault, and has the signers read it.
 * @throws OperatorError when any row is not what was written; DifferencesError when too many keys would go;
 *   ExternalError 'signer-lacks-keys'
 */
export async function syncWeb3Signer(
  deps: SyncWeb3SignerDeps,
  options: SyncWeb3SignerOptions,
): Promise<SyncWeb3SignerResult> {
  using unlocked = await unlockVault(deps.database, options.ref, options.encryptKey);
  deps.say('Fetching keypairs from the remote db...');
  const rows = await readVisibleRows(deps.database, unlocked.vault.vaultId);
  if (rows.length === 0 && rows.vault.manifestCounter === 0n) throw noKeypairs();
  const recordPath = seenStatementPath(options.directory, options.ref);
  const proven = await requireNewest(deps.database, options, rows);
  if (proven !== undefined) await assertNotOlder(recordPath, proven);
  const wanted = new WantedRows(rows, await readOwnRetiredKeys(deps.database, unlocked, options.ref));
  const { retiredValidators } = wanted;
  // Before anything is written: a database that does not answer stops the run.
  const disabled = await findDisabled(deps, wanted);
  const files =
    (await keepUnchanged(deps, options, unlocked, wanted)) ??
    (await writeKeys(deps, options, unlocked, wanted));
  if (options.check) return { files, signers: [], retiredValidators, disabled };
  if (proven !== undefined) await recordSeen(recordPath, proven, options.attributes);
  // Made for signers alone: the texts of all keys take several times as much as their bytes.
  if (deps.signers.length === 0) return { files, signers: [], retiredValidators, disabled };
  const keys = new Set(Array.from(wanted.publicKeys(), toHex));
  deps.whenInterrupted?.(
    'The key files are written. Signers may not have read them yet: run the same command again, which reloads and compares them.',
  );
  const signers = await reloadSigners(deps, { wanted: keys, reloadTimeoutMs: options.reloadTimeoutMs });
  return { files, signers, retiredValidators, disabled };
}

async function findDisabled({ slashingDb }: SyncWeb3SignerDeps, wanted: WantedRows): Promise<Hex[]> {
  if (slashingDb === undefined) return [];
  const disabled = await listDisabledValidators(slashingDb);
  return Array.from(
    wanted.validators().filter(publicKey => disabled.has(publicKey)),
    toHex,
  );
}

/**
 * The manifest proves rows of one upload, of whichever: the statement tells which one it is.
 * @throws OperatorError of {@link requireStatement}, 'statement-mismatch'
 */
async function requireNewest(
  database: Database,
  { ref, verifyingKey }: SyncWeb3SignerOptions,
  { vault }: VisibleRows,
): Promise<ProvenStatement | undefined> {
  if (verifyingKey === undefined) return undefined;
  const proven = await requireStatement(database, vault, { ref, verifyingKey });
  if (proven.statement.manifestCounter === vault.manifestCounter) return proven;
  throw new OperatorError(
    'statement-mismatch',
    `The rows of vault ${ref.address} are of upload ${vault.manifestCounter}, and the signed ones of upload ${proven.statement.manifestCounter}.`,
    { hint: 'If an upload ended just now, run the command again; else run "remote-db verify".' },
  );
}

/** Files that were written from these very rows are left as they are, and no row is opened. */
async function keepUnchanged(
  deps: SyncWeb3SignerDeps,
  options: SyncWeb3SignerOptions,
  unlocked: UnlockedVault,
  wanted: WantedRows,
): Promise<SyncedFiles | undefined> {
  const directory = directoryOf(options);
  // --adopt looks at files of others, which no record knows.
  await using unchanged = options.adopt ? undefined : await planUnchanged(directory, unlocked, wanted);
  if (unchanged === undefined) return undefined;
  deps.say(`The private keys in ${options.directory} are those of these ${wanted.length} keystores already.`);
  if (!options.check) await applyUnchanged(directory, unchanged);
  const warnings = await warnOfDisk(options.directory);
  if (unchanged.stray.length > 0) warnings.push(strayFiles(unchanged.stray, options));
  for (const warning of warnings) deps.warn(warning);
  return {
    keyCount: wanted.length,
    removedKeys: 0,
    removedShares: 0,
    keptKeys: 0,
    files: unchanged.plan,
    isChanged: hasChanges(unchanged.plan),
    warnings,
  };
}

async function writeKeys(
  deps: SyncWeb3SignerDeps,
  options: SyncWeb3SignerOptions,
  unlocked: UnlockedVault,
  wanted: WantedRows,
): Promise<SyncedFiles> {
  const { rows, retired } = wanted;
  deps.say(`Decrypting ${rows.length} keystores...`);
  const bar = deps.progress.start('Decrypting keystores', rows.length);
  using opened = await openKeys(deps.pool, unlocked, rows, bar);
  bar.finish();
  if (!options.check) deps.say(`Saving ${wanted.length} private keys to ${options.directory}...`);
  const directory = directoryOf(options);
  const listShares = once(async () =>
    RecordTable.of(await listSharePublicKeys(deps.database, rows.vault.vaultId), PUBLIC_KEY_LENGTH),
  );
  const files = await syncKeyFiles({
    ...options,
    ...directory,
    keys: opened.keys.filter((_, place) => wanted.isWanted(place)),
    retired,
    listShares,
    vaultPublicKeys: options.adopt
      ? new Set([...Iterator.from(await listShares()).map(toHex), ...Iterator.from(retired).map(toHex)])
      : undefined,
    warn: deps.warn,
    whenInterrupted: deps.whenInterrupted,
  });
  if (!options.check) {
    // Keys that were kept beside the database's must be seen, and be decided about, by every run.
    await recordKeyFiles(directory, unlocked, wanted, files.keptKeys > 0 ? undefined : files.hashes);
  }
  return files;
}

/** What is asked for once, and answered by the same thing from then on. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
}

function directoryOf({ ref, directory, layout, attributes }: SyncWeb3SignerOptions): KeyFilesDirectory {
  return { directory, layout, attributes, network: ref.network.name, vault: ref.address };
}
