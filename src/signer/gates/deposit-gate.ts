import {
  credentialsOfType,
  DEPOSIT_AMOUNT_GWEI,
  isDepositOfVault,
  MAX_DEPOSIT_GWEI,
  type ValidatorType,
} from '../../domain/consensus/deposit.ts';
import { depositSigningRoot } from '../../domain/consensus/deposit-signature.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { DepositRequest } from '../http/deposit-request.ts';
import { Refusal } from '../http/refusal.ts';
import type { SignerNetwork } from './exit-gate.ts';
import { type RateLimiter, requireRate } from './rate-limit.ts';

/** Which deposits the signer lets be signed. */
export interface DepositPolicy {
  /** The vault that gets what the validators withdraw: an address in hex. */
  readonly vault: string;
  readonly limiter?: RateLimiter | undefined;
}

/**
 * Gives the 32-byte signing root of a deposit that may be signed.
 * @param publicKey - the key that is to sign, lower-case hex
 * @throws Refusal
 */
export type DepositGate = (request: DepositRequest, publicKey: string) => Uint8Array;

/**
 * Decides over requests to sign deposits of one vault on one network. A signed deposit binds the validator for ever to its withdrawal
 * credentials, and whoever has it can be the first to make it: only the vault's own are signed, with an amount that the
 * vault can make. The root is computed here.
 */
export function createDepositGate(
  network: Pick<SignerNetwork, 'name' | 'genesisForkVersion'>,
  { vault, limiter }: DepositPolicy,
): DepositGate {
  const address = fromHex(vault, ADDRESS_LENGTH);
  return (request, publicKey) => {
    requireOwnKey(request, publicKey);
    const { genesisForkVersion } = request;
    if (!equalBytes(genesisForkVersion, network.genesisForkVersion)) {
      throw refused(
        `The genesis fork version ${toHex(genesisForkVersion)} is not that of ${network.name}, ${toHex(network.genesisForkVersion)}.`,
      );
    }
    requireAmount(request, requireCredentials(request, address));
    const root = depositSigningRoot(request, network.genesisForkVersion);
    if (request.signingRoot !== undefined && !equalBytes(request.signingRoot, root)) {
      throw new Refusal(
        500,
        `signing_root is ${toHex(request.signingRoot)}, the message's is ${toHex(root)}`,
      );
    }
    requireRate(limiter);
    return root;
  };
}

/** A deposit of another validator would be void, and nobody honest asks for it. */
function requireOwnKey(request: DepositRequest, publicKey: string): void {
  if (toHex(request.publicKey) === publicKey) return;
  throw refused(`The deposit is of the validator ${toHex(request.publicKey)}, whose key is another one.`);
}

function requireCredentials({ withdrawalCredentials }: DepositRequest, vault: Uint8Array): ValidatorType {
  const type = (['0x01', '0x02'] as const).find(one =>
    equalBytes(withdrawalCredentials, credentialsOfType(one, vault)),
  );
  if (type !== undefined) return type;
  throw refused(
    `The withdrawal credentials ${toHex(withdrawalCredentials)} are not those of the vault ${toHex(vault)}.`,
  );
}

function requireAmount({ amountGwei }: DepositRequest, type: ValidatorType): void {
  if (isDepositOfVault(amountGwei, type)) return;
  const allowed =
    type === '0x01'
      ? `a deposit with 0x01 credentials is one of ${DEPOSIT_AMOUNT_GWEI}`
      : `one with 0x02 credentials has ${DEPOSIT_AMOUNT_GWEI} to ${MAX_DEPOSIT_GWEI}`;
  throw refused(`This signer signs no deposit of ${amountGwei} gwei: ${allowed}.`);
}

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
