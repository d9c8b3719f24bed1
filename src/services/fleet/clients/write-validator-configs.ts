import { join } from 'node:path';
import type { AssignmentPlan } from '../../../db/assignments.ts';
import { type Database, inSnapshot } from '../../../db/database.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import type { RemovalPolicy } from '../../../domain/fleet/removals.ts';
import { type ClientSettings, createValidatorConfig } from '../../../domain/fleet/validator-config.ts';
import type { Hex } from '../../../lib/bytes.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { type FileAttributes, SECRET_FILE_MODE } from '../../../lib/files.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import { type FoundRetiredKeys, readRetiredKeys } from '../../remote-db/retired/read-retired-keys.ts';
import { assertNotOlder, recordSeen, seenStatementPath } from '../../remote-db/statements/seen-statement.ts';
import type { ProvenStatement } from '../../remote-db/statements/signed-statement.ts';
import { requireVault, type VaultRef } from '../../remote-db/vault-ref.ts';
import { assignKeys } from '../assign-keys.ts';
import { readSignedPlan } from '../read-signed-plan.ts';
import { writeFiles } from '../write-files.ts';
import { keepSettings } from './keep-settings.ts';
import { chooseClientKeys, readPresentKeys } from './keys-of-client.ts';
import { recordWrittenKeys } from './record-written-keys.ts';
import { type RenderedFile, renderValidatorFiles, warnOfSizes } from './render-templates.ts';

export interface WriteValidatorConfigsOptions extends ClientSettings {
  readonly ref: VaultRef;
  readonly clientIndex: number;
  readonly totalClients: number;
  readonly reassign: boolean;
  readonly signerUrl: EndpointUrl | string;
  readonly feeRecipient: string;
  readonly directory: string;
  readonly templateDirectory?: string | undefined;
  readonly attributes: FileAttributes;
  readonly check: boolean;
  /** Default: refuse. */
  readonly removals?: RemovalPolicy | undefined;
  /** The vault's public key: then only a plan that it has signed is written, and none older than what was written before. */
  readonly verifyingKey?: Uint8Array | undefined;
  /**
   * Is shown the plan and the keys of the files that are there before either is changed; what it throws keeps both as they are. It may be
   * shown several, and must not use the database.
   */
  readonly acceptPlan?: ((plan: AssignmentPlan, present: RecordTable) => void) | undefined;
  /** Runs when nothing has been written yet; not with `check`. */
  readonly beforeWriting?: (() => Promise<void>) | undefined;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface WriteValidatorConfigsResult {
  readonly keyCount: number;
  /** Keys that no file had before this run, and those that the files have lost by it. */
  readonly added: readonly Hex[];
  readonly removed: readonly Hex[];
  /** Validators whose entries in the file of Lighthouse change: the names of their fields by public key. */
  readonly changedEntries: ReadonlyMap<string, readonly string[]>;
  /** Keys that are no longer the vault's and stayed, by `--removals keep`. */
  readonly keptKeys: number;
  /** Keys that the plan gives to the client and that are left out, since they are retired. */
  readonly retiredKeys: number;
  /** The files: the three that this program knows, in their order, then those of further templates. */
  readonly files: readonly WrittenFile[];
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

interface WrittenFile {
  readonly name: string;
  readonly path: string;
  /** Whether this run has written it, or with `check` would have. */
  readonly isChanged: boolean;
}

/**
 * Writes the files of one validator client for Lighthouse, Teku and Prysm. Without the vault's public key the first call for a
 * vault stores the assignment of keys to clients, unless it only checks; with it no plan is stored, and it must be signed. What the
 * files were written with is recorded for `status` where the role may.
 * @throws OperatorError of {@link assignKeys} or {@link readSignedPlan}, of the templates and of the files; DifferencesError
 *   of {@link chooseClientKeys}; UsageError for a bad URL or address
 */
export async function writeValidatorConfigs(
  database: Database,
  options: WriteValidatorConfigsOptions,
): Promise<WriteValidatorConfigsResult> {
  const { directory, attributes, removals = 'refuse', reassign } = options;
  // Before anything is stored: a bad URL must not leave a plan behind.
  createValidatorConfig({ ...options, publicKeys: [] });
  const present = await readPresentKeys(directory);
  const choose = (plan: AssignmentPlan, retired: FoundRetiredKeys) => {
    const { clientIndex } = options;
    options.acceptPlan?.(plan, present);
    return chooseClientKeys(plan, {
      directory,
      present,
      clientIndex,
      removals,
      mayMove: reassign,
      retired,
    });
  };
  const { vault, plan, proven, retired } = await readPlan(database, options, choose);
  const recordPath = seenStatementPath(directory, options.ref);
  if (proven !== undefined) await assertNotOlder(recordPath, proven);
  const keys = choose(plan, retired);
  const created = createValidatorConfig({ ...options, publicKeys: keys.publicKeys });
  const kept = await keepSettings(directory, attributes, await renderValidatorFiles(created, options));
  const changed = await writeByContent(options, kept.files, async () => {
    await options.beforeWriting?.();
    if (proven !== undefined) await recordSeen(recordPath, proven, attributes);
  });
  const { clientIndex, totalClients } = options;
  const { publicKeys } = keys;
  const unrecorded = options.check
    ? []
    : await recordWrittenKeys(database, { vault, clientIndex, totalClients, publicKeys });
  return {
    keyCount: keys.publicKeys.length,
    added: keys.added,
    removed: keys.removed,
    changedEntries: kept.changedEntries,
    keptKeys: keys.keptKeys,
    retiredKeys: keys.retiredKeys,
    files: Array.from(kept.files.keys(), name => ({
      name,
      path: join(directory, name),
      isChanged: changed.has(name),
    })),
    isChanged: changed.size > 0,
    warnings: [
      ...created.warnings,
      ...keys.warnings,
      ...kept.warnings,
      ...warnOfSizes(directory, kept.files),
      ...unrecorded,
    ],
  };
}

/** Files with a secret, which only their owner may read, and the others. @returns names of those that change */
async function writeByContent(
  options: WriteValidatorConfigsOptions,
  files: ReadonlyMap<string, RenderedFile>,
  beforeWriting: () => Promise<void>,
): Promise<Set<string>> {
  const secret = contentsOf(files, true);
  const closed = { ...options.attributes, mode: SECRET_FILE_MODE };
  // These first: they make the directory, which is as open as they are.
  const others = await writeFiles({ ...options, files: contentsOf(files, false), beforeWriting });
  const changed = new Set(others.changed);
  if (secret.size === 0) return changed;
  for (const name of (await writeFiles({ ...options, files: secret, attributes: closed })).changed)
    changed.add(name);
  return changed;
}

function contentsOf(files: ReadonlyMap<string, RenderedFile>, areSecret: boolean): Map<string, Uint8Array> {
  const chosen = [...files].filter(([, { holdsSecret }]) => holdsSecret === areSecret);
  return new Map(chosen.map(([name, { content }]) => [name, content]));
}

async function readPlan(
  database: Database,
  options: WriteValidatorConfigsOptions,
  accept: (plan: AssignmentPlan, retired: FoundRetiredKeys) => void,
): Promise<{
  readonly vault: VaultFacts;
  readonly plan: AssignmentPlan;
  readonly proven: ProvenStatement | undefined;
  readonly retired: FoundRetiredKeys;
}> {
  const { ref, totalClients, reassign, verifyingKey, check } = options;
  if (verifyingKey !== undefined) return readSignedPlan(database, { ref, totalClients, verifyingKey });
  if (!check) {
    options.whenInterrupted?.(
      `Files in ${options.directory} are as they were. Which keys each validator client runs may be stored by now; the same command uses it.`,
    );
  }
  const retired = await inSnapshot(database, async session => {
    const { vaultId } = await requireVault(session, ref);
    return await readRetiredKeys(session, vaultId, { ref, proven: undefined });
  });
  // A brake that stops the files must not leave a plan behind either.
  const { vault, plan } = await assignKeys(database, {
    ref,
    totalClients,
    reassign,
    accept: decided => accept(decided, retired),
    check,
  });
  return { vault, plan, proven: undefined, retired };
}
