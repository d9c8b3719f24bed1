import { z } from 'zod';
import { concatBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { formatPythonJson } from '../../lib/python-json.ts';
import { findInvalidSignatures } from './bls.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from './signing-root.ts';
import { DepositData, DepositMessage } from './ssz.ts';

/** What a StakeWise vault deposits for a validator with 0x01 credentials. */
export const DEPOSIT_AMOUNT_GWEI = 32_000_000_000n;

/** The part of a network that deposits depend on. */
export interface DepositNetwork {
  readonly name: string;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

export interface Deposit {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

/** What a vault needs of an entry to register its validator: the rest of the deposit follows from the vault. */
export interface DepositEntry {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** One member of a deposit_data.json. Only key and signature are believed; roots are computed again where they count. */
export interface DepositDataEntry extends DepositEntry {
  /** The member as it stands in the file, to be written again unchanged. */
  readonly json: Readonly<Record<string, unknown>>;
}

const hexOf = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(?:0x)?[0-9a-fA-F]{${2 * bytes}}$`), { error: `is not ${bytes} bytes of hex` });

const entrySchema = z.looseObject({
  pubkey: hexOf(PUBLIC_KEY_LENGTH),
  signature: hexOf(SIGNATURE_LENGTH),
  withdrawal_credentials: hexOf(HASH_LENGTH).optional(),
  amount: z.int().positive().optional(),
  deposit_message_root: hexOf(HASH_LENGTH).optional(),
  deposit_data_root: hexOf(HASH_LENGTH).optional(),
  fork_version: hexOf(4).optional(),
  network_name: z.string().optional(),
});
const fileSchema = z.array(entrySchema);

/** 0x01 withdrawal credentials of an execution address of 20 bytes. */
export function vaultCredentials(vault: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(1), new Uint8Array(11), vault]);
}

/** Hash tree root of the deposit's message, the object that is signed. */
export function depositMessageRoot(deposit: Omit<Deposit, 'signature'>): Uint8Array {
  return DepositMessage.hashTreeRoot({
    pubkey: deposit.publicKey,
    withdrawal_credentials: deposit.withdrawalCredentials,
    amount: deposit.amountGwei,
  });
}

/** Hash tree root of the whole deposit, as the deposit contract computes it. */
export function depositDataRoot(deposit: Deposit): Uint8Array {
  return DepositData.hashTreeRoot({
    pubkey: deposit.publicKey,
    withdrawal_credentials: deposit.withdrawalCredentials,
    amount: deposit.amountGwei,
    signature: deposit.signature,
  });
}

/** The root that a deposit's signature is made over. */
export function depositSigningRoot(
  deposit: Omit<Deposit, 'signature'>,
  genesisForkVersion: Uint8Array,
): Uint8Array {
  return computeSigningRoot(depositMessageRoot(deposit), computeDomain(DOMAIN.deposit, genesisForkVersion));
}

/**
 * Reads a deposit_data.json; hex may have 0x or not.
 * @param name - how errors call it, such as its path
 * @throws OperatorError 'deposit-data-not-json' or 'deposit-data-invalid'
 */
export function parseDepositData(text: string, name = 'deposit data'): DepositDataEntry[] {
  const json = parseJson(text);
  if (json === undefined) throw new OperatorError('deposit-data-not-json', `${name} is not JSON.`);
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new OperatorError(
      'deposit-data-invalid',
      `${name} is not deposit data: ${[...(issue?.path ?? []), issue?.message].join(': ')}`,
    );
  }
  // The schema gives its members in its own order: the file's own objects are kept beside them.
  const originals = json as Readonly<Record<string, unknown>>[];
  return parsed.data.map(({ pubkey, signature }, i) => ({
    publicKey: fromHex(pubkey),
    signature: fromHex(signature),
    json: originals[i] ?? {},
  }));
}

/** The text of a deposit_data.json, byte for byte as the staking deposit CLI writes it. */
export function formatDepositData(entries: readonly DepositDataEntry[]): string {
  return formatPythonJson(entries.map(entry => entry.json));
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

/** @throws OperatorError 'deposit-data-duplicate' when a public key stands twice in deposit data */
export function assertUniqueDeposits(entries: readonly DepositDataEntry[], name = 'deposit data'): void {
  const seen = new Set<string>();
  for (const { publicKey } of entries) {
    const key = toHex(publicKey);
    if (seen.has(key)) {
      throw new OperatorError('deposit-data-duplicate', `${name} names public key ${key} twice.`);
    }
    seen.add(key);
  }
}
