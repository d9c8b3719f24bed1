import { createHmac } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';
import { deriveSubkey } from './envelope.ts';

/**
 * HMAC-SHA256 of a record of an accepted oracle set, under the 'oracle-set' subkey of the user's encryption key.
 * @returns 32 bytes
 */
export function computeOracleSetMac(encryptionKey: Uint8Array, record: Uint8Array): Uint8Array {
  const key = deriveSubkey(encryptionKey, 'oracle-set');
  try {
    return new Uint8Array(createHmac('sha256', key).update(record).digest());
  } finally {
    wipe(key);
  }
}
