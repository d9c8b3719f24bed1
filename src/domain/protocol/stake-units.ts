import { WEI_PER_GWEI } from '../../lib/units.ts';

/**
 * What the beacon chain counts for an amount of the vault's, in gwei, rounded down.
 * @param stakePerToken - what it counts for one token: 32 for a GNO, 1 for an ether
 */
export function toBeaconGwei(vaultWei: bigint, stakePerToken: bigint): bigint {
  return (vaultWei * stakePerToken) / WEI_PER_GWEI;
}

/** What an amount of the beacon chain is worth to the vault, in wei, rounded down; the other way of {@link toBeaconGwei}. */
export function toVaultWei(beaconGwei: bigint, stakePerToken: bigint): bigint {
  return (beaconGwei * WEI_PER_GWEI) / stakePerToken;
}
