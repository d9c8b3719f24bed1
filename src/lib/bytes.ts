/** Hex text with its 0x prefix, lower case. */
export type Hex = `0x${string}`;

/** Lower-case 0x hex of the bytes. */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/**
 * Bytes of a hex string, with or without 0x, in any case.
 * @param length - expected number of bytes; any when left out
 * @throws RangeError when the text is not hex or has another length. The text itself is not repeated: it may be a secret.
 */
export function fromHex(hex: string, length?: number): Uint8Array<ArrayBuffer> {
  const digits = hex.startsWith('0x') || hex.startsWith('0X') ? hex.slice(2) : hex;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) throw new RangeError('not a hex string');
  if (length !== undefined && digits.length !== 2 * length) {
    throw new RangeError(`expected ${length} bytes of hex, got ${digits.length / 2}`);
  }
  // Copied out of Buffer's shared pool, so that a caller who overwrites it overwrites all there is.
  const bytes = new Uint8Array(digits.length / 2);
  bytes.set(Buffer.from(digits, 'hex'));
  return bytes;
}

/** Whether two byte strings are equal. Not constant in time: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Order of two byte strings, as bytea is ordered by Postgres. For `Array.sort`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The byte strings one after another in one fresh array. They come as a list: a hundred thousand arguments overflow the stack. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Overwrites a secret in place, or each secret of a list, of whatever length. What is undefined was never made. */
export function wipe(secrets: Uint8Array | Iterable<Uint8Array | undefined>): void {
  if (secrets instanceof Uint8Array) {
    secrets.fill(0);
    return;
  }
  for (const secret of secrets) secret?.fill(0);
}
