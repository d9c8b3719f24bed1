import { assertClaimOfSomeVault } from '../../domain/consensus/deposit-claims.ts';
import { type DepositDataEntry, formatDepositData } from '../../domain/consensus/deposit-data.ts';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { isOtherFile, PUBLIC_FILE_MODE, writeFileAtomic } from '../../lib/files.ts';
import { type DepositDataFile, readDepositData } from './deposit-data-file.ts';

export interface MergedDepositData {
  readonly outputFile: string;
  readonly validators: number;
  /** Whether the file was written, or with `check` has something else in it than it would get. */
  readonly isChanged: boolean;
}

/**
 * Merges deposit data of several operators of one vault: the first key of each file in turn, then the second of each.
 * @throws OperatorError 'deposit-data-mismatch' when two files are of different vaults or networks; 'deposit-data-compounding' and
 *   'deposit-data-other-vault' for what no vault can use
 */
export async function mergeDepositData(
  { warn }: { readonly warn: (message: string) => void },
  options: {
    readonly files: readonly string[];
    readonly outputFile: string;
    /** Writes nothing. */
    readonly check?: boolean | undefined;
  },
): Promise<MergedDepositData> {
  const files = await Promise.all(options.files.map(file => readDepositData('', file)));
  for (const { path, entries } of files) for (const entry of entries) assertClaimOfSomeVault(entry, path);
  assertSameOrigin(files);
  const merged = interleave(files.map(file => file.entries));
  warnOfDuplicates(merged, warn);
  const text = formatDepositData(merged);
  const result = { outputFile: options.outputFile, validators: merged.length };
  if (options.check) return { ...result, isChanged: await isOtherFile(options.outputFile, text) };
  await writeFileAtomic(options.outputFile, text, { mode: PUBLIC_FILE_MODE });
  return { ...result, isChanged: true };
}

function interleave(lists: readonly (readonly DepositDataEntry[])[]): DepositDataEntry[] {
  const longest = lists.reduce((most, list) => Math.max(most, list.length), 0);
  return Array.from({ length: longest }, (_, row) => lists.flatMap(list => list[row] ?? [])).flat();
}

/** The Python operator merges the same key twice without a word; the vault would stop at the second one. */
function warnOfDuplicates(merged: readonly DepositDataEntry[], warn: (message: string) => void): void {
  const distinct = new Set(merged.map(({ publicKey }) => toHex(publicKey))).size;
  const surplus = merged.length - distinct;
  if (surplus > 0) {
    warn(
      `${surplus} public keys stand in the merged file twice or more: registration stops at the second time.`,
    );
  }
}

function assertSameOrigin(files: readonly DepositDataFile[]): void {
  const seen = new Map<string, { value: unknown; path: string }>();
  for (const { path, entries } of files) {
    for (const { json } of entries) {
      for (const member of ['withdrawal_credentials', 'fork_version']) {
        const text = json[member];
        const value = typeof text === 'string' ? toHex(fromHex(text)) : undefined;
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
