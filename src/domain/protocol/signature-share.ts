import blst from '@chainsafe/blst';
import { wipe } from '../../lib/bytes.ts';
import {
  assertPossibleScheme,
  type CoefficientSource,
  evaluatePolynomial,
  fromScalar,
  randomCoefficients,
  type ShareScheme,
} from '../consensus/secret-polynomial.ts';

/** How exit signature shards are wished to be made: of key shares, of the validator's one signature, or as can be. */
export type ExitShardMode = 'auto' | 'key-shares' | 'split';

/** What the oracles get of one validator's exit: neither list tells whether a key or a signature was split. */
export interface SplitSignature {
  /** 96 bytes each, in oracle order. */
  readonly signatures: readonly Uint8Array[];
  /** 48 bytes each; signature i is valid under public key i. */
  readonly publicKeys: readonly Uint8Array[];
}

/** A share of a public key or a signature. */
interface PointShare {
  /** Zero-based place of the oracle in its set; the share is the polynomial's value at index + 1. */
  readonly index: number;
  /** Compressed: 48 bytes of a public key, 96 of a signature. */
  readonly point: Uint8Array;
}

/**
 * Shamir shares of a signature S, made without the secret key: share i is S + m_i·H(message), where the mask
 * m_i = Σ c_k·(i+1)^k comes of random coefficients. The masks sign as secret keys, and blst adds up. With equal
 * coefficients these are the signatures of the secret key's own shares.
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
  const { threshold, count, coefficients = randomCoefficients } = options;
  assertPossibleScheme(options);
  if (threshold === 1) {
    const same = (bytes: Uint8Array) => Array.from({ length: count }, () => Uint8Array.from(bytes));
    return { signatures: same(options.signature), publicKeys: same(options.publicKey) };
  }
  const publicKey = blst.PublicKey.fromBytes(options.publicKey, true);
  const signature = blst.Signature.fromBytes(options.signature, true, true);
  const shares = drawMasks(threshold, count, coefficients).map(mask => {
    const bytes = fromScalar(mask);
    const key = blst.SecretKey.fromBytes(bytes);
    wipe(bytes);
    return {
      signature: blst.aggregateSignatures([signature, key.sign(options.message)]).toBytes(),
      publicKey: blst.aggregatePublicKeys([publicKey, key.toPublicKey()]).toBytes(),
    };
  });
  return {
    signatures: shares.map(share => share.signature),
    publicKeys: shares.map(share => share.publicKey),
  };
}

function drawMasks(threshold: number, count: number, draw: CoefficientSource): bigint[] {
  for (;;) {
    const masks = evaluatePolynomial([0n, ...draw(threshold - 1)], count);
    // A zero mask is no secret key, and its share would be the whole signature. It comes once in 2^255 draws.
    if (!masks.includes(0n)) return masks;
  }
}

/** Recombines points by Lagrange interpolation at zero, as the oracles' keeper does. */
export interface PointCombiner {
  /** The signature of threshold or more shares of it; too few, or shares of different ones, give another: verify it. */
  combineSignatures(shares: readonly PointShare[]): Uint8Array;
  /** The public key of threshold or more shares of it; compare it. */
  combinePublicKeys(shares: readonly PointShare[]): Uint8Array;
}

/**
 * Loads the library that multiplies points (mcl as WebAssembly, some 60 ms once): blst's binding has no such call.
 * Points are parsed by blst, which checks that they are in their subgroups.
 */
export async function createPointCombiner(): Promise<PointCombiner> {
  const { default: herumi } = await import('bls-eth-wasm');
  await herumi.init(herumi.BLS12_381);
  // blst has checked the order of every point below; a second check costs more than the recombination.
  herumi.verifySignatureOrder(false);
  herumi.verifyPublicKeyOrder(false);
  const { Id, PublicKey, Signature } = herumi;
  const idsOf = (shares: readonly PointShare[]) => {
    if (shares.length === 0 || new Set(shares.map(share => share.index)).size !== shares.length) {
      throw new RangeError('shares must be given, each of another index');
    }
    return shares.map(({ index }) => {
      const id = new Id();
      id.setInt(index + 1);
      return id;
    });
  };
  return {
    combineSignatures(shares) {
      const ids = idsOf(shares);
      const parts = shares.map(({ point }) => {
        const part = new Signature();
        part.deserializeUncompressed(blst.Signature.fromBytes(point, true, true).toBytes(false));
        return part;
      });
      const whole = new Signature();
      whole.recover(parts, ids);
      return whole.serialize();
    },
    combinePublicKeys(shares) {
      const ids = idsOf(shares);
      const parts = shares.map(({ point }) => {
        const part = new PublicKey();
        part.deserializeUncompressed(blst.PublicKey.fromBytes(point, true).toBytes(false));
        return part;
      });
      const whole = new PublicKey();
      whole.recover(parts, ids);
      return whole.serialize();
    },
  };
}
