import { applyFileSet, type FileSetPlan, hasChanges, planFileSet } from '../../lib/file-set.ts';
import { directoryModeOf, type FileAttributes } from '../../lib/files.ts';
import { findDirectory, prepareDirectory } from '../../lib/output-directory.ts';

export interface WriteFilesOptions {
  readonly directory: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly attributes: FileAttributes;
  /** Compares only. */
  readonly check: boolean;
  /** Runs when the directory is there and nothing has been written yet; not with `check`. */
  readonly beforeWriting?: (() => Promise<void>) | undefined;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface WriteFilesResult {
  readonly plan: FileSetPlan;
  /** Names of the files that were written, or with `check` would be. */
  readonly changed: ReadonlySet<string>;
  readonly isChanged: boolean;
}

/**
 * Writes the files of one command: all temporary ones first, then the renames; files that are right stay untouched.
 * @returns what was done, or with `check` would be, and whether that is anything
 * @throws OperatorError naming the file
 */
export async function writeFiles(options: WriteFilesOptions): Promise<WriteFilesResult> {
  const { directory, files, attributes, check } = options;
  await using present = await findDirectory(directory, attributes);
  const plan = await planFileSet(present, files, [], attributes);
  if (!check) {
    const directoryAttributes = { ...attributes, mode: directoryModeOf(attributes.mode) };
    await using target = await prepareDirectory(directory, directoryAttributes, present);
    options.whenInterrupted?.(
      `Each file in ${directory} is the old one or the new one. Run the same command again: it writes the others.`,
    );
    await options.beforeWriting?.();
    await applyFileSet(target, files, plan, attributes);
  }
  const changed = new Set([...plan.added, ...plan.changed, ...plan.adjusted]);
  return { plan, changed, isChanged: hasChanges(plan) };
}
