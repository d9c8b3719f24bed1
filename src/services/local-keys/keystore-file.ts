import { type Keystore, readKeystore } from '../../domain/keys/keystore.ts';
import { fromHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { readTextAtOnce } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { isForeignJson } from './keystore-names.ts';

/**
 * A file of a keystores directory, read but not decrypted; undefined for JSON that is plainly no keystore.
 * @throws OperatorError naming the file: 'keystore-not-json', 'keystore-version', 'keystore-invalid', or that it cannot be read
 */
export function readKeystoreFile(path: string): Keystore | undefined {
  const json = parseJson(readTextAtOnce(path));
  return isForeignJson(path, json) ? undefined : readKeystore(json, path);
}

/**
 * The public key that a keystore names, 48 bytes; not proven.
 * @throws OperatorError 'keystore-invalid' when it names none, for whoever cannot decrypt it
 */
export function publicKeyNamedBy({ pubkey }: Keystore, path: string): Uint8Array {
  if (pubkey !== undefined) return fromHex(pubkey, PUBLIC_KEY_LENGTH);
  throw new OperatorError('keystore-invalid', `${path} does not name its public key.`, {
    hint: 'Write the public key into the file, as its member "pubkey", or move the file away.',
  });
}
