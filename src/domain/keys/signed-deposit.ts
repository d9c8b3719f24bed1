import { toHex } from '../../lib/bytes.ts';
import { signMessage } from '../consensus/bls.ts';
import {
  DEPOSIT_AMOUNT_GWEI,
  depositDataRoot,
  depositMessageRoot,
  vaultCredentials,
} from '../consensus/deposit.ts';
import type { DepositDataEntry } from '../consensus/deposit-data.ts';
import { type DepositNetwork, depositSigningRoot } from '../consensus/deposit-signature.ts';
import { publicKeyOf } from './derivation.ts';

/** Version of the staking deposit CLI whose format this is; launchpads and the oracles' tools look at it. */
const DEPOSIT_CLI_VERSION = '2.4.0';

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

function bareHex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}
