import { concatBytes } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { ForkData, SigningData } from './ssz.ts';

/** Domain types of the consensus specification that this program signs in. */
export const DOMAIN = {
  deposit: Uint8Array.of(3, 0, 0, 0),
  voluntaryExit: Uint8Array.of(4, 0, 0, 0),
} as const;

/**
 * `compute_domain` of the consensus specification.
 * @param domainType - 4 bytes
 * @param forkVersion - 4 bytes
 * @param genesisValidatorsRoot - 32 bytes; zeros for deposits, which are valid before there is a genesis
 * @returns 32 bytes
 */
export function computeDomain(
  domainType: Uint8Array,
  forkVersion: Uint8Array,
  genesisValidatorsRoot: Uint8Array = new Uint8Array(HASH_LENGTH),
): Uint8Array {
  const root = ForkData.hashTreeRoot({
    current_version: forkVersion,
    genesis_validators_root: genesisValidatorsRoot,
  });
  return concatBytes([domainType, root.subarray(0, 28)]);
}

/** `compute_signing_root` of the consensus specification, from the object's hash tree root. */
export function computeSigningRoot(objectRoot: Uint8Array, domain: Uint8Array): Uint8Array {
  return SigningData.hashTreeRoot({ object_root: objectRoot, domain });
}
