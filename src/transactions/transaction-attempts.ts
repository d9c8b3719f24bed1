import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import {
  type BroadcastOutcome,
  broadcastTransaction,
  transactionHash,
} from '../clients/execution/read-transactions.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { Session } from '../db/database.ts';
import { isLeaseHeld, type LeaseRef } from '../db/leases.ts';
import { recordAttempt, type StoredTransaction } from '../db/transactions.ts';
import { fromHex, type Hex, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { IntentProofs, JudgedTransaction } from './intent-proofs.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { OnTransactionBlock, OnTransactionPending } from './transaction.ts';
import type { Fees } from './transaction-fees.ts';

export interface AttemptDeps {
  readonly database: Session;
  readonly node: ExecutionNode;
  readonly signer: WalletSigner;
  readonly proofs: IntentProofs;
  readonly lease: Lease;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onBlock?: OnTransactionBlock | undefined;
  readonly onPending?: OnTransactionPending | undefined;
}

/** Gas of a transfer of nothing. */
const CANCEL_GAS = 21_000n;

/**
 * Signs one form of a recorded transaction, records it and broadcasts it, in this order: what may be out there is always
 * known to whoever comes next. The call of a row that is not proven to be this operator's is never signed.
 * @throws OperatorError 'lease-lost', 'wallet-changed', 'intent-unproven'
 */
export async function sendAttempt(
  deps: AttemptDeps,
  ref: LeaseRef,
  row: JudgedTransaction,
  { purpose, fees }: { readonly purpose: 'call' | 'cancel'; readonly fees: Fees },
): Promise<BroadcastOutcome> {
  requireWallet(deps.signer, row);
  if (purpose === 'call' && !row.isProven) throw unproven(row);
  const raw = await deps.signer.signTransaction({
    chainId: ref.chainId,
    nonce: Number(row.nonce),
    ...(purpose === 'call'
      ? { to: toHex(row.recipient), data: toHex(row.data), valueWei: row.valueWei, gasLimit: row.gasLimit }
      : { to: deps.signer.address, data: '0x' as Hex, gasLimit: CANCEL_GAS }),
    maxFeePerGasWei: fees.maxFeeWei,
    maxPriorityFeePerGasWei: fees.maxPriorityFeeWei,
  });
  const bytes = fromHex(raw);
  const hash = transactionHash(bytes);
  const mac = await deps.proofs.macForm(row, hash);
  const attempt = { hash, nonce: row.nonce, purpose, raw: bytes, ...fees, mac };
  if (!(await recordAttempt(deps.database, ref, row.id, attempt))) throw leaseLost();
  const fields = { kind: row.kind, hash: toHex(hash), nonce: String(row.nonce), purpose };
  const valueWei = purpose === 'call' && row.valueWei > 0n ? String(row.valueWei) : undefined;
  deps.log.info({ ...fields, valueWei, maxFeeWei: String(fees.maxFeeWei) }, 'Sending transaction');
  return broadcast(deps, ref, raw);
}

/** Sends a recorded form (again), if the lease is held: by the database's word, and then by this process's own clock. */
export async function broadcast(
  { database, node, lease, log }: AttemptDeps,
  ref: LeaseRef,
  raw: Hex,
): Promise<BroadcastOutcome> {
  if (!(await isLeaseHeld(database, ref)) || !lease.isFresh()) throw leaseLost();
  const outcome = await broadcastTransaction(node, raw);
  if (outcome.status === 'refused') log.warn({ reason: outcome.reason }, 'No node takes the transaction');
  return outcome;
}

function requireWallet(signer: WalletSigner, row: StoredTransaction): void {
  const sender = toHex(row.sender);
  if (signer.address.toLowerCase() === sender) return;
  throw new OperatorError(
    'wallet-changed',
    `A transaction of the wallet ${sender} is under way, and this operator has the wallet ${signer.address}.`,
    { hint: 'Start the operator with that wallet until the transaction has its receipt.' },
  );
}

function unproven({ id, kind }: StoredTransaction): OperatorError {
  return new OperatorError(
    'intent-unproven',
    `Transaction ${id} (${kind}) of the database is not as this operator's wallet has recorded it: it is not signed.`,
    { hint: 'Somebody else has written to the tables of the operator. See who may, and "tx list".' },
  );
}
