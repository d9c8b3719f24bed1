import { compoundingCredentials, depositDataRoot, MAX_DEPOSIT_GWEI } from '../../domain/consensus/deposit.ts';
import { decodeEntry, ENTRY_LENGTHS } from '../../domain/protocol/validator-entries.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
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

/** Public key and amount. */
const WITHDRAWAL_LENGTH = PUBLIC_KEY_LENGTH + 8;
/** The deposit contract takes no less. */
const MIN_DEPOSIT_GWEI = 1_000_000_000n;
const NO_SIGNATURE = new Uint8Array(SIGNATURE_LENGTH);

/**
 * Lets only top-ups pass that a vault makes of validators of its own credentials: entries of public key, no signature, the
 * root that the deposit then has, and an amount.
 * @throws Refusal
 */
export function requireFunding(vault: string, values: readonly unknown[]): void {
  const withdrawalCredentials = compoundingCredentials(fromHex(vault, ADDRESS_LENGTH));
  for (const entry of readEntries('fundValidators', values, ENTRY_LENGTHS['0x02'])) {
    const { depositDataRoot: root, ...topUp } = decodeEntry('0x02', entry);
    const { publicKey, signature, amountGwei } = topUp;
    if (!equalBytes(signature, NO_SIGNATURE)) {
      throw refused(`The top-up of ${toHex(publicKey)} has a signature, which top-ups have not.`);
    }
    if (amountGwei < MIN_DEPOSIT_GWEI || amountGwei > MAX_DEPOSIT_GWEI) {
      throw refused(`The top-up of ${toHex(publicKey)} is ${amountGwei} gwei, not 1 to 2048 ETH.`);
    }
    if (!equalBytes(depositDataRoot({ ...topUp, withdrawalCredentials }), root)) {
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

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
