import { hkdfSync } from 'node:crypto';
import { concatBytes, wipe } from '../../lib/bytes.ts';
import { type CoefficientSource, CURVE_ORDER } from '../consensus/secret-polynomial.ts';

const DOMAIN = 'stakewise-operator/share-coefficients/v1';
/** The length in EIP-2333's hkdf_mod_r: 48 bytes modulo r are uniform but for 2^-128. */
const WIDE_SCALAR_LENGTH = 48;

/**
 * Coefficients of the polynomial that splits a key for an oracle set, by HKDF-SHA256 of the key itself: as unpredictable
 * as the key to all who do not have it, and the same whenever they are made. A command that was killed makes the same
 * shares again, and finds those that it had sent already.
 * @param secretKey - 32 bytes
 * @param oracleSetHash - 32 bytes; another set gets other coefficients
 */
export function deriveCoefficients(secretKey: Uint8Array, oracleSetHash: Uint8Array): CoefficientSource {
  return count =>
    Array.from({ length: count }, (_, i) => {
      const info = concatBytes([
        new TextEncoder().encode(DOMAIN),
        oracleSetHash,
        Uint8Array.of(i >> 8, i & 0xff),
      ]);
      const wide = new Uint8Array(hkdfSync('sha256', secretKey, '', info, WIDE_SCALAR_LENGTH));
      const coefficient = BigInt(`0x${Buffer.from(wide).toString('hex')}`) % CURVE_ORDER;
      wipe(wide);
      return coefficient;
    });
}
