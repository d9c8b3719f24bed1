import { KeyFinder } from '../../domain/fleet/written-keys.ts';
import { readPiecesIfThere } from '../../lib/files.ts';
import type { RecordTable } from '../../lib/record-table.ts';

/**
 * The keys that a file names in a form of theirs; none where there is no such file. Read in pieces: a file of deposit data for
 * 150,000 validators has 105 MB.
 * @param form - as of {@link KeyFinder}
 * @throws OperatorError 'not-readable' and such
 */
export async function readKeysOfFile(path: string, form: RegExp): Promise<RecordTable> {
  const finder = new KeyFinder(form);
  for await (const piece of readPiecesIfThere(path)) finder.add(piece.toString('latin1'));
  return finder.end();
}
