import { z } from 'zod';
import {
  credentialsOfType,
  depositDataRoot,
  isDepositOfVault,
  type ValidatorType,
} from '../../domain/consensus/deposit.ts';
import { managerApprovalPreimage } from '../../domain/protocol/manager-approval.ts';
import {
  type DecodedEntry,
  decodeRegistrations,
  ENTRY_LENGTHS,
} from '../../domain/protocol/validator-entries.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH, HASH_LENGTH } from '../../lib/lengths.ts';
import { Refusal } from '../http/refusal.ts';
import { readRequestMembers } from '../http/wallet-request.ts';

/** The vault whose validators manager the wallet is. */
export interface VaultValidatorsPolicy {
  readonly chainId: number;
  readonly vault: string;
}

/** What is signed of an approval, and what the log says of it. */
interface ApprovedValidators {
  /** EIP-712's bytes before they are hashed: 0x1901, domain and message. */
  readonly preimage: Uint8Array;
  readonly validators: number;
}

/** A number is no root: a hash does not begin with so many zeros. */
const ROOT_PREFIX_LENGTH = 16;

const hex = z.string().regex(/^0x([0-9a-f]{2})*$/);
const requestSchema = z.strictObject({
  chainId: z.int().positive(),
  vault: z.string(),
  validatorsRegistryRoot: hex.length(2 + 2 * HASH_LENGTH),
  validators: hex,
});

/**
 * Reads a request to approve of validators (EIP-712 `VaultValidators`) and makes of it what is signed: the members are
 * given, not their hash, so that it is known what they are. Only deposits to this vault's own withdrawal credentials are
 * approved. A message whose first member is a number is another one, with a nonce: that of a withdrawal, a consolidation
 * or a top-up.
 * @throws Refusal
 */
export function readVaultValidators(
  body: Uint8Array,
  { chainId, vault }: VaultValidatorsPolicy,
): ApprovedValidators {
  const request = requestSchema.safeParse(readRequestMembers(body));
  if (!request.success) throw new Refusal(400, 'the body is not a request to approve of validators');
  const { validatorsRegistryRoot } = request.data;
  if (request.data.chainId !== chainId || request.data.vault.toLowerCase() !== vault.toLowerCase()) {
    throw refused(`This signer signs approvals of the ${vault} vault only, on chain ${chainId}.`);
  }
  const root = fromHex(validatorsRegistryRoot, HASH_LENGTH);
  if (root.subarray(0, ROOT_PREFIX_LENGTH).every(byte => byte === 0)) {
    throw refused(
      `The message begins with ${validatorsRegistryRoot}, a nonce: this signer signs registrations only.`,
    );
  }
  const validators = fromHex(request.data.validators);
  const count = requireOwnDeposits(validators, fromHex(vault, ADDRESS_LENGTH));
  return {
    preimage: managerApprovalPreimage({ chainId, vault, occasion: root, validators }),
    validators: count,
  };
}

/** @returns how many deposits there are */
function requireOwnDeposits(validators: Uint8Array, vault: Uint8Array): number {
  const found = validators.length === 0 ? undefined : decodeRegistrations(validators);
  if (found === undefined) {
    throw refused(
      `Validators to approve of have ${ENTRY_LENGTHS['0x01']} bytes each, not ${validators.length}, or ${ENTRY_LENGTHS['0x02']} with amounts, and no length that both could have.`,
    );
  }
  for (const entry of found.entries) requireOwnDeposit(found.type, entry, vault);
  return found.entries.length;
}

function requireOwnDeposit(type: ValidatorType, entry: DecodedEntry, vault: Uint8Array): void {
  const { publicKey, signature, amountGwei } = entry;
  const withdrawalCredentials = credentialsOfType(type, vault);
  const root = depositDataRoot({ publicKey, signature, amountGwei, withdrawalCredentials });
  if (isDepositOfVault(amountGwei, type) && equalBytes(root, entry.depositDataRoot)) return;
  const amount = type === '0x01' ? '32 ETH' : '32 to 2,048 ETH';
  throw refused(
    `The deposit of the validator ${toHex(publicKey)} is not one of ${amount} to the vault's own withdrawal credentials.`,
  );
}

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
