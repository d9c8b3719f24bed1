import { toHex } from '../../lib/bytes.ts';
import { findInvalidSignatures, publicKeyOf, signMessage } from './bls.ts';
import {
  DEPOSIT_AMOUNT_GWEI,
  type Deposit,
  depositDataRoot,
  depositMessageRoot,
  vaultCredentials,
} from './deposit.ts';
import type { DepositDataEntry } from './deposit-data.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from './signing-root.ts';

/** Version of the staking deposit CLI whose format this is; launchpads and the oracles' tools look at it. */
const DEPOSIT_CLI_VERSION = '2.4.0';

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

/** Signs a vault's 32 ETH deposit for a validator. */
export function createDepositData(options: {
  readonly secretKey: Uint8Array;
  /** 20 bytes. */
  readonly vault: Uint8Array;
  readonly network: DepositNetwork;
}): DepositDataEntry {
  const { secretKey, vault, network } = options;
  const message = {
    publicKey: publicKeyOf(secretKey),
    withdrawalCredentials: vaultCredentials(vault),
    amountGwei: DEPOSIT_AMOUNT_GWEI,
  };
  const signature = signMessage(secretKey, depositSigningRoot(message, network.genesisForkVersion));
  const json = {
    pubkey: bareHex(message.publicKey),
    withdrawal_credentials: bareHex(message.withdrawalCredentials),
    amount: Number(message.amountGwei),
    signature: bareHex(signature),
    deposit_message_root: bareHex(depositMessageRoot(message)),
    deposit_data_root: bareHex(depositDataRoot({ ...message, signature })),
    fork_version: bareHex(network.genesisForkVersion),
    network_name: network.name,
    deposit_cli_version: DEPOSIT_CLI_VERSION,
  };
  return { publicKey: message.publicKey, signature, json };
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

function bareHex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}
