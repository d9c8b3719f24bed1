const UTF8_MARK = '\ufeff';

/**
 * Text of bytes in UTF-8, without the byte order mark that editors of Windows put in front of it; in UTF-16 where its mark says so,
 * as PowerShell writes files. Everything that is read as text from a file goes through here.
 * @param options.fatal - whether bytes that are no such text are refused instead of replaced
 * @throws TypeError for bytes that are no such text, when they are to be refused
 */
export function decodeText(bytes: Uint8Array, { fatal = false }: { readonly fatal?: boolean } = {}): string {
  const encoding = wideEncodingOf(bytes);
  if (encoding !== undefined) return new TextDecoder(encoding, { fatal }).decode(bytes);
  if (fatal) return new TextDecoder('utf-8', { fatal }).decode(bytes);
  // A tenth of the time that a TextDecoder takes for a small file.
  return withoutMark(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
}

/** A text without the byte order mark in front of it. */
export function withoutMark(text: string): string {
  return text.startsWith(UTF8_MARK) ? text.slice(UTF8_MARK.length) : text;
}

/** Bytes of a text for a reader that knows no byte order mark, such as OpenSSL of PEM: the same ones where there is none. */
export function plainTextBytes(bytes: Uint8Array): Uint8Array {
  const isMarked =
    wideEncodingOf(bytes) !== undefined || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf);
  return isMarked ? Buffer.from(decodeText(bytes)) : bytes;
}

/** Neither of these marks can stand in UTF-8. */
function wideEncodingOf(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  // A mark alone is no text.
  if (bytes.length <= 2) return undefined;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}
