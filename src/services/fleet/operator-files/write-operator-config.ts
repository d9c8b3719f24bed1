import { join } from 'node:path';
import { type Database, inSnapshot } from '../../../db/database.ts';
import { encodeRemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { decideRemovals } from '../../../domain/fleet/removals.ts';
import { publicKeysIn } from '../../../domain/fleet/shared-keys.ts';
import { CONFIGURED_KEYS, DEPOSIT_KEYS, findRemoved } from '../../../domain/fleet/written-keys.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { DifferencesError } from '../../../lib/errors.ts';
import type { FileAttributes } from '../../../lib/files.ts';
import { nameList } from '../../../lib/name-list.ts';
import { assertNotOlder, recordSeen, seenStatementPath } from '../../remote-db/statements/seen-statement.ts';
import { requireVault, type VaultRef } from '../../remote-db/vault-ref.ts';
import { readKeysOfFile } from '../keys-of-file.ts';
import { writeFiles } from '../write-files.ts';
import { currentValidators, type OperatorConfig, readOperatorConfig } from './read-operator-config.ts';

/** Keys that were kept would have shares of other oracles, and deposit data with them another root than the chain's. */
export const OPERATOR_REMOVAL_POLICIES = ['refuse', 'allow'] as const;

const REMOTE_SIGNER_CONFIG = 'remote_signer_config.json';
const DEPOSIT_DATA = 'deposit_data.json';

export interface WriteOperatorConfigOptions {
  readonly ref: VaultRef;
  readonly directory: string;
  readonly attributes: FileAttributes;
  readonly check: boolean;
  /** Default: refuse. */
  readonly removals?: (typeof OPERATOR_REMOVAL_POLICIES)[number] | undefined;
  /** Replaces deposit data also when it has entries of keys that the database does not have. */
  readonly force?: boolean | undefined;
  /** The vault's public key: then only what it has signed is written, and nothing older than what was written before. */
  readonly verifyingKey?: Uint8Array | undefined;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface WriteOperatorConfigResult {
  readonly remoteSignerConfigPath: string;
  readonly depositDataPath: string;
  /** Whether this run has written the file, or with `check` would have. */
  readonly isRemoteSignerConfigChanged: boolean;
  readonly isDepositDataChanged: boolean;
  readonly validators: number;
  /** Validators that are left out, since they are retired. */
  readonly retiredValidators: number;
  /** Active validators that are left out, since their shares are of an earlier oracle set. */
  readonly staleValidators: number;
  readonly isChanged: boolean;
}

/**
 * Writes the operator's `remote_signer_config.json` and `deposit_data.json`. Needs no encryption key.
 * @throws OperatorError of {@link readOperatorConfig}, 'statement-old'; DifferencesError 'too-many-removals' when validators
 *   that the configuration has would vanish from it, 'deposit-data-not-uploaded' when entries of unknown keys would; file errors.
 *   Nothing has changed then.
 */
export async function writeOperatorConfig(
  database: Database,
  options: WriteOperatorConfigOptions,
): Promise<WriteOperatorConfigResult> {
  const { ref, directory, attributes, verifyingKey } = options;
  const found = await inSnapshot(database, async session =>
    readOperatorConfig(session, await requireVault(session, ref), { ref, verifyingKey }),
  );
  const { oracleSet, document, proven } = found;
  const recordPath = seenStatementPath(directory, ref);
  if (proven !== undefined) await assertNotOlder(recordPath, proven);
  const remoteSignerConfigPath = join(directory, REMOTE_SIGNER_CONFIG);
  const depositDataPath = join(directory, DEPOSIT_DATA);
  await refuseRemovals(remoteSignerConfigPath, options.removals ?? 'refuse', found);
  if (!options.force) await refuseLostEntries(depositDataPath, found);
  const files = new Map([
    [REMOTE_SIGNER_CONFIG, encodeRemoteSignerConfig({ validators: currentValidators(found), oracleSet })],
    [DEPOSIT_DATA, document],
  ]);
  const { changed, isChanged } = await writeFiles({
    directory,
    files,
    attributes,
    check: options.check,
    whenInterrupted: options.whenInterrupted,
    beforeWriting: proven && (() => recordSeen(recordPath, proven, attributes)),
  });
  return {
    remoteSignerConfigPath,
    depositDataPath,
    isRemoteSignerConfigChanged: changed.has(REMOTE_SIGNER_CONFIG),
    isDepositDataChanged: changed.has(DEPOSIT_DATA),
    validators: found.validators,
    retiredValidators: found.retiredValidators,
    staleValidators: found.staleValidators,
    isChanged,
  };
}

/** The file that is there tells which validators a wrong or hollowed database would take away. */
async function refuseRemovals(
  path: string,
  policy: (typeof OPERATOR_REMOVAL_POLICIES)[number],
  found: OperatorConfig,
): Promise<void> {
  const present = await readKeysOfFile(path, CONFIGURED_KEYS);
  const wanted = Iterator.from(currentValidators(found)).map(({ publicKey }) => publicKey);
  const removed = findRemoved(present, wanted);
  const { keys: retired, isProven } = found.retired;
  const { gone = [], questioned = [] } = Object.groupBy(removed, publicKey =>
    isProven && retired.isTakenFrom('rotation', fromHex(publicKey)) ? 'gone' : 'questioned',
  );
  decideRemovals({
    before: present.length - gone.length,
    removed: questioned.length,
    named: questioned,
    policy,
    from: path,
    hint: 'Check that this is the right database and vault, and that every keystore was uploaded for the current oracles; then repeat with --removals allow.',
  });
}

/**
 * Entries whose keys the database does not have were made here and not uploaded: without them these keys would never be
 * registered. Those of keys that it has may go: deposit data for a new root leaves out what is registered already.
 */
async function refuseLostEntries(path: string, { keys }: OperatorConfig): Promise<void> {
  const lost = findRemoved(await readKeysOfFile(path, DEPOSIT_KEYS), publicKeysIn(keys));
  if (lost.length === 0) return;
  throw new DifferencesError(
    'deposit-data-not-uploaded',
    `${path} has entries of ${lost.length} keys that the remote db does not have, such as ${nameList(lost)}: they would be lost. Nothing was changed.`,
    {
      hint: 'Upload their keystores with "remote-db upload-keypairs" first. If these keys are of no use, repeat with --force.',
    },
  );
}
