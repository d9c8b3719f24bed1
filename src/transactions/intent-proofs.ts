import { createHash, timingSafeEqual } from 'node:crypto';
import { type RecordedTransaction, readRecordedTransaction } from '../clients/execution/read-transactions.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { LeaseScope } from '../db/leases.ts';
import type { NewTransaction, StoredAttempt, StoredTransaction } from '../db/transactions.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';

/** A recorded transaction of which is known what an operator with this wallet has recorded itself. */
export interface JudgedTransaction extends StoredTransaction {
  /** Whether the call is what this operator's wallet has recorded: only then it is signed (again). */
  readonly isProven: boolean;
  /** Forms that the row's sender has signed and that are this transaction's; nothing of them is the row's word. */
  readonly attempts: readonly StoredAttempt[];
}

type IntentRecord = NewTransaction & { readonly id: bigint };

/**
 * Tells what an operator has recorded from what others have written to its database. Rows carry tags under a key of the
 * wallet's; what is recorded of state and end is no part of them, and never believed without the chain.
 */
export class IntentProofs {
  readonly #signer: Pick<WalletSigner, 'macRecord'>;
  readonly #scope: LeaseScope;

  constructor(signer: Pick<WalletSigner, 'macRecord'>, scope: LeaseScope) {
    this.#signer = signer;
    this.#scope = scope;
  }

  /** Tag of a call, 32 bytes. */
  macIntent(intent: IntentRecord): Promise<Uint8Array> {
    return this.#macOf([
      'call',
      String(intent.id),
      intent.kind,
      intent.key,
      toHex(intent.sender),
      String(intent.nonce),
      toHex(intent.recipient),
      // As its hash: a registration's call has some ten thousand bytes.
      createHash('sha256').update(intent.data).digest('hex'),
      String(intent.valueWei),
      String(intent.gasLimit),
      String(intent.bumpCeilingWei),
      intent.deadline === undefined ? null : String(intent.deadline),
    ]);
  }

  /** Tag of a signed form of the transaction with this number and key, 32 bytes. */
  macForm({ id, key }: { readonly id: bigint; readonly key: string }, hash: Uint8Array): Promise<Uint8Array> {
    return this.#macOf(['form', String(id), key, toHex(hash)]);
  }

  /** What of the row, and of the forms beside it, is this wallet's. */
  async judge(row: StoredTransaction): Promise<JudgedTransaction> {
    const isProven = await this.#isProven(row);
    const judged = await Promise.all(row.attempts.map(one => this.#judgeForm(row, one)));
    return { ...row, isProven, attempts: judged.filter(one => one !== undefined) };
  }

  async #isProven(row: StoredTransaction): Promise<boolean> {
    const { mac, bumpCeilingWei } = row;
    if (mac === undefined || bumpCeilingWei === undefined) return false;
    return isSameTag(mac, await this.macIntent({ ...row, bumpCeilingWei }));
  }

  /** The form as its own bytes have it; undefined when it is not one of this transaction. */
  async #judgeForm(row: StoredTransaction, attempt: StoredAttempt): Promise<StoredAttempt | undefined> {
    const form = readRecordedTransaction(attempt.raw);
    if (form === undefined || !this.#isOf(row, form)) return undefined;
    const isTagged = attempt.mac !== undefined && isSameTag(attempt.mac, await this.macForm(row, form.hash));
    const purpose = isCallOfNothing(form) ? 'cancel' : 'call';
    // From before there were tags only what the row still says of it: its call, or nothing instead.
    if (!isTagged && purpose === 'call' && !isCallOf(row, form)) return undefined;
    const { hash, nonce, maxFeeWei, maxPriorityFeeWei } = form;
    return { hash, nonce, purpose, raw: attempt.raw, maxFeeWei, maxPriorityFeeWei, mac: attempt.mac };
  }

  #isOf(row: StoredTransaction, { chainId, from }: RecordedTransaction): boolean {
    return chainId === BigInt(this.#scope.chainId) && equalBytes(from, row.sender);
  }

  #macOf(record: readonly (string | null)[]): Promise<Uint8Array> {
    return this.#signer.macRecord('intent', new TextEncoder().encode(JSON.stringify(record)));
  }
}

/** Whether the form makes this very call. */
export function isCallOf(
  call: Pick<StoredTransaction, 'recipient' | 'data' | 'valueWei'>,
  { to, data, valueWei }: Pick<RecordedTransaction, 'to' | 'data' | 'valueWei'>,
): boolean {
  return (
    to !== undefined &&
    equalBytes(to, call.recipient) &&
    equalBytes(data, call.data) &&
    valueWei === call.valueWei
  );
}

function isCallOfNothing({ from, to, data, valueWei }: RecordedTransaction): boolean {
  return to !== undefined && equalBytes(to, from) && data.length === 0 && valueWei === 0n;
}

function isSameTag(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
