import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { Refusal } from './refusal.ts';
import {
  type Members,
  readHexMember,
  readObject,
  readOptional,
  readSigningRootMember,
  readUint64Member,
} from './request-members.ts';

/** A sign request that asks for a deposit. */
export interface DepositRequest {
  /** The validator that the deposit is of, 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
  /** The signing root as given; undefined when the client leaves it to the signer. */
  readonly signingRoot: Uint8Array | undefined;
}

export const DEPOSIT_TYPE = 'DEPOSIT';

/** Reads the members of a sign request for a deposit, which has no fork_info. @throws Refusal */
export function readDepositRequest(members: Members): DepositRequest {
  const deposit = readDeposit(members.deposit);
  const signingRoot = readSigningRootMember(members);
  const { publicKey, withdrawalCredentials, amountGwei, genesisForkVersion } = deposit ?? {};
  if (
    publicKey === undefined ||
    withdrawalCredentials === undefined ||
    amountGwei === undefined ||
    genesisForkVersion === undefined
  )
    throw new Refusal(500, 'deposit lacks a member');
  if (signingRoot !== undefined && signingRoot.length !== HASH_LENGTH)
    throw new Refusal(500, 'signing_root is not 32 bytes');
  return { publicKey, withdrawalCredentials, amountGwei, genesisForkVersion, signingRoot };
}

function readDeposit(value: unknown) {
  if (value === undefined || value === null) return undefined;
  const deposit = readObject(value, 'deposit');
  const { withdrawal_credentials: credentials, genesis_fork_version: version } = deposit;
  return {
    publicKey: readOptional(deposit.pubkey, text => readHexMember(text, 'deposit.pubkey', PUBLIC_KEY_LENGTH)),
    withdrawalCredentials: readOptional(credentials, text =>
      readHexMember(text, 'deposit.withdrawal_credentials', HASH_LENGTH),
    ),
    amountGwei: readOptional(deposit.amount, text => readUint64Member(text, 'deposit.amount')),
    genesisForkVersion: readOptional(version, text => readHexMember(text, 'deposit.genesis_fork_version', 4)),
  };
}
