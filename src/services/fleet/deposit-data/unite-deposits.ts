import { assertUniqueDeposits, type DepositDataEntry } from '../../../domain/consensus/deposit-data.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { DepositDataFile } from '../../local-keys/deposit-data-file.ts';

/**
 * The entries of several files of deposit data, each key once: those of the first one in their order, then what the next one has beside
 * them, and so on.
 * @throws OperatorError 'deposit-data-duplicate' when a file names a key twice
 */
export function uniteDeposits(files: readonly DepositDataFile[]): readonly DepositDataEntry[] {
  const seen = new RecordTable(PUBLIC_KEY_LENGTH);
  const united: DepositDataEntry[] = [];
  for (const { path, entries } of files) {
    assertUniqueDeposits(entries, path);
    for (const entry of entries) {
      if (seen.has(entry.publicKey)) continue;
      seen.add(entry.publicKey);
      united.push(entry);
    }
  }
  return united;
}
