import { type FileHandle, open } from 'node:fs/promises';
import { parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { type DepositList, DepositListBuilder, depositListOf } from '../../domain/consensus/deposit-list.ts';
import { DepositPieces } from '../../domain/consensus/deposit-pieces.ts';
import { asFileError, readFileBytes } from '../../lib/files.ts';
import { requireDepositDataPath } from './deposit-data-file.ts';

/** How much of a file is read at a time: some 370 entries. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A vault's deposit data, or that of the file named, read in pieces: never are all its entries there as objects.
 * @throws OperatorError as `readDepositData` does
 */
export async function readDepositList(vaultDirectory: string, file?: string): Promise<DepositList> {
  const path = requireDepositDataPath(vaultDirectory, file);
  return (await readInPieces(path)) ?? (await readWhole(path));
}

/** What pieces cannot tell is found here: what is wrong in the file, and where. */
async function readWhole(path: string): Promise<DepositList> {
  return depositListOf({ path, entries: parseDepositData((await readFileBytes(path)).toString(), path) });
}

/** Undefined when the file is no list of deposits that can be cut behind one of them. */
async function readInPieces(path: string): Promise<DepositList | undefined> {
  const list = new DepositListBuilder(path);
  const pieces = new DepositPieces(entries => list.add(entries));
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    // A pipe can be read only once.
    if (!(await file.stat()).isFile()) {
      return depositListOf({ path, entries: parseDepositData((await file.readFile()).toString(), path) });
    }
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return pieces.end() ? list.build() : undefined;
      if (!pieces.add(buffer.subarray(0, bytesRead))) return undefined;
    }
  } catch (error) {
    throw asFileError(error, path, 'read');
  } finally {
    await file?.close();
  }
}
