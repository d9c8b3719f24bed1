import { hash } from 'node:crypto';
import { concatBytes } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';

export interface Deposit {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

/** What a vault needs of an entry of deposit data to register its validator: the rest of the deposit follows from the vault. */
export interface DepositEntry {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a StakeWise vault deposits for a validator with 0x01 credentials, and the least with 0x02; on Gnosis 1 GNO counts as 32. */
export const DEPOSIT_AMOUNT_GWEI = 32_000_000_000n;

/**
 * Prefix of a validator's withdrawal credentials: with 0x01 it has 32 ETH, and what is more is paid out; with 0x02 (EIP-7251) its
 * balance grows up to 2,048 ETH.
 */
export type ValidatorType = '0x01' | '0x02';

/** Most that a validator with 0x02 credentials earns on: MAX_EFFECTIVE_BALANCE_ELECTRA. */
export const MAX_DEPOSIT_GWEI = 2_048_000_000_000n;

/** 0x01 withdrawal credentials of an execution address of 20 bytes. */
export function vaultCredentials(vault: Uint8Array): Uint8Array {
  return credentialsOfType('0x01', vault);
}

/** Withdrawal credentials by which validators of this type pay to a vault of 20 bytes. */
export function credentialsOfType(type: ValidatorType, vault: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(type === '0x01' ? 1 : 2), new Uint8Array(11), vault]);
}

/** Whether a vault can make a new validator's deposit of this amount: 32 ETH with 0x01 credentials, 32 to 2,048 ETH with 0x02. */
export function isDepositOfVault(amountGwei: bigint, type: ValidatorType): boolean {
  if (type === '0x01') return amountGwei === DEPOSIT_AMOUNT_GWEI;
  return amountGwei >= DEPOSIT_AMOUNT_GWEI && amountGwei <= MAX_DEPOSIT_GWEI;
}

/** 0x02 withdrawal credentials of an execution address of 20 bytes: what the validator earns is staked again (EIP-7251). */
export function compoundingCredentials(vault: Uint8Array): Uint8Array {
  return credentialsOfType('0x02', vault);
}

/** An entry as the deposit that the vault will make of it, whatever the file says of credentials and amount. */
export function depositOfVault(entry: DepositEntry, vault: Uint8Array): Deposit {
  return {
    publicKey: entry.publicKey,
    signature: entry.signature,
    withdrawalCredentials: vaultCredentials(vault),
    amountGwei: DEPOSIT_AMOUNT_GWEI,
  };
}

// Both roots by hand: each is a handful of hashes, always the same ones, and deposit data needs them ten thousand at a time.
// Objects of the consensus specification (phase 0, beacon-chain.md) with the members pubkey, withdrawal_credentials, amount and,
// in the whole deposit, signature: each in chunks of 32 bytes, the last one filled with zeros, which are paired up to the root.

/** Hash tree root of the deposit's message, the object that is signed. */
export function depositMessageRoot(deposit: Omit<Deposit, 'signature'>): Uint8Array {
  return hashPair(hashKeyAndCredentials(deposit), hashPair(amountChunk(deposit)));
}

/** Hash tree root of the whole deposit, as the deposit contract computes it. */
export function depositDataRoot(deposit: Deposit): Uint8Array {
  const { signature } = deposit;
  const begin = hashPair(signature.subarray(0, 2 * HASH_LENGTH));
  const end = hashPair(signature.subarray(2 * HASH_LENGTH));
  return hashPair(hashKeyAndCredentials(deposit), hashPair(amountChunk(deposit), hashPair(begin, end)));
}

function hashKeyAndCredentials({ publicKey, withdrawalCredentials }: Omit<Deposit, 'signature'>): Uint8Array {
  return hashPair(hashPair(publicKey), withdrawalCredentials);
}

function amountChunk({ amountGwei }: Pick<Deposit, 'amountGwei'>): Uint8Array {
  const chunk = new Uint8Array(HASH_LENGTH);
  new DataView(chunk.buffer).setBigUint64(0, amountGwei, true);
  return chunk;
}

/** SHA-256 over two chunks; what the bytes do not fill of them is zero. */
function hashPair(left: Uint8Array, right?: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * HASH_LENGTH);
  pair.set(left);
  if (right !== undefined) pair.set(right, HASH_LENGTH);
  return hash('sha256', pair, 'buffer');
}
