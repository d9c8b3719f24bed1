import { join } from 'node:path';
import { type Database, inSnapshot } from '../../../db/database.ts';
import { parsePackedDeposits } from '../../../domain/consensus/packed-deposits.ts';
import { encodeRemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { decideRemovals } from '../../../domain/fleet/removals.ts';
import { CONFIGURED_KEYS, DEPOSIT_KEYS, findRemoved } from '../../../domain/fleet/written-keys.ts';
import type { FileAttributes } from '../../../lib/files.ts';
import { DEPOSIT_DATA } from '../../remote-db/operator-facts-faults.ts';
import { assertNotOlder, recordSeen, seenStatementPath } from '../../remote-db/statements/seen-statement.ts';
import { requireVault, type VaultRef } from '../../remote-db/unlock-vault.ts';
import { readKeysOfFile } from '../keys-of-file.ts';
import { writeFiles } from '../write-files.ts';
import { currentValidators, type OperatorConfig, readOperatorConfig } from './read-operator-config.ts';

/** Keys that were kept would have shares of other oracles, and deposit data with them another root than the chain's. */
export const OPERATOR_REMOVAL_POLICIES = ['refuse', 'allow'] as const;

export interface WriteOperatorConfigOptions {
  readonly ref: VaultRef;
  readonly directory: string;
  readonly attributes: FileAttributes;
  readonly check: boolean;
  /** Default: refuse. */
  readonly removals?: (typeof OPERATOR_REMOVAL_POLICIES)[number] | undefined;
  /** The vault's public key: then only what it has signed is written, and nothing older than what was written before. */
  readonly verifyingKey?: Uint8Array | undefined;
}

export interface WriteOperatorConfigResult {
  readonly remoteSignerConfigPath: string;
  readonly depositDataPath: string;
  readonly validators: number;
  /** Active validators that are left out, since their shares are of an earlier oracle set. */
  readonly staleValidators: number;
  readonly isChanged: boolean;
}

/**
 * Writes the operator's `remote_signer_config.json` and `deposit_data.json`. Needs no encryption key.
 * @throws OperatorError of {@link readOperatorConfig}, 'statement-old'; DifferencesError 'too-many-removals' when validators
 *   that the files have would vanish from them; file errors. Nothing has changed then.
 */
export async function writeOperatorConfig(
  database: Database,
  options: WriteOperatorConfigOptions,
): Promise<WriteOperatorConfigResult> {
  const { ref, directory, attributes, verifyingKey } = options;
  const found = await inSnapshot(database, async session =>
    readOperatorConfig(session, await requireVault(session, ref), { ref, verifyingKey }),
  );
  const { keys, oracleSet, staleValidators, document, proven } = found;
  const recordPath = seenStatementPath(directory, ref);
  if (proven !== undefined) await assertNotOlder(recordPath, proven);
  const remoteSignerConfigPath = join(directory, 'remote_signer_config.json');
  const depositDataPath = join(directory, 'deposit_data.json');
  await refuseRemovals(options, { remoteSignerConfigPath, depositDataPath }, found);
  const files = new Map([
    [
      'remote_signer_config.json',
      encodeRemoteSignerConfig({ validators: currentValidators(found), oracleSet }),
    ],
    ['deposit_data.json', document],
  ]);
  const { isChanged } = await writeFiles({
    directory,
    files,
    attributes,
    check: options.check,
    beforeWriting: proven && (() => recordSeen(recordPath, proven, attributes)),
  });
  return {
    remoteSignerConfigPath,
    depositDataPath,
    validators: keys.length - staleValidators,
    staleValidators,
    isChanged,
  };
}

/** The files that are there tell which validators a wrong or hollowed database would take away. */
async function refuseRemovals(
  { removals: policy = 'refuse' }: WriteOperatorConfigOptions,
  paths: { readonly remoteSignerConfigPath: string; readonly depositDataPath: string },
  found: OperatorConfig,
): Promise<void> {
  const refuse = async (
    path: string,
    form: RegExp,
    findWanted: () => Iterable<{ readonly publicKey: Uint8Array }>,
  ) => {
    const present = await readKeysOfFile(path, form);
    if (present.size === 0) return;
    const wanted = Iterator.from(findWanted()).map(({ publicKey }) => publicKey);
    const removed = findRemoved(present, wanted);
    decideRemovals({
      before: present.size,
      removed: removed.length,
      policy,
      from: path,
      hint: 'Check that this is the right database and vault, and that every keystore was uploaded for the current oracles; then repeat with --removals allow.',
    });
  };
  await refuse(paths.remoteSignerConfigPath, CONFIGURED_KEYS, () => currentValidators(found));
  await refuse(paths.depositDataPath, DEPOSIT_KEYS, () => parsePackedDeposits(found.document, DEPOSIT_DATA));
}
