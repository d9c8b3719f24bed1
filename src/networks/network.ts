/** Everything the program knows about a chain. One form for built-in networks and network files. */
export interface Network {
  /** What rows, files and logs carry: 1 to 32 of `a-z0-9-`. */
  readonly name: string;
  readonly chainId: number;
  /** Currency of the wallet's balance and of gas. */
  readonly currency: string;
  readonly secondsPerSlot: number;
  readonly slotsPerEpoch: number;
  /** Unix seconds. */
  readonly genesisTimestamp: number;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
  /** 32 bytes. */
  readonly genesisValidatorsRoot: Uint8Array;
  /** 4 bytes: the fork of every exit signature (EIP-7044). */
  readonly capellaForkVersion: Uint8Array;
  readonly capellaForkEpoch: number;
  readonly contracts: NetworkContracts;
  readonly minWalletBalanceGwei: bigint;
  readonly maxFeePerGasGwei: bigint;
  /** URLs, asked in this order. */
  readonly ipfsGateways: readonly string[];
  /** CID of the dump of validators before the StakeWise deployment, or empty. */
  readonly genesisValidatorsIpfsHash: string;
}

/** Checksummed addresses. */
interface NetworkContracts {
  readonly keeper: string;
  readonly keeperGenesisBlock: number;
  readonly depositContract: string;
  readonly depositContractGenesisBlock: number;
  readonly vaultsRegistry: string;
  readonly sharedMevEscrow: string;
  readonly multicall: string;
  readonly depositDataRegistry?: string | undefined;
  readonly genesisVault?: string | undefined;
  readonly v2Pool?: string | undefined;
  readonly v2PoolEscrow?: string | undefined;
}

/** Whether a vault (checksummed) is the one that took over the validators of the StakeWise V2 pool. */
export function isGenesisVault({ contracts }: Pick<Network, 'contracts'>, vault: string): boolean {
  return contracts.genesisVault === vault;
}

/** Where validators of a vault may withdraw to: the vault itself; for the genesis vault the V2 pool's escrow, too. */
export function withdrawalAddresses(network: Pick<Network, 'contracts'>, vault: string): readonly string[] {
  const { v2PoolEscrow } = network.contracts;
  return v2PoolEscrow !== undefined && isGenesisVault(network, vault) ? [vault, v2PoolEscrow] : [vault];
}
