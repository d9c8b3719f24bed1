import { type Hex, toHex } from '../../lib/bytes.ts';
import { findInvalidSignatures } from './bls.ts';
import { type Deposit, depositMessageRoot } from './deposit.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from './signing-root.ts';

/** The part of a network that deposits depend on. */
export interface DepositNetwork {
  readonly name: string;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

/** The root that a deposit's signature is made over. */
export function depositSigningRoot(
  deposit: Omit<Deposit, 'signature'>,
  genesisForkVersion: Uint8Array,
): Uint8Array {
  return computeSigningRoot(depositMessageRoot(deposit), computeDomain(DOMAIN.deposit, genesisForkVersion));
}

/** Places of the deposits whose signature the beacon chain would not accept; batch-verified. */
export function findInvalidDeposits(deposits: readonly Deposit[], genesisForkVersion: Uint8Array): number[] {
  const domain = computeDomain(DOMAIN.deposit, genesisForkVersion);
  return findInvalidSignatures(
    deposits.map(deposit => ({
      publicKey: deposit.publicKey,
      message: computeSigningRoot(depositMessageRoot(deposit), domain),
      signature: deposit.signature,
    })),
  );
}

/** Whether the beacon chain would accept a deposit's signature. */
export function verifyDepositSignature(deposit: Deposit, genesisForkVersion: Uint8Array): boolean {
  return findInvalidDeposits([deposit], genesisForkVersion).length === 0;
}

/** Body of Web3Signer's request to sign a deposit, in its own names. */
export interface DepositSignRequest {
  readonly deposit: {
    readonly pubkey: Hex;
    readonly withdrawal_credentials: Hex;
    /** Gwei in decimals. */
    readonly amount: string;
    readonly genesis_fork_version: Hex;
  };
  readonly signing_root: Hex;
  readonly type: 'DEPOSIT';
}

/** What a signer is asked with for a deposit's signature: `POST /api/v1/eth2/sign/{public key}`. */
export function createDepositSignRequest(
  deposit: Omit<Deposit, 'signature'>,
  genesisForkVersion: Uint8Array,
): DepositSignRequest {
  return {
    deposit: {
      pubkey: toHex(deposit.publicKey),
      withdrawal_credentials: toHex(deposit.withdrawalCredentials),
      amount: String(deposit.amountGwei),
      genesis_fork_version: toHex(genesisForkVersion),
    },
    signing_root: toHex(depositSigningRoot(deposit, genesisForkVersion)),
    type: 'DEPOSIT',
  };
}
