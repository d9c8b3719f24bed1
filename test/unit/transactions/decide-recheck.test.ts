import { describe, expect, it } from 'vitest';
import type { AttemptsView } from '../../../src/clients/execution/read-transactions.ts';
import { decideRecheck, type RecheckStep } from '../../../src/transactions/decide-recheck.ts';
import type { AskedFacts } from '../../../src/transactions/decide-step.ts';
import type { JudgedTransaction } from '../../../src/transactions/intent-proofs.ts';
import { formNumber, hashNumber, judgedTransaction, NONCE } from '../../support/scenes/judged-transaction.ts';

interface Recheck {
  readonly row?: Partial<JudgedTransaction>;
  readonly view?: Partial<AttemptsView & Pick<AskedFacts, 'nonceTaker'>>;
  readonly step: RecheckStep;
}

const receiptOf = (byte: number, isSuccess = true) => ({
  hash: hashNumber(byte),
  isSuccess,
  blockNumber: 99,
});
const OUTCOME = { status: 'confirmed', hash: hashNumber(1), blockNumber: 99 } as const;
const STANDS: RecheckStep = { kind: 'stands', outcome: OUTCOME };
const CONFIRMED: RecheckStep = {
  kind: 'end',
  end: { state: 'confirmed', minedHash: new Uint8Array(32).fill(1), minedBlock: 99n },
  outcome: OUTCOME,
};
const GONE: RecheckStep = { kind: 'gone' };
const DID_NOTHING: RecheckStep = { kind: 'did-nothing' };
const USED = { nonce: NONCE + 1n };

const TABLE: readonly (readonly [title: string, recheck: Recheck])[] = [
  [
    'a confirmed one whose receipt is there stands',
    { row: { state: 'confirmed' }, view: { receipts: [receiptOf(1)] }, step: STANDS },
  ],
  ['a confirmed one whose receipt is gone is found out anew', { row: { state: 'confirmed' }, step: GONE }],
  [
    'a confirmed one whose block is gone and whose nonce is used is found out anew',
    { row: { state: 'confirmed' }, view: USED, step: GONE },
  ],
  [
    'a confirmed one that has failed in another block is found out anew',
    { row: { state: 'confirmed' }, view: { ...USED, receipts: [receiptOf(1, false)] }, step: GONE },
  ],
  [
    'a reverted one that has succeeded in another block is confirmed after all',
    { row: { state: 'reverted' }, view: { ...USED, receipts: [receiptOf(1)] }, step: CONFIRMED },
  ],
  [
    'a reverted one without a success did nothing',
    { row: { state: 'reverted' }, view: USED, step: DID_NOTHING },
  ],
  [
    'a cancelled one that has succeeded is confirmed after all',
    { row: { state: 'cancelled' }, view: { ...USED, receipts: [receiptOf(1)] }, step: CONFIRMED },
  ],
  [
    'a cancelled one without a success did nothing',
    { row: { state: 'cancelled' }, view: USED, step: DID_NOTHING },
  ],
  [
    'a cancelled one whose form that does nothing is in a block did nothing',
    {
      row: { state: 'cancelled', attempts: [formNumber(1, { purpose: 'cancel' })] },
      view: { ...USED, receipts: [receiptOf(1)] },
      step: DID_NOTHING,
    },
  ],
  [
    'an abandoned one that has succeeded is confirmed after all',
    { row: { state: 'abandoned' }, view: { ...USED, receipts: [receiptOf(1)] }, step: CONFIRMED },
  ],
  ['an abandoned one whose nonce is free did nothing', { row: { state: 'abandoned' }, step: DID_NOTHING }],
  [
    'an abandoned one whose nonce is used asks who has it',
    { row: { state: 'abandoned' }, view: USED, step: { kind: 'ask', fact: 'nonceTaker' } },
  ],
  [
    'an abandoned one that has the nonce itself is found out anew',
    { row: { state: 'abandoned' }, view: { ...USED, nonceTaker: hashNumber(1) }, step: GONE },
  ],
  [
    'an abandoned one whose nonce a stranger has did nothing',
    { row: { state: 'abandoned' }, view: { ...USED, nonceTaker: hashNumber(9) }, step: DID_NOTHING },
  ],
  [
    'an abandoned one whose nonce somebody unknown has did nothing',
    { row: { state: 'abandoned' }, view: { ...USED, nonceTaker: 'unknown' }, step: DID_NOTHING },
  ],
];

describe('decideRecheck', () => {
  it.each(TABLE)('decideRecheck: %s', (_, { row, view, step }) => {
    const seen = {
      block: { number: 100, timestamp: 1_000n, baseFeePerGasWei: 1n },
      nonce: NONCE,
      receipts: [],
      isLastKnown: true,
      ...view,
    };
    expect(decideRecheck(judgedTransaction(row), seen)).toEqual(step);
  });
});
