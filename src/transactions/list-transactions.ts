import type { Session } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import { listTransactions, type StoredTransaction } from '../db/transactions.ts';
import { type Hex, toHex } from '../lib/bytes.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { timeText } from '../lib/time-text.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';

/** A transaction as a user sees it. */
export interface TransactionSummary {
  readonly id: number;
  readonly kind: string;
  readonly state: StoredTransaction['state'];
  readonly nonce: number;
  /** Hash of the form that is in a block, else of the latest one; undefined before anything was signed. */
  readonly hash: Hex | undefined;
  /** Ether that goes with it, in wei; decimal, since it may be too much for a number of JSON. */
  readonly valueWei: string;
  readonly maxFeePerGasGwei: string | undefined;
  readonly attempts: number;
  readonly request: StoredTransaction['request'];
  readonly reason: string | undefined;
  readonly block: number | undefined;
  readonly updatedAt: string;
}

/** The latest transactions of a vault's operators, the newest first. */
export async function listRecentTransactions(
  database: Session,
  scope: LeaseScope,
  limit: number,
): Promise<TransactionSummary[]> {
  return (await listTransactions(database, scope, limit)).map(summarize);
}

/** What {@link transactionRow} has, for people. */
export const TRANSACTION_HEADINGS = [
  'ID',
  'UPDATED',
  'KIND',
  'STATE',
  'NONCE',
  'VALUE WEI',
  'GWEI',
  'BLOCK',
  'HASH',
  'NOTE',
] as const;

/** A transaction as a row of a table; its hash is shortened, as the row has to fit a terminal. */
export function transactionRow(transaction: TransactionSummary): string[] {
  const { id, kind, state, nonce, hash, valueWei, maxFeePerGasGwei, request, reason, block, updatedAt } =
    transaction;
  return [
    String(id),
    timeText(updatedAt),
    kind,
    state,
    String(nonce),
    valueWei === '0' ? '' : valueWei,
    maxFeePerGasGwei ?? '',
    block === undefined ? '' : String(block),
    hash === undefined ? '' : `${hash.slice(0, 10)}…${hash.slice(-4)}`,
    [request === undefined ? '' : `${request} asked for`, reason ?? ''].filter(Boolean).join('; '),
  ];
}

/** A transaction in one line for people. */
export function describeTransaction(transaction: TransactionSummary): string {
  const { id, kind, state, nonce, hash, valueWei, maxFeePerGasGwei, request, reason, block, updatedAt } =
    transaction;
  return [
    `${id}  ${updatedAt}  ${kind}  ${state}  nonce ${nonce}`,
    ...(hash === undefined ? [] : [hash]),
    ...(block === undefined ? [] : [`block ${block}`]),
    ...(valueWei === '0' ? [] : [`sends ${valueWei} wei`]),
    ...(maxFeePerGasGwei === undefined ? [] : [`up to ${maxFeePerGasGwei} gwei`]),
    ...(request === undefined ? [] : [`${request} asked for`]),
    ...(reason === undefined ? [] : [reason]),
  ].join('  ');
}

/** Hash of the form that is in a block, else of the latest one; undefined before anything was signed. */
export function currentHash({
  minedHash,
  attempts,
}: Pick<StoredTransaction, 'minedHash' | 'attempts'>): Uint8Array | undefined {
  return minedHash ?? attempts.at(-1)?.hash;
}

function summarize(row: StoredTransaction): TransactionSummary {
  const last = row.attempts.at(-1);
  const hash = currentHash(row);
  return {
    id: Number(row.id),
    // Whoever may write to the database chooses these two.
    kind: foreignText(row.kind),
    state: row.state,
    nonce: Number(row.nonce),
    hash: hash && toHex(hash),
    valueWei: String(row.valueWei),
    maxFeePerGasGwei: last && formatGwei(last.maxFeeWei),
    attempts: row.attempts.length,
    request: row.request,
    reason: row.reason && foreignText(row.reason),
    block: row.minedBlock === undefined ? undefined : Number(row.minedBlock),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function formatGwei(wei: bigint): string {
  const fraction = (wei % WEI_PER_GWEI).toString().padStart(9, '0').slice(0, 3);
  return `${wei / WEI_PER_GWEI}.${fraction}`;
}
