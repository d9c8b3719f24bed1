import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readPemFile, readTextAtOnce, readTextFile, readTextIfThere } from '../../../src/lib/files.ts';
import { parseJson } from '../../../src/lib/json.ts';
import { decodeText, plainTextBytes, withoutMark } from '../../../src/lib/text.ts';
import { it } from '../../support/fixtures.ts';

const TEXT = '{"ñandú": "日本"}\r\n';
const swapped = Buffer.from(TEXT, 'utf16le').swap16();

/** One text in the bytes that programs write it in. */
const ENCODED: readonly (readonly [string, Uint8Array])[] = [
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`)],
  ['UTF-16 of PowerShell', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
  ['UTF-16 with the other order of bytes', Buffer.concat([Uint8Array.of(0xfe, 0xff), swapped])],
];

describe('text', () => {
  it.for(ENCODED)('decodeText and all readers of files read %s', async ([, bytes], { directory }) => {
    const path = join(directory, 'file');
    writeFileSync(path, bytes);
    const read = [
      decodeText(bytes),
      decodeText(bytes, { fatal: true }),
      await readTextFile(path),
      readTextAtOnce(path),
      await readTextIfThere(path),
      Buffer.from(await readPemFile(path)).toString(),
      Buffer.from(plainTextBytes(bytes)).toString(),
    ];
    expect(new Set(read)).toEqual(new Set([TEXT]));
  });

  it('decodeText refuses what is no text where it is told to, and leaves other bytes as they are', () => {
    for (const bytes of [Uint8Array.of(0x70, 0xff, 0xfe, 1), Uint8Array.of(0xff, 0xfe), Uint8Array.of(0xff)])
      expect(() => decodeText(bytes, { fatal: true })).toThrow(TypeError);
    const binary = Uint8Array.of(0x30, 0x82, 0xff);
    expect(plainTextBytes(binary)).toBe(binary);
  });

  it('withoutMark and parseJson take one mark away, at the beginning only', () => {
    expect(withoutMark('\ufeff\ufeffa\ufeff')).toBe('\ufeffa\ufeff');
    expect(parseJson('\ufeff{"a": "\ufeff"}')).toEqual({ a: '\ufeff' });
  });
});
