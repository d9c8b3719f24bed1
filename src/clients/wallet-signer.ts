import type { Hex } from '../lib/bytes.ts';

/** An EIP-1559 transaction that carries no ether. */
export interface UnsignedTransaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly to: string;
  readonly data: Hex;
  readonly gasLimit: bigint;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** The message by which a vault's validators manager approves validators (EIP-712 `VaultValidators`). */
export interface VaultValidatorsMessage {
  readonly chainId: number;
  readonly vault: string;
  /** 32 bytes. */
  readonly validatorsRegistryRoot: Uint8Array;
  /** All validators' bytes, one after another, as the vault takes them. */
  readonly validators: Uint8Array;
}

/** The hot wallet, in a process that speaks Web3Signer's eth1 API. */
export interface WalletSigner extends AsyncDisposable {
  /** Checksummed. */
  readonly address: string;
  /** The signed transaction, ready to be broadcast. @throws ExternalError */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
  /** r, s and v, 65 bytes. @throws ExternalError */
  signVaultValidators(message: VaultValidatorsMessage): Promise<Uint8Array>;
}
