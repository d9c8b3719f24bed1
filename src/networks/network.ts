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
  /** What proposers ask for at least, whatever a node advises to give them. Default: nothing. */
  readonly minPriorityFeeGwei?: bigint | undefined;
  /** URLs, asked in this order. */
  readonly ipfsGateways: readonly string[];
  /** CID of the dump of validators before the StakeWise deployment, or empty. */
  readonly genesisValidatorsIpfsHash: string;
  /** How much a validator with 0x02 credentials is given at most, unless the operator is told otherwise; mGNO on Gnosis. */
  readonly maxValidatorBalanceGwei?: bigint | undefined;
  /** The validators of all vaults up to a block, so that a node need not have older logs. */
  readonly vaultValidatorsDump?: VaultValidatorsDump | undefined;
}

/** A document on IPFS with what vaults have registered; `clients/ipfs/vault-validators-dump.ts` says its form. */
interface VaultValidatorsDump {
  readonly ipfsHash: string;
  /** Last block of which it has the registrations. */
  readonly block: number;
}

/** What is known of the keeper's events up to a block, so that a node need not have older logs. */
interface KeeperCheckpoint {
  /** Last block of which it is known. */
  readonly block: number;
  /** Block of the last `ConfigUpdated` event up to it. */
  readonly configUpdatedBlock: number;
}

/** Checksummed addresses. */
interface NetworkContracts {
  readonly keeper: string;
  readonly keeperGenesisBlock: number;
  readonly keeperCheckpoint?: KeeperCheckpoint | undefined;
  readonly depositContract: string;
  readonly depositContractGenesisBlock: number;
  readonly vaultsRegistry: string;
  readonly sharedMevEscrow: string;
  readonly multicall: string;
  readonly depositDataRegistry?: string | undefined;
  readonly genesisVault?: string | undefined;
  readonly v2Pool?: string | undefined;
  readonly v2PoolEscrow?: string | undefined;
  /** Tells how much the exit queue of a vault of version 5 lacks: the release with four arguments. */
  readonly validatorsChecker?: string | undefined;
  readonly consolidationsChecker?: string | undefined;
  /** The system contract that takes requests for withdrawals (EIP-7002). */
  readonly withdrawalRequests?: string | undefined;
  /** The system contract that takes requests for consolidations (EIP-7251). */
  readonly consolidationRequests?: string | undefined;
  readonly osTokenRedeemer?: string | undefined;
  readonly osTokenVaultController?: string | undefined;
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
