import { type FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { parseDepositData, tryParseDepositData } from '../../domain/consensus/deposit-data.ts';
import { type DepositList, DepositListBuilder, depositListOf } from '../../domain/consensus/deposit-list.ts';
import { asFileError, readFileBytes } from '../../lib/files.ts';
import { requireDepositDataPath } from './deposit-data-file.ts';

/** How much of a file is read at a time: some 370 entries. */
const CHUNK_BYTES = 256 * 1024;
/** A file with so much text and no place to cut it is read as a whole. */
const MAX_PIECE_LENGTH = 4 * 1024 * 1024;

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
  const pieces = new PieceParser(path);
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
      if (bytesRead === 0) return pieces.end();
      if (!pieces.add(buffer.subarray(0, bytesRead))) return undefined;
    }
  } catch (error) {
    throw asFileError(error, path, 'read');
  } finally {
    await file?.close();
  }
}

/**
 * Cuts the text of a list behind entries, and parses what is between two cuts as a list of its own: when each of them is
 * one, so is the whole, and of the same entries. A brace that ends no entry makes a piece that is no list.
 */
class PieceParser {
  readonly #list: DepositListBuilder;
  readonly #decoder = new StringDecoder('utf8');
  /** What is not parsed yet, without the bracket or comma before it. */
  #rest = '';
  #isBegun = false;
  #isEmpty = true;

  constructor(path: string) {
    this.#list = new DepositListBuilder(path);
  }

  /** @returns whether it is a list so far */
  add(chunk: Buffer): boolean {
    this.#rest += this.#decoder.write(chunk);
    if (!this.#isBegun) {
      const begun = /^[ \t\r\n]*\[/.exec(this.#rest);
      if (begun === null) return false;
      this.#rest = this.#rest.slice(begun[0].length);
      this.#isBegun = true;
    }
    const end = this.#rest.lastIndexOf('}') + 1;
    if (end === 0) return this.#rest.length < MAX_PIECE_LENGTH;
    const behind = /^[ \t\r\n]*,/.exec(this.#rest.slice(end));
    // The comma may come with the next chunk, and the end of the list is for `end`.
    if (behind === null) return this.#rest.length < MAX_PIECE_LENGTH;
    if (!this.#take(this.#rest.slice(0, end))) return false;
    this.#rest = this.#rest.slice(end + behind[0].length);
    return true;
  }

  end(): DepositList | undefined {
    this.#rest += this.#decoder.end();
    const end = /\][ \t\r\n]*$/.exec(this.#rest);
    if (!this.#isBegun || end === null) return undefined;
    const last = this.#rest.slice(0, end.index);
    const isEmptyList = this.#isEmpty && /^[ \t\r\n]*$/.test(last);
    if (!isEmptyList && !this.#take(last)) return undefined;
    return this.#list.build();
  }

  #take(text: string): boolean {
    const entries = tryParseDepositData(`[${text}]`);
    if (entries === undefined || entries.length === 0) return false;
    this.#list.add(entries);
    this.#isEmpty = false;
    return true;
  }
}
