import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { type DepositList, DepositListBuilder, depositListOf } from '../../domain/consensus/deposit-list.ts';
import { DepositPieces } from '../../domain/consensus/deposit-pieces.ts';
import { DepositTextWriter } from '../../domain/consensus/deposit-text.ts';
import { equalBytes } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { asFileError, readTextFile } from '../../lib/files.ts';
import { requireDepositDataPath } from './deposit-data-file.ts';

/** How much of a file is read at a time: some 370 entries. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A vault's deposit data, or that of the file named, read in pieces: never are all its entries there as objects.
 * @throws OperatorError as `readDepositData` does
 */
export async function readDepositList(vaultDirectory: string, file?: string): Promise<DepositList> {
  const path = requireDepositDataPath(vaultDirectory, file);
  // A pipe can be read only once.
  return ((await isRegularFile(path)) ? await readInPieces(path) : undefined) ?? (await readWhole(path));
}

async function isRegularFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    throw asFileError(error, path, 'read');
  }
}

/** What pieces cannot tell is found here: what is wrong in the file, and where. */
async function readWhole(path: string): Promise<DepositList> {
  return depositListOf({ path, entries: parseDepositData(await readTextFile(path), path) });
}

/** Undefined when the file is no list of deposits that can be cut behind one of them. */
async function readInPieces(path: string): Promise<DepositList | undefined> {
  const builder = new DepositListBuilder(path);
  const pieces = new DepositPieces(entries => void builder.add(entries));
  for await (const chunk of chunksOf(path)) if (!pieces.add(chunk)) return undefined;
  if (!pieces.end()) return undefined;
  builder.end();
  const list = builder.build(() => readTextAgain(path, list.text.digest));
  return list;
}

/**
 * The text of a file's entries, read once more when it is needed: kept, it would be most of what an upload of 150,000
 * validators holds.
 * @param digest - SHA-256 over the text as it was read before
 * @throws OperatorError 'file-changed' behind the last piece at the latest
 */
async function* readTextAgain(path: string, digest: Uint8Array): AsyncGenerator<Uint8Array> {
  const writer = new DepositTextWriter();
  const hash = createHash('sha256');
  let ready: Uint8Array[] = [];
  const pieces = new DepositPieces(entries => void ready.push(writer.add(entries)));
  const take = () => {
    const taken = ready;
    ready = [];
    for (const piece of taken) hash.update(piece);
    return taken;
  };
  for await (const chunk of chunksOf(path)) {
    if (!pieces.add(chunk)) throw changedMeanwhile(path);
    yield* take();
  }
  if (!pieces.end()) throw changedMeanwhile(path);
  ready.push(writer.end());
  yield* take();
  if (!equalBytes(new Uint8Array(hash.digest()), digest)) throw changedMeanwhile(path);
}

function changedMeanwhile(path: string): OperatorError {
  return new OperatorError('file-changed', `${path} was changed by somebody else meanwhile.`, {
    hint: 'Run the command again when nobody writes this file.',
  });
}

/** A file's bytes, each chunk in place of the one before. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw asFileError(error, path, 'read');
  } finally {
    await file?.close();
  }
}
