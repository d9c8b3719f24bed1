import { depositDataRoot } from '../../domain/consensus/deposit.ts';
import { concatBytes, equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { Refusal } from '../http/refusal.ts';

/** What may be done with validators that the vault has; each is off unless it was switched on. */
export interface VaultOperations {
  /** Whether validators may be topped up. */
  readonly funding?: boolean | undefined;
  /** Ceiling of what goes with each request to withdraw; without it none may be made. */
  readonly maxWithdrawalRequestFeeWei?: bigint | undefined;
}

/** Arguments of `fundValidators` and of `withdrawValidators`, as ethers reads them. */
type OperationArguments = readonly [entries: string, managerSignature: string];

const AMOUNT_LENGTH = 8;
const SIGNATURE_END = PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH;
const ROOT_END = SIGNATURE_END + HASH_LENGTH;
const FUNDING_LENGTH = ROOT_END + AMOUNT_LENGTH;
const WITHDRAWAL_LENGTH = PUBLIC_KEY_LENGTH + AMOUNT_LENGTH;
/** The deposit contract takes no less, and no validator is worth more to its owner (EIP-7251). */
const MIN_DEPOSIT_GWEI = 1_000_000_000n;
const MAX_DEPOSIT_GWEI = 2_048_000_000_000n;
const NO_SIGNATURE = new Uint8Array(SIGNATURE_LENGTH);

/**
 * Lets only top-ups pass that a vault makes of validators of its own credentials: entries of public key, no signature, the
 * root that the deposit then has, and an amount.
 * @throws Refusal
 */
export function requireFunding(vault: string, values: readonly unknown[]): void {
  const credentials = concatBytes([Uint8Array.of(2), new Uint8Array(11), fromHex(vault, ADDRESS_LENGTH)]);
  for (const entry of readEntries('fundValidators', values, FUNDING_LENGTH)) {
    const publicKey = entry.subarray(0, PUBLIC_KEY_LENGTH);
    const signature = entry.subarray(PUBLIC_KEY_LENGTH, SIGNATURE_END);
    const amountGwei = readAmount(entry);
    if (!equalBytes(signature, NO_SIGNATURE)) {
      throw refused(`The top-up of ${toHex(publicKey)} has a signature, which top-ups have not.`);
    }
    if (amountGwei < MIN_DEPOSIT_GWEI || amountGwei > MAX_DEPOSIT_GWEI) {
      throw refused(`The top-up of ${toHex(publicKey)} is ${amountGwei} gwei, not 1 to 2048 ETH.`);
    }
    const deposit = { publicKey, signature, withdrawalCredentials: credentials, amountGwei };
    if (!equalBytes(depositDataRoot(deposit), entry.subarray(SIGNATURE_END, ROOT_END))) {
      throw refused(`The top-up of ${toHex(publicKey)} is not one to the vault's own 0x02 credentials.`);
    }
  }
}

/**
 * Lets only requests to withdraw pass that are well-formed entries of public key and amount, and with them at least one wei
 * and at most the ceiling for each.
 * @throws Refusal
 */
export function requireWithdrawals(
  maxRequestFeeWei: bigint,
  values: readonly unknown[],
  valueWei: bigint,
): void {
  const count = readEntries('withdrawValidators', values, WITHDRAWAL_LENGTH).length;
  const maxWei = maxRequestFeeWei * BigInt(count);
  if (valueWei === 0n) throw refused(`withdrawValidators() sends no fee for its ${count} requests.`);
  if (valueWei > maxWei) {
    throw refused(
      `withdrawValidators() sends ${valueWei} wei for ${count} requests; ${maxRequestFeeWei} may be sent for each.`,
    );
  }
}

/** The entries, which are of different validators. The wallet is the manager itself: it signs its calls, and no more. */
function readEntries(name: string, values: readonly unknown[], length: number): Uint8Array[] {
  const [entries, managerSignature] = values as OperationArguments;
  if (managerSignature !== '0x') throw refused(`${name}() has the signature of another validators manager.`);
  const bytes = fromHex(entries);
  if (bytes.length === 0 || bytes.length % length !== 0) {
    throw refused(`Entries of ${name}() have ${length} bytes each, not ${bytes.length}.`);
  }
  const seen = new Set<string>();
  return Array.from({ length: bytes.length / length }, (_, index) => {
    const entry = bytes.subarray(index * length, (index + 1) * length);
    const publicKey = toHex(entry.subarray(0, PUBLIC_KEY_LENGTH));
    if (seen.has(publicKey)) throw refused(`${name}() has the validator ${publicKey} twice.`);
    seen.add(publicKey);
    return entry;
  });
}

/** Gwei, a big-endian number at the end of an entry. */
function readAmount(entry: Uint8Array): bigint {
  const end = entry.subarray(entry.length - AMOUNT_LENGTH);
  return new DataView(end.buffer, end.byteOffset, AMOUNT_LENGTH).getBigUint64(0);
}

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
