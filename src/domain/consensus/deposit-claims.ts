import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import { vaultCredentials } from './deposit.ts';
import type { DepositDataEntry } from './deposit-data.ts';

/** What an entry of deposit data says of itself; no more of it is looked at. */
type Claim = Pick<DepositDataEntry, 'publicKey' | 'json'>;

/** The vault and the chain that deposit data has to be for. */
export interface DepositPurpose {
  /** Checksummed address. */
  readonly address: string;
  /** Undefined where it is not known. */
  readonly network?: { readonly name: string; readonly genesisForkVersion: Uint8Array } | undefined;
}

/**
 * Compares what an entry says of itself, where it says so, with the deposit that a vault makes of it: whatever the file says, that has
 * 0x01 credentials of the vault, and a signature over others is not valid for it.
 * @param path - for messages
 * @throws OperatorError 'deposit-data-compounding', 'deposit-data-other-vault', 'deposit-data-other-network'
 */
export function assertClaimOfVault({ address, network }: DepositPurpose, claim: Claim, path: string): void {
  assertNotCompounding(claim, path);
  const { publicKey, json } = claim;
  if (differs(claim, 'withdrawal_credentials', vaultCredentials(fromHex(address, ADDRESS_LENGTH)))) {
    throw otherVault(claim, path, `not those of vault ${address}`);
  }
  if (network !== undefined && differs(claim, 'fork_version', network.genesisForkVersion)) {
    throw new OperatorError(
      'deposit-data-other-network',
      `${path}: the fork version of ${toHex(publicKey)} is ${String(json.fork_version)}, not that of ${network.name}.`,
    );
  }
}

/**
 * Looks at the credentials that an entry names where the vault is not known: they have to be some vault's.
 * @param path - for messages
 * @throws OperatorError 'deposit-data-compounding', 'deposit-data-other-vault'
 */
export function assertClaimOfSomeVault(claim: Claim, path: string): void {
  assertNotCompounding(claim, path);
  const credentials = bytesOf(claim, 'withdrawal_credentials');
  if (credentials === undefined) return;
  const vault = credentials.subarray(-ADDRESS_LENGTH);
  if (equalBytes(credentials, vaultCredentials(vault))) return;
  throw otherVault(claim, path, 'not those of a vault');
}

/** Whether the entry has such a member, and with another value. */
export function differs({ json }: Pick<Claim, 'json'>, member: string, expected: Uint8Array): boolean {
  const value = json[member];
  return typeof value === 'string' && !isHexOf(value, expected);
}

/** Refuses credentials of compounding validators (EIP-7251). @throws OperatorError 'deposit-data-compounding' */
export function assertNotCompounding(claim: Claim, path: string): void {
  const credentials = bytesOf(claim, 'withdrawal_credentials');
  if (credentials?.[0] !== 2) return;
  throw new OperatorError(
    'deposit-data-compounding',
    `${path}: the withdrawal credentials of ${toHex(claim.publicKey)} are ${toHex(credentials)}: it is for a compounding validator (0x02), and this operator registers validators with 0x01 credentials.`,
    { hint: 'Create the deposit data with "create-keys", or without compounding.' },
  );
}

function otherVault({ publicKey, json }: Claim, path: string, contrast: string): OperatorError {
  return new OperatorError(
    'deposit-data-other-vault',
    `${path}: the withdrawal credentials of ${toHex(publicKey)} are ${String(json.withdrawal_credentials)}, ${contrast}.`,
    { hint: 'Such a deposit would be lost. Name the deposit data of this vault.' },
  );
}

function bytesOf({ json }: Pick<Claim, 'json'>, member: string): Uint8Array | undefined {
  const value = json[member];
  try {
    return typeof value === 'string' ? fromHex(value) : undefined;
  } catch {
    return undefined;
  }
}

function isHexOf(text: string, expected: Uint8Array): boolean {
  try {
    return equalBytes(fromHex(text), expected);
  } catch {
    return false;
  }
}
