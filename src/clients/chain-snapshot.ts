import type { Hex } from '../lib/bytes.ts';

/** What the chain says as of one block: all that a round of the operator's tasks looks at. */
export interface ChainSnapshot {
  readonly blockNumber: number;
  readonly blockHash: Hex;
  /** Of the block, in unix seconds. */
  readonly timestamp: number;
  readonly baseFeePerGasWei: bigint;
  /** Of the hot wallet; null when the reader was given none. */
  readonly walletBalanceWei: bigint | null;
  /** Root of the deposit contract's tree, 32 bytes. */
  readonly registryRoot: Uint8Array;
  readonly vault: VaultState;
  readonly keeper: KeeperState;
  readonly events: KeeperEvents;
}

export interface VaultState {
  /** Without what a pending harvest would bring. */
  readonly withdrawableAssetsWei: bigint;
  /**
   * Root of the deposit data tree (32 bytes; zeros when none is set) and place in it of the next validator: the vault's
   * own for version 1, the DepositDataRegistry's for later ones; null when the network names no such registry.
   */
  readonly depositData: { readonly root: Uint8Array; readonly index: number } | null;
  /** Who may register validators, checksummed; null for version 1. */
  readonly validatorsManager: string | null;
}

export interface KeeperState {
  readonly isCollateralized: boolean;
  readonly canHarvest: boolean;
  readonly isHarvestRequired: boolean;
  /** Of the next rewards update; 1 before the first one. */
  readonly rewardsNonce: bigint;
  /** Of the vault's next exit signatures update. */
  readonly exitSignaturesNonce: bigint;
  readonly validatorsMinOracles: number;
}

/** The keeper's last events up to the snapshot's block; null where there has been none. */
export interface KeeperEvents {
  readonly config: { readonly ipfsHash: string; readonly blockNumber: number } | null;
  readonly rewards: {
    /** 32 bytes. */
    readonly root: Uint8Array;
    readonly ipfsHash: string;
    readonly blockNumber: number;
  } | null;
  /** Of this vault. */
  readonly exitSignatures: { readonly ipfsHash: string; readonly blockNumber: number } | null;
}

/** Reads snapshots; all tasks share one. */
export interface ChainReader {
  /**
   * The chain at its head. Callers of one slot share what was read; one that comes after its own transaction asks for a
   * fresh one.
   */
  readSnapshot(options?: {
    readonly fresh?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<ChainSnapshot>;
}
