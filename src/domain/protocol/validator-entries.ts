import { concatBytes } from '../../lib/bytes.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import {
  credentialsOfType,
  DEPOSIT_AMOUNT_GWEI,
  type DepositEntry,
  depositDataRoot,
  type ValidatorType,
} from '../consensus/deposit.ts';

/** Length of an amount in gwei. */
const AMOUNT_LENGTH = 8;

/** Bytes of what a vault takes for one deposit; it tells the types by the length of the whole, and by nothing else. */
export const ENTRY_LENGTHS: Readonly<Record<ValidatorType, number>> = {
  '0x01': PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH + HASH_LENGTH,
  '0x02': PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH + HASH_LENGTH + AMOUNT_LENGTH,
};

/** An amount that goes to a validator, or is asked of it; gwei of the beacon chain. */
export interface ValidatorAmount {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly amountGwei: bigint;
}

/** A validator to register. */
export interface NewValidator extends ValidatorAmount, DepositEntry {}

/**
 * What `registerValidators` takes, and what oracles and manager sign: public key, deposit signature and deposit data root of
 * each, for 0x02 with the amount. A vault of version 5 refuses some numbers of them: see {@link largestBatch}.
 * @param vault - 20 bytes
 */
export function encodeRegistrations(
  type: ValidatorType,
  validators: readonly NewValidator[],
  vault: Uint8Array,
): Uint8Array {
  return concatBytes(validators.flatMap(validator => depositParts(type, validator, vault)));
}

/**
 * What `fundValidators` takes. A top-up has no signature: the beacon chain looks at none of a validator that it knows.
 * @param vault - 20 bytes
 * @throws RangeError for a batch that the vault refuses: see {@link largestBatch}
 */
export function encodeTopUps(topUps: readonly ValidatorAmount[], vault: Uint8Array): Uint8Array {
  requireDistinctLength('0x02', topUps.length);
  const signature = new Uint8Array(SIGNATURE_LENGTH);
  return encodeRegistrations(
    '0x02',
    topUps.map(({ publicKey, amountGwei }) => ({ publicKey, amountGwei, signature })),
    vault,
  );
}

/** What `withdrawValidators` takes, 56 bytes each (EIP-7002): public key and amount; an amount of 0 is an exit. */
export function encodeWithdrawals(requests: readonly ValidatorAmount[]): Uint8Array {
  return concatBytes(requests.flatMap(({ publicKey, amountGwei }) => [publicKey, amountBytes(amountGwei)]));
}

/** What `consolidateValidators` takes, 96 bytes each (EIP-7251): public keys of source and target. */
export function encodeConsolidations(
  pairs: readonly { readonly source: Uint8Array; readonly target: Uint8Array }[],
): Uint8Array {
  return concatBytes(pairs.flatMap(({ source, target }) => [source, target]));
}

/**
 * The validators of what a vault of version 5 takes, by the length of the whole as there.
 * @returns undefined for a length that is none, or that both types have
 */
export function decodeRegistrations(
  encoded: Uint8Array,
): { readonly type: ValidatorType; readonly entries: readonly DecodedEntry[] } | undefined {
  const types = (['0x01', '0x02'] as const).filter(one => encoded.length % ENTRY_LENGTHS[one] === 0);
  const [type] = types;
  if (type === undefined || types.length > 1) return undefined;
  const length = ENTRY_LENGTHS[type];
  const entries = Array.from({ length: encoded.length / length }, (_, i) =>
    decodeEntry(type, encoded.subarray(i * length, (i + 1) * length)),
  );
  return { type, entries };
}

/** One of what {@link decodeRegistrations} finds; the root is what the entry says, not proven. */
export interface DecodedEntry extends NewValidator {
  readonly depositDataRoot: Uint8Array;
}

/**
 * The largest number of deposits up to a limit that a vault takes at once: it refuses a length that entries of both types
 * could have (23 of 176 bytes are as long as 22 of 184), since it could not tell which they are.
 */
export function largestBatch(type: ValidatorType, limit: number): number {
  return limit > 0 && isAmbiguous(type, limit) ? limit - 1 : Math.max(0, limit);
}

function isAmbiguous(type: ValidatorType, count: number): boolean {
  const length = count * ENTRY_LENGTHS[type];
  return Object.values(ENTRY_LENGTHS).every(entry => length % entry === 0);
}

function requireDistinctLength(type: ValidatorType, count: number): void {
  if (count > 0 && !isAmbiguous(type, count)) return;
  throw new RangeError(`a vault takes no ${count} validators of type ${type} at once`);
}

/** The parts of an entry that is as long as those of its type. Views of it. */
export function decodeEntry(type: ValidatorType, entry: Uint8Array): DecodedEntry {
  const root = PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH;
  const end = root + HASH_LENGTH;
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  return {
    publicKey: entry.subarray(0, PUBLIC_KEY_LENGTH),
    signature: entry.subarray(PUBLIC_KEY_LENGTH, root),
    depositDataRoot: entry.subarray(root, end),
    amountGwei: type === '0x01' ? DEPOSIT_AMOUNT_GWEI : view.getBigUint64(end),
  };
}

function depositParts(type: ValidatorType, validator: NewValidator, vault: Uint8Array): Uint8Array[] {
  const { publicKey, signature, amountGwei } = validator;
  if (type === '0x01' && amountGwei !== DEPOSIT_AMOUNT_GWEI) {
    throw new RangeError(`a validator of type 0x01 is registered with 32 ETH, not ${amountGwei} gwei`);
  }
  const withdrawalCredentials = credentialsOfType(type, vault);
  const root = depositDataRoot({ publicKey, withdrawalCredentials, amountGwei, signature });
  const parts = [publicKey, signature, root];
  return type === '0x01' ? parts : [...parts, amountBytes(amountGwei)];
}

/** Big-endian, as contracts have numbers. */
function amountBytes(amountGwei: bigint): Uint8Array {
  const bytes = new Uint8Array(AMOUNT_LENGTH);
  new DataView(bytes.buffer).setBigUint64(0, amountGwei);
  return bytes;
}
