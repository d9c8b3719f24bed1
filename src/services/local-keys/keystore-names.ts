import { basename } from 'node:path';
import { readTextAtOnce } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { visibleFilesOf } from '../../lib/visible-files.ts';
import { isDepositDataName } from './deposit-data-file.ts';

// Which files among keystores count as keystores. Knows nothing of what is in one: the operator asks, too.

/** Whether a file of a keystores directory may be a keystore by its name: deposit data may lie among them. */
export function isKeystoreName(name: string): boolean {
  return name.endsWith('.json') && !name.startsWith('.') && !isDepositDataName(name);
}

/**
 * Whether JSON that lies among keystores is plainly none: slashing protection data, lists of public keys, settings, the wallet of an
 * execution client. What is called a keystore, or has members of one, counts as one, and is refused where it is a broken one.
 * @param json - of `parseJson`; what is not JSON may be half a keystore
 */
export function isForeignJson(path: string, json: unknown): boolean {
  if (json === undefined || /keystore/i.test(basename(path))) return false;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return true;
  const members = json as Readonly<Record<string, unknown>>;
  if (members.version === 3 && 'address' in members) return true;
  return !('crypto' in members || ('version' in members && 'pubkey' in members));
}

/** Whether a directory, or one below it, has a file that counts as a keystore; what cannot be read may be one. */
export function holdsKeystores(directory: string): boolean {
  return Iterator.from(visibleFilesOf(directory)).some(
    path => isKeystoreName(basename(path)) && mayBeKeystore(path),
  );
}

/** Whether a file with a keystore's name counts as a keystore; what cannot be read may be one. */
export function mayBeKeystore(path: string): boolean {
  try {
    return !isForeignJson(path, parseJson(readTextAtOnce(path)));
  } catch {
    return true;
  }
}
