import { OperatorError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { WorkerPool } from '../../../workers/pool.ts';

/**
 * Public keys of secret keys of 32 bytes, flat.
 * @param describe - begins the sentence about a secret key that is none
 * @throws OperatorError 'invalid-key' for zero and for what is not below the group's order: Web3Signer would list the
 *   point at infinity for zero, under which everybody can sign
 */
export async function deriveRecords(
  pool: WorkerPool,
  secretKeys: Uint8Array,
  describe: (place: number) => string,
): Promise<Uint8Array[]> {
  const flat = await pool.derivePublicKeys(secretKeys);
  return Array.from({ length: secretKeys.length / SECRET_KEY_LENGTH }, (_, place) => {
    const publicKey = flat.slice(PUBLIC_KEY_LENGTH * place, PUBLIC_KEY_LENGTH * (place + 1));
    if (publicKey[0] !== 0) return publicKey;
    throw new OperatorError('invalid-key', `${describe(place)} zero or not below the group's order.`);
  });
}
