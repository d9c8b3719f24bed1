import { getAddress } from 'ethers/address';
import { concatBytes, toHex } from '../../lib/bytes.ts';
import { keccak256 } from '../../lib/keccak.ts';
import { COMPACT_SIGNATURE_LENGTH, RECOVERABLE_SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { hasLowS, recoverPoint } from '../../lib/secp256k1.ts';

/**
 * Who made a signature, checksummed; and the signature as contracts take it, with v of 27 or 28.
 * @returns undefined for what is no signature, or one with a high s, which contracts refuse
 */
export function recoverSigner(
  digest: Uint8Array,
  signature: Uint8Array,
): { readonly address: string; readonly signature: Uint8Array } | undefined {
  const compact = Uint8Array.from(signature.subarray(0, COMPACT_SIGNATURE_LENGTH));
  const v = signature[COMPACT_SIGNATURE_LENGTH] ?? -1;
  const recovery = v >= 27 ? v - 27 : v;
  if (signature.length !== RECOVERABLE_SIGNATURE_LENGTH || (recovery !== 0 && recovery !== 1))
    return undefined;
  try {
    if (!hasLowS(compact)) return undefined;
    const point = recoverPoint(digest, { signature: compact, recoveryId: recovery });
    const address = getAddress(toHex(keccak256(point.subarray(1)).subarray(12)));
    return { address, signature: concatBytes([compact, Uint8Array.of(27 + recovery)]) };
  } catch {
    // Numbers out of range, or of no point of the curve.
    return undefined;
  }
}
