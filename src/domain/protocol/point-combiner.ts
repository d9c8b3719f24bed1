import blst from '@chainsafe/blst';

/** A share of a signature. */
interface SignatureShare {
  /** Zero-based place of the oracle in its set; the share is the polynomial's value at index + 1. */
  readonly index: number;
  /** Compressed, 96 bytes. */
  readonly point: Uint8Array;
}

/** Recombines signatures by Lagrange interpolation at zero, as the oracles' keeper does. */
export interface PointCombiner {
  /** The signature of threshold or more shares of it; too few, or shares of different ones, give another: verify it. */
  combineSignatures(shares: readonly SignatureShare[]): Uint8Array;
}

/**
 * Loads the library that multiplies points (mcl as WebAssembly, some 60 ms once), for shares at any places: blst's binding has no
 * such call. Points are parsed by blst, which checks that they are in their subgroup.
 */
export async function createPointCombiner(): Promise<PointCombiner> {
  const { default: herumi } = await import('bls-eth-wasm');
  await herumi.init(herumi.BLS12_381);
  // blst has checked the order of every point below; a second check costs more than the recombination.
  herumi.verifySignatureOrder(false);
  const { Id, Signature } = herumi;
  return {
    combineSignatures(shares) {
      if (shares.length === 0 || new Set(shares.map(share => share.index)).size !== shares.length) {
        throw new RangeError('shares must be given, each of another index');
      }
      const ids = shares.map(({ index }) => {
        const id = new Id();
        id.setInt(index + 1);
        return id;
      });
      const parts = shares.map(({ point }) => {
        const part = new Signature();
        part.deserializeUncompressed(blst.Signature.fromBytes(point, true, true).toBytes(false));
        return part;
      });
      const whole = new Signature();
      whole.recover(parts, ids);
      return whole.serialize();
    },
  };
}
