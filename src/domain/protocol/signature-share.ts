import blst from '@chainsafe/blst';
import { wipe } from '../../lib/bytes.ts';
import {
  assertPossibleScheme,
  type CoefficientSource,
  differencesAtZero,
  evaluatePolynomial,
  fromScalar,
  randomCoefficients,
  type ShareScheme,
} from '../consensus/secret-polynomial.ts';
import { findDeparture, PUBLIC_KEYS, SIGNATURES, valuesOfDifferences } from './neighbouring-points.ts';

/** How exit signature shards are wished to be made: of key shares, of the validator's one signature, or as can be. */
export type ExitShardMode = 'auto' | 'key-shares' | 'split';

/** What the oracles get of one validator's exit: neither list tells whether a key or a signature was split. */
export interface SplitSignature {
  /** 96 bytes each, in oracle order. */
  readonly signatures: readonly Uint8Array[];
  /** 48 bytes each; signature i is valid under public key i. */
  readonly publicKeys: readonly Uint8Array[];
}

/**
 * Shamir shares of a signature S, made without the secret key: share i is S + m_i·H(message), where the mask m_i = Σ c_k·(i+1)^k
 * comes of random coefficients. The differences of the masks sign as secret keys, threshold - 1 of them, and blst adds up the
 * rest. With equal coefficients these are the signatures of the secret key's own shares.
 * @param options.publicKey - 48 bytes, of the key that made the signature
 * @param options.message - the 32-byte signing root
 * @param options.signature - 96 bytes, verified by the caller
 * @param options.coefficients - replaces the CSPRNG, for recorded vectors only
 * @throws RangeError when the scheme is impossible
 */
export function splitSignature(
  options: ShareScheme & {
    readonly publicKey: Uint8Array;
    readonly message: Uint8Array;
    readonly signature: Uint8Array;
    readonly coefficients?: CoefficientSource | undefined;
  },
): SplitSignature {
  const { threshold, count, message, coefficients = randomCoefficients } = options;
  assertPossibleScheme(options);
  const keys = drawMaskDifferences(threshold, count, coefficients).map(difference => {
    const bytes = fromScalar(difference);
    const key = blst.SecretKey.fromBytes(bytes);
    wipe(bytes);
    return key;
  });
  const publicKey = blst.PublicKey.fromBytes(options.publicKey, true);
  const signature = blst.Signature.fromBytes(options.signature, true, true);
  const publicKeys = [publicKey, ...keys.map(key => key.toPublicKey())];
  const signatures = [signature, ...keys.map(key => key.sign(message))];
  return {
    signatures: valuesOfDifferences(SIGNATURES, signatures, count).map(share => share.toBytes()),
    publicKeys: valuesOfDifferences(PUBLIC_KEYS, publicKeys, count).map(share => share.toBytes()),
  };
}

/**
 * Differences at 0, from the first to the highest, of a random polynomial that is zero there. Its coefficients determine them
 * and the other way round: both are as random.
 */
function drawMaskDifferences(threshold: number, count: number, draw: CoefficientSource): bigint[] {
  if (threshold === 1) return [];
  for (;;) {
    const values = [0n, ...evaluatePolynomial([0n, ...draw(threshold - 1)], count)];
    const differences = differencesAtZero(values.slice(0, threshold));
    // A zero mask would leave the whole signature as a share, and a zero difference is no secret key. Both come once in 2^250 draws.
    if (![...values.slice(1), ...differences.slice(1)].includes(0n)) return differences.slice(1);
  }
}

/**
 * Whether any threshold of the shares recombine to the signature: all of them lie on one polynomial of a degree below the
 * threshold whose value at zero it is.
 * @param signature - 96 bytes
 * @param shares - 96 bytes each, in oracle order; made here: that they are in their subgroup is not checked again
 */
export function areSharesOfSignature(
  signature: Uint8Array,
  shares: readonly Uint8Array[],
  threshold: number,
): boolean {
  const values = [signature, ...shares].map(bytes => blst.Signature.fromBytes(bytes));
  return findDeparture(SIGNATURES, values, threshold) === undefined;
}

/** What is wrong with shares of a public key. */
export type KeySharesFault =
  | { readonly kind: 'too-few-suffice' }
  /** The first place, and the last, of `threshold` neighbouring shares that do not recombine to it. */
  | { readonly kind: 'other-polynomial'; readonly from: number; readonly to: number };

/**
 * What keeps the shares of a public key from being those of one polynomial of exactly the threshold's degree, with the key at
 * zero. Of fewer than `threshold` shares that gave the key, fewer oracles would recover an exit; of the key itself named as each
 * of its shares, one would. And shares that lie on one polynomial give the same exit to whichever oracles come together.
 * @param publicKey - 48 bytes
 * @param shares - 48 bytes each, in oracle order
 * @param threshold - two or more
 * @throws Error for bytes that are no point, or one outside of the subgroup
 */
export function findKeySharesFault(
  publicKey: Uint8Array,
  shares: readonly Uint8Array[],
  threshold: number,
): KeySharesFault | undefined {
  const values = [publicKey, ...shares].map(bytes => blst.PublicKey.fromBytes(bytes, true));
  const tooFew = values.slice(0, threshold);
  if (findDeparture(PUBLIC_KEYS, tooFew, threshold - 1) === undefined) return { kind: 'too-few-suffice' };
  const from = findDeparture(PUBLIC_KEYS, values, threshold);
  // The shares before it lie on one polynomial with the key, as does the last of the neighbours or it would not be they.
  return from === undefined ? undefined : { kind: 'other-polynomial', from, to: from + threshold - 1 };
}
