import {
  assertUniqueDeposits,
  type DepositDataEntry,
  formatDepositData,
} from '../domain/consensus/deposit-data.ts';
import { OperatorError, UsageError } from '../lib/errors.ts';
import { PUBLIC_FILE_MODE, writeFileAtomic } from '../lib/files.ts';
import { type DepositDataFile, readDepositData } from './deposit-data-file.ts';

export interface MergedDepositData {
  readonly outputFile: string;
  readonly validators: number;
}

/**
 * Merges deposit data of several operators of one vault: the first key of each file in turn, then the second of each.
 * @throws OperatorError 'deposit-data-mismatch' when two files are of different vaults or networks
 */
export async function mergeDepositData(options: {
  readonly files: readonly string[];
  readonly outputFile: string;
}): Promise<MergedDepositData> {
  if (options.files.length < 2) {
    throw new UsageError('too-few-files', 'You must provide at least 2 deposit data files');
  }
  const files = await Promise.all(options.files.map(file => readDepositData('', file)));
  assertSameOrigin(files);
  const merged = interleave(files.map(file => file.entries));
  assertUniqueDeposits(merged, 'the merged deposit data');
  await writeFileAtomic(options.outputFile, formatDepositData(merged), { mode: PUBLIC_FILE_MODE });
  return { outputFile: options.outputFile, validators: merged.length };
}

function interleave(lists: readonly (readonly DepositDataEntry[])[]): DepositDataEntry[] {
  const longest = Math.max(...lists.map(list => list.length));
  return Array.from({ length: longest }, (_, row) => lists.flatMap(list => list[row] ?? [])).flat();
}

function assertSameOrigin(files: readonly DepositDataFile[]): void {
  const seen = new Map<string, { value: unknown; path: string }>();
  for (const { path, entries } of files) {
    for (const { json } of entries) {
      for (const member of ['withdrawal_credentials', 'fork_version']) {
        const value = json[member];
        const first = seen.get(member) ?? { value, path };
        seen.set(member, first);
        if (value === undefined || first.value === undefined || value === first.value) continue;
        throw new OperatorError(
          'deposit-data-mismatch',
          `${path} is not for the same vault and network as ${first.path}: its ${member} is ${value}, not ${first.value}.`,
        );
      }
    }
  }
}
