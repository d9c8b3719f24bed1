import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { decodeText } from '../../lib/text.ts';
import type { DepositEntry } from './deposit.ts';
import { type DepositDataEntry, parseDepositData } from './deposit-data.ts';
import { DepositPieces } from './deposit-pieces.ts';

const ENTRY_LENGTH = PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH;
const PIECE_LENGTH = 256 * 1024;

/** An entry whose key and signature stand beside those of all others. */
class PackedEntry implements DepositEntry {
  readonly #packed: Uint8Array;
  readonly #offset: number;

  constructor(packed: Uint8Array, place: number) {
    this.#packed = packed;
    this.#offset = place * ENTRY_LENGTH;
  }

  get publicKey(): Uint8Array {
    return this.#packed.subarray(this.#offset, this.#offset + PUBLIC_KEY_LENGTH);
  }

  get signature(): Uint8Array {
    return this.#packed.subarray(this.#offset + PUBLIC_KEY_LENGTH, this.#offset + ENTRY_LENGTH);
  }
}

/**
 * Keys and signatures alone, all in one byte string: the members of 150,000 entries as objects take half a gigabyte, and arrays
 * of their own for each entry twice what is in them.
 */
export function packDeposits(entries: readonly DepositEntry[]): readonly DepositEntry[] {
  const packed = new GrowingBytes(entries.length * ENTRY_LENGTH);
  append(packed, entries);
  return unpack(packed);
}

/**
 * {@link packDeposits} of deposit data, of which no more than a piece is parsed at a time.
 * @param document - the text in UTF-8
 * @param name - how errors call it, such as its path
 * @param check - given each entry as it stands in the text; what it throws is thrown
 * @throws OperatorError 'deposit-data-not-json' or 'deposit-data-invalid'
 */
export function parsePackedDeposits(
  document: Uint8Array,
  name: string,
  check: (entry: DepositDataEntry) => void = () => undefined,
): readonly DepositEntry[] {
  const packed = packInPieces(document, check);
  if (packed !== undefined) return unpack(packed);
  const entries = parseDepositData(decodeText(document), name);
  for (const entry of entries) check(entry);
  return packDeposits(entries);
}

/** @returns undefined when the text cannot be read in pieces: most often since it is no deposit data; or when an entry is refused */
function packInPieces(
  document: Uint8Array,
  check: (entry: DepositDataEntry) => void,
): GrowingBytes | undefined {
  const packed = new GrowingBytes();
  const pieces = new DepositPieces(entries => {
    for (const entry of entries) check(entry);
    append(packed, entries);
  });
  for (let at = 0; at < document.length; at += PIECE_LENGTH) {
    if (!pieces.add(document.subarray(at, at + PIECE_LENGTH))) return undefined;
  }
  return pieces.end() ? packed : undefined;
}

function append(packed: GrowingBytes, entries: readonly DepositEntry[]): void {
  for (const { publicKey, signature } of entries) {
    packed.append(publicKey);
    packed.append(signature);
  }
}

function unpack(packed: GrowingBytes): readonly DepositEntry[] {
  const bytes = packed.subarray();
  return Array.from({ length: bytes.length / ENTRY_LENGTH }, (_, place) => new PackedEntry(bytes, place));
}
