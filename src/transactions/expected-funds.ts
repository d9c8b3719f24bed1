import { formatEther } from 'ethers/utils';
import type { AccountView } from '../clients/execution/read-transactions.ts';
import type { TransactionIntent } from './transaction.ts';
import { chooseFees, type FeeCeilings } from './transaction-fees.ts';

/** A transaction that somebody is about to prepare, before its call is known. */
export interface ExpectedCall {
  readonly kind: TransactionIntent['kind'];
  /** How many validators it is about. */
  readonly validators: number;
  /** Ether that goes with it. Default: none. */
  readonly valueWei?: bigint | undefined;
}

/** What a call would have taken that the wallet could not pay for. */
export interface UnpaidCall extends ExpectedCall {
  readonly gasLimit: bigint;
  readonly balanceWei: bigint;
  /** When that was, on a clock that never goes back. */
  readonly atMs: number;
}

/** What the wallet holds, which does not pay for what is about to be prepared. */
export interface Shortfall {
  readonly address: string;
  readonly balanceWei: bigint;
}

/** What is waited for; the same text as long as the wallet holds the same. */
export function describeShortfall(
  { address, balanceWei }: Shortfall,
  { currency }: { readonly currency: string },
): string {
  return `more ${currency} in the wallet ${address}: the ${formatEther(balanceWei)} ${currency} that it holds do not pay for the transaction`;
}

/** What is known of an account that is to pay. */
interface PayingAccount extends Pick<AccountView, 'priorityFeeWei' | 'balanceWei'> {
  readonly block: Pick<AccountView['block'], 'baseFeePerGasWei'>;
}

/** What every transaction costs. */
const TRANSACTION_GAS = 21_000n;
/**
 * Gas that one validator takes at least where something is deposited for it: in the deposit contract a log of 700 bytes, a
 * node of the tree, the count, and a call with ether. A signature of an oracle, and the vault's own work, are not counted:
 * what is less than this can pay for nothing.
 */
const DEPOSIT_GAS = 30_000n;
/** What a call that could not be paid for says of the next one holds so long: another one may take less gas. */
const REMEMBERED_MS = 3_600_000;

/**
 * Whether the wallet is known not to pay for a call that is about to be prepared, as far as that can be told without the
 * call: by the least that its kind takes, and by what the last one would have taken as long as nothing was added to the
 * wallet. False says nothing: the call itself is estimated before it is sent.
 */
export function isShortOf(
  { kind, validators, valueWei = 0n }: ExpectedCall,
  { block, priorityFeeWei, balanceWei }: PayingAccount,
  {
    ceilings,
    last,
    nowMs,
  }: {
    readonly ceilings: Pick<FeeCeilings, 'maxFeePerGasWei'>;
    readonly last: UnpaidCall | undefined;
    readonly nowMs: number;
  },
): boolean {
  const market = { baseFeePerGasWei: block.baseFeePerGasWei, priorityFeeWei };
  const fees = chooseFees(market, ceilings.maxFeePerGasWei);
  // Whoever waits for a lower base fee need not wait for the wallet.
  if (fees === undefined) return false;
  const isAlike = last?.kind === kind && validators >= last.validators;
  const isFresh = last !== undefined && nowMs - last.atMs < REMEMBERED_MS && balanceWei <= last.balanceWei;
  const known = isAlike && isFresh ? last.gasLimit : 0n;
  const least = leastGas({ kind, validators });
  return balanceWei < (known > least ? known : least) * fees.maxFeeWei + valueWei;
}

/** Gas that a call takes in any case, as far as that can be told without the call. */
export function leastGas({ kind, validators }: Pick<ExpectedCall, 'kind' | 'validators'>): bigint {
  const hasDeposits = kind === 'register-validators' || kind === 'fund-validators';
  return TRANSACTION_GAS + (hasDeposits ? DEPOSIT_GAS * BigInt(validators) : 0n);
}
