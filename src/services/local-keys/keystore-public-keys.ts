import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fromHex } from '../../lib/bytes.ts';
import { readTextAtOnce } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { compareNumberedPaths } from '../../lib/numbered-path.ts';
import { visibleFilesOf } from '../../lib/visible-files.ts';
import { isKeystoreName } from './keystore-names.ts';

/**
 * Public keys that the keystores of a directory name, 48 bytes each, in the order of their derivation. Nothing is decrypted, and
 * what is no keystore, or a broken one, is passed over: this says whose keys they are, and proves nothing.
 * @returns none where there is no such directory
 */
export function readKeystorePublicKeys(directory: string): readonly Uint8Array[] {
  if (!existsSync(directory)) return [];
  const found: { readonly publicKey: Uint8Array; readonly path: string }[] = [];
  for (const file of visibleFilesOf(directory)) {
    if (!isKeystoreName(basename(file))) continue;
    const members = readMembers(file);
    const publicKey = parseKey(members?.pubkey);
    if (publicKey !== undefined) found.push({ publicKey, path: String(members?.path ?? '') });
  }
  return found.sort((a, b) => compareNumberedPaths(a.path, b.path)).map(({ publicKey }) => publicKey);
}

function readMembers(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json = parseJson(readTextAtOnce(file));
    return typeof json === 'object' && json !== null
      ? (json as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function parseKey(value: unknown): Uint8Array | undefined {
  try {
    return typeof value === 'string' ? fromHex(value, PUBLIC_KEY_LENGTH) : undefined;
  } catch {
    return undefined;
  }
}
