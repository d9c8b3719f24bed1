import { keccak256 } from 'ethers/crypto';
import { TypedDataEncoder } from 'ethers/hash';
import { concatBytes, fromHex } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';

/** Types of the message by which a vault's validators manager approves of what is done with validators. */
const VAULT_VALIDATORS = {
  VaultValidators: [
    { name: 'validatorsRegistryRoot', type: 'bytes32' },
    { name: 'validators', type: 'bytes' },
  ],
};

/** The message by which a vault's validators manager approves of what is done with validators (EIP-712 `VaultValidators`). */
export interface ManagerApproval {
  readonly chainId: number;
  /** The contract that takes the approval. */
  readonly vault: string;
  /**
   * What makes the approval good for one time only, 32 bytes: root of the deposit contract for a registration, else
   * {@link nonceWord}.
   */
  readonly occasion: Uint8Array;
  /** All entries, one after another, as the vault takes them: see validator-entries.ts. */
  readonly validators: Uint8Array;
}

/**
 * The first member of an approval of top-ups, withdrawals and consolidations, 32 bytes.
 * @param nonce - `validatorsManagerNonce()` of the vault
 */
export function nonceWord(nonce: bigint): Uint8Array {
  return fromHex(nonce.toString(16).padStart(2 * HASH_LENGTH, '0'), HASH_LENGTH);
}

/** What is hashed and signed of an approval: EIP-712's 0x1901, domain and message, 66 bytes. */
export function managerApprovalPreimage({
  chainId,
  vault,
  occasion,
  validators,
}: ManagerApproval): Uint8Array {
  const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: vault };
  const message = { validatorsRegistryRoot: occasion, validators };
  return concatBytes([
    Uint8Array.of(0x19, 0x01),
    fromHex(TypedDataEncoder.hashDomain(domain), HASH_LENGTH),
    fromHex(TypedDataEncoder.hashStruct('VaultValidators', VAULT_VALIDATORS, message), HASH_LENGTH),
  ]);
}

/** EIP-712 digest of an approval, 32 bytes. */
export function managerApprovalDigest(approval: ManagerApproval): Uint8Array {
  return fromHex(keccak256(managerApprovalPreimage(approval)), HASH_LENGTH);
}
