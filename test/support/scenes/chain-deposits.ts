// Deposits in the deposit contract of a devnet, valid or not.
import { signMessage } from '../../../src/domain/consensus/bls.ts';
import { type Deposit, depositDataRoot, vaultCredentials } from '../../../src/domain/consensus/deposit.ts';
import { depositSigningRoot } from '../../../src/domain/consensus/deposit-signature.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import type { RegisterValidatorsDeps } from '../../../src/services/staking/registration/register-validators.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import { mined } from '../../devnet/mined.ts';

/** The fork version that signatures of deposits are made for, where nothing else is said. */
export const DEPOSIT_FORK_VERSION = fromHex('0x10000038', 4);

export interface DepositOptions {
  readonly amountGwei?: bigint;
  /** Another key than the one that is deposited: then the deposit is not valid. */
  readonly signedBy?: Uint8Array;
  readonly signature?: Uint8Array;
  /** 4 bytes. */
  readonly forkVersion?: Uint8Array;
}

/** A secret key of its own for each number. */
export function depositKey(index: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? index + 1 : 7));
}

/** A deposit for the devnet's vault, made by nobody yet. */
export function createDeposit(devnet: Devnet, secretKey: Uint8Array, options: DepositOptions = {}): Deposit {
  const message = {
    publicKey: publicKeyOf(secretKey),
    withdrawalCredentials: vaultCredentials(fromHex(devnet.addresses.vault)),
    amountGwei: options.amountGwei ?? 32n * GWEI,
  };
  const root = depositSigningRoot(message, options.forkVersion ?? DEPOSIT_FORK_VERSION);
  return { ...message, signature: options.signature ?? signMessage(options.signedBy ?? secretKey, root) };
}

/** Gives a deposit to the contract. @returns its block */
export async function makeDeposit(
  devnet: Devnet,
  secretKey: Uint8Array,
  options: DepositOptions = {},
): Promise<number> {
  const deposit = createDeposit(devnet, secretKey, options);
  const { publicKey, withdrawalCredentials, signature } = deposit;
  const contract = devnet.protocol.at('DepositContract', devnet.addresses.depositContract);
  const sent = await contract
    .getFunction('deposit')
    .send(publicKey, withdrawalCredentials, signature, depositDataRoot(deposit), {
      value: deposit.amountGwei * GWEI,
    });
  return (await mined(devnet.protocol.provider, sent)).blockNumber;
}

/** The validators of the chain, as the devnet counts them. */
export function countDeposits({
  deposits,
}: Pick<Devnet, 'deposits'>): RegisterValidatorsDeps['networkValidators'] {
  return {
    nextValidatorIndex: async () => BigInt((await deposits.listValidators()).length),
    async findRegistered(publicKeys) {
      const known = new Set((await deposits.listValidators()).map(({ publicKey }) => toHex(publicKey)));
      return new Set(publicKeys.map(toHex).filter(key => known.has(key)));
    },
  };
}
