import { type AccountView, estimateCall } from '../clients/execution/read-transactions.ts';
import type { LeaseRef } from '../db/leases.ts';
import {
  adoptTransaction,
  authenticateIntent,
  findTransaction,
  listOpenTransactions,
  type NewTransaction,
  recordIntent,
  type StoredTransaction,
} from '../db/transactions.ts';
import { takeTurn } from '../db/wallet-turns.ts';
import { fromHex } from '../lib/bytes.ts';
import { ExternalError } from '../lib/errors.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import { formatEther } from '../lib/units.ts';
import { type BeginFacts, type BeginStep, type BeginView, decideBegin, gasLimitOf } from './decide-begin.ts';
import { decideRival, type Rival, type RivalStep } from './decide-rival.ts';
import type { FollowRules } from './decide-step.ts';
import { type ExpectedCall, isShortOf, type Shortfall, type UnpaidCall } from './expected-funds.ts';
import type { JudgedTransaction } from './intent-proofs.ts';
import { leaseLost } from './lease.ts';
import { readWalletAccount } from './read-wallet-account.ts';
import { findHighestFees } from './recorded-fees.ts';
import type { TransactionIntent, TransactionOutcome } from './transaction.ts';
import type { AttemptDeps } from './transaction-attempts.ts';
import type { TransactionFollower } from './transaction-follower.ts';

type DecidedStep = Exclude<BeginStep, { readonly kind: 'ask' }>;

const WAITS = {
  'wait-for-base-fee': 'Waiting: the base fee is above the ceiling',
  'wait-for-room': 'Waiting: the ceiling leaves no room for twice the base fee and the priority fee',
} as const;

/** Makes a transaction of a call, unless one is under way or it needs none. Its steps are not to overlap. */
export class TransactionSender {
  readonly #deps: AttemptDeps;
  readonly #ref: LeaseRef;
  readonly #rules: FollowRules;
  readonly #follower: TransactionFollower;
  /** What is not ours and has had the wallet's nonce. */
  #rival: Rival | undefined;
  /** Keys of calls that wait for a lower base fee and have been told of: that may take days. */
  readonly #toldOfBaseFee = new Set<string>();
  /** The last call that the wallet could not pay for. */
  #unpaid: UnpaidCall | undefined;

  constructor(deps: AttemptDeps, ref: LeaseRef, rules: FollowRules, follower: TransactionFollower) {
    this.#deps = deps;
    this.#ref = ref;
    this.#rules = rules;
    this.#follower = follower;
  }

  /** One try to send; 'wait' when it is to be made again after a pause, in which others may send. */
  async send(intent: TransactionIntent, signal: AbortSignal): Promise<TransactionOutcome | 'wait'> {
    const { database } = this.#deps;
    for (const row of await listOpenTransactions(database, this.#ref)) {
      if (row.key !== intent.key) await this.settle(row, signal, Number.POSITIVE_INFINITY);
    }
    const stored = await findTransaction(database, this.#ref, intent.key);
    const joined = stored && (await this.#join(stored, intent, signal));
    if (joined !== undefined) return joined;
    return this.#begin(intent, signal, stored?.id);
  }

  /** What the wallet holds when that is known not to pay for a call of which nothing but its kind and size is known. */
  async findShortfall(expected: ExpectedCall): Promise<Shortfall | undefined> {
    const account = await this.#readAccount(expected.kind);
    const { address } = this.#deps.signer;
    const { balanceWei } = account;
    const rules = { ceilings: this.#rules, last: this.#unpaid, nowMs: performance.now() };
    return isShortOf(expected, account, rules) ? { address, balanceWei } : undefined;
  }

  /** Brings a transaction that was left under way to its end, unless that takes too long. */
  async settle(stored: StoredTransaction, signal: AbortSignal, waitMs: number): Promise<void> {
    const row = await this.#deps.proofs.judge(stored);
    await this.#adopt(row);
    if (row.attempts.some(one => row.isProven || one.nonce === row.nonce)) {
      await this.#follower.followFor(waitMs, row.key, { signal });
      return;
    }
    // What was not recorded was not broadcast, and can no longer be recorded by whoever signed it.
    const reason = stored.attempts.length === 0 ? 'it was never signed' : 'no form of it is of its sender';
    await this.#follower.close(row, { state: 'abandoned', reason });
  }

  /** Takes a transaction over for this holder, and has its row say what this operator may be asked to offer. */
  async #adopt(
    row: JudgedTransaction,
    options: { readonly reopen?: boolean | undefined } = {},
  ): Promise<void> {
    const { database, proofs } = this.#deps;
    const bumpCeilingWei = this.#rules.maxBumpFeePerGasWei;
    if (!(await adoptTransaction(database, this.#ref, row.id, options))) throw leaseLost();
    if (!row.isProven || row.bumpCeilingWei === bumpCeilingWei) return;
    const mac = await proofs.macIntent({ ...row, bumpCeilingWei });
    await this.#authenticate(row.id, mac, bumpCeilingWei);
  }

  /** What the recorded transaction of this key says; undefined when it has done nothing and never will. */
  async #join(
    stored: StoredTransaction,
    intent: TransactionIntent,
    signal: AbortSignal,
  ): Promise<TransactionOutcome | undefined> {
    const row = await this.#deps.proofs.judge(stored);
    const isOpen = row.state === 'intended' || row.state === 'sent';
    if (!row.isProven || row.attempts.length === 0) {
      if (isOpen) await this.settle(stored, signal, Number.POSITIVE_INFINITY);
      return this.#follower.findSuccess(row, callOf(intent));
    }
    if (row.state === 'intended') await this.settle(stored, signal, 0);
    if (row.state !== 'sent') {
      const outcome = await this.#follower.recheck(row);
      if (outcome !== 'gone') return outcome;
    }
    // Also one whose end is no longer what was recorded: its nonce decides.
    await this.#adopt(row, { reopen: true });
    const { isDone, isOutdated } = intent;
    return this.#follower.follow(row.key, { signal, isDone, isOutdated });
  }

  /** @param replaces - number of a row of this key that has done nothing */
  async #begin(
    intent: TransactionIntent,
    signal: AbortSignal,
    replaces: bigint | undefined,
  ): Promise<TransactionOutcome | 'wait'> {
    const { signer } = this.#deps;
    const account = await this.#readAccount(intent.kind);
    const { step, view } = await this.#decide(intent, account);
    switch (step.kind) {
      case 'refuse':
        return step.outcome;
      case 'wait-for-base-fee':
      case 'wait-for-room':
        this.#deps.onBlock?.(intent.kind, 'fee-ceiling');
        this.#tellOfBaseFee(intent, account, WAITS[step.kind]);
        return 'wait';
      case 'unfunded':
        this.#rememberUnpaid(intent, view);
        throw insufficientFunds(signer.address, account.balanceWei);
      case 'begin': {
        if (await this.#mustWaitForRival(view)) return 'wait';
        signal.throwIfAborted();
        await this.#record(intent, account.nonce, step.gasLimit, replaces);
        const { key, isDone, isOutdated } = intent;
        return this.#follower.start(key, { fees: step.fees, signal, isDone, isOutdated });
      }
    }
  }

  #readAccount(kind: TransactionIntent['kind']): Promise<AccountView> {
    return readWalletAccount(this.#deps, kind, this.#rules.priorityFee);
  }

  #rememberUnpaid({ kind, validators = 0 }: TransactionIntent, { account, estimate }: BeginView): void {
    if (estimate?.status !== 'passes') return;
    const { balanceWei } = account;
    this.#unpaid = {
      kind,
      validators,
      balanceWei,
      gasLimit: gasLimitOf(estimate.gas),
      atMs: performance.now(),
    };
  }

  async #decide(
    intent: TransactionIntent,
    account: AccountView,
  ): Promise<{ readonly step: DecidedStep; readonly view: BeginView }> {
    let view: BeginView = { account };
    for (;;) {
      const step = decideBegin(intent, view, this.#rules);
      if (step.kind !== 'ask') return { step, view };
      view = { ...view, ...(await this.#ask(step.fact, intent, account)) };
    }
  }

  async #ask(
    fact: keyof BeginFacts,
    intent: TransactionIntent,
    { nonce, block }: AccountView,
  ): Promise<BeginFacts> {
    const { database, node, signer } = this.#deps;
    switch (fact) {
      case 'isDone':
        return { isDone: (await intent.isDone?.(block.number)) ?? false };
      case 'isOutdated':
        return { isOutdated: (await intent.isOutdated?.(block.number)) ?? false };
      case 'estimate': {
        const { to, data, valueWei = 0n } = intent;
        return { estimate: await estimateCall(node, { from: signer.address, to, data, valueWei }) };
      }
      case 'recordedFees':
        // The base fee is below the ceiling: the next time that it is above is news again.
        this.#toldOfBaseFee.clear();
        this.#deps.onBlock?.(intent.kind, undefined);
        return {
          recordedFees: await findHighestFees(database, this.#ref, { sender: this.#wallet(), nonce }),
        };
    }
  }

  #tellOfBaseFee(
    { kind, key }: TransactionIntent,
    { block, priorityFeeWei }: AccountView,
    waiting: string,
  ): void {
    if (this.#toldOfBaseFee.has(key)) return;
    this.#toldOfBaseFee.add(key);
    const facts = {
      kind,
      baseFeePerGasWei: String(block.baseFeePerGasWei),
      priorityFeeWei: String(priorityFeeWei),
      ceilingWei: String(this.#rules.maxFeePerGasWei),
    };
    this.#deps.log.info(facts, waiting);
  }

  /** Takes the turn to send under the wallet's next nonce, unless somebody who has it is to be waited for. */
  async #mustWaitForRival({ account, recordedFees }: BeginView): Promise<boolean> {
    const { database } = this.#deps;
    const { nonce, pendingNonce } = account;
    const turn = { wallet: this.#wallet(), nonce };
    const theirsSince = await takeTurn(database, this.#ref, turn);
    const isRecordedHere = recordedFees?.own !== undefined;
    const nowMs = performance.now();
    const known = { nonce, pendingNonce, isRecordedHere, theirsSince, nowMs };
    const step = decideRival(known, this.#rival, this.#rules);
    this.#rival = step.rival;
    this.#tellOfRival(step, nonce);
    if (step.kind === 'replace' && step.force) {
      await takeTurn(database, this.#ref, { ...turn, force: true });
    }
    return step.kind === 'wait';
  }

  #tellOfRival(step: RivalStep, nonce: bigint): void {
    const { log, signer } = this.#deps;
    const facts = { nonce: String(nonce), sender: signer.address };
    switch (step.kind) {
      case 'go':
        return;
      case 'wait':
        log.info(
          facts,
          step.whose === 'stranger'
            ? 'Waiting: a transaction of this wallet is pending that was not sent from this database'
            : 'Waiting: a transaction of this wallet is under way for another vault',
        );
        return;
      case 'replace':
        log.info(facts, 'Replacing the pending transaction of this wallet, which does not get into a block');
    }
  }

  /** Records the call before anything is signed. The tag is made of what is wanted, not of what the row says by then. */
  async #record(
    intent: TransactionIntent,
    nonce: bigint,
    gasLimit: bigint,
    replaces: bigint | undefined,
  ): Promise<void> {
    const { database, proofs } = this.#deps;
    const { kind, key, deadline } = intent;
    const bumpCeilingWei = this.#rules.maxBumpFeePerGasWei;
    const wanted: NewTransaction = {
      ...callOf(intent),
      kind,
      key,
      sender: this.#wallet(),
      nonce,
      gasLimit,
      deadline,
      bumpCeilingWei,
    };
    const id = await recordIntent(database, this.#ref, wanted, { replaces });
    if (id === undefined) throw leaseLost();
    const mac = await proofs.macIntent({ ...wanted, id });
    await this.#authenticate(id, mac, bumpCeilingWei);
  }

  async #authenticate(id: bigint, mac: Uint8Array, bumpCeilingWei: bigint): Promise<void> {
    const { database } = this.#deps;
    if (!(await authenticateIntent(database, this.#ref, id, { mac, bumpCeilingWei }))) throw leaseLost();
  }

  /** 20 bytes. */
  #wallet(): Uint8Array {
    return fromHex(this.#deps.signer.address, ADDRESS_LENGTH);
  }
}

function callOf({
  to,
  data,
  valueWei = 0n,
}: TransactionIntent): Pick<StoredTransaction, 'recipient' | 'data' | 'valueWei'> {
  return { recipient: fromHex(to, ADDRESS_LENGTH), data: fromHex(data), valueWei };
}

function insufficientFunds(address: string, balanceWei: bigint): ExternalError {
  return new ExternalError(
    'insufficient-funds',
    `The wallet ${address} holds ${formatEther(balanceWei, 'of the chain’s currency')}, which does not pay for the transaction.`,
    { hint: 'Send it some of the chain’s currency.', retryable: true },
  );
}
