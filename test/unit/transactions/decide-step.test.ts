import { describe, expect, it } from 'vitest';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import {
  decideStep,
  type FollowRules,
  type FollowStep,
  type FollowView,
  MAX_LOST_LOOKS,
  MAX_YIELDS,
  newWatch,
  type Watch,
} from '../../../src/transactions/decide-step.ts';
import type { JudgedTransaction } from '../../../src/transactions/intent-proofs.ts';
import { formNumber, hashNumber, judgedTransaction, NONCE } from '../../support/scenes/judged-transaction.ts';

const RULES: FollowRules = {
  pollMs: 12_000,
  stuckAfterMs: 48_000,
  maxFeePerGasWei: 100n * GWEI,
  maxBumpFeePerGasWei: 200n * GWEI,
};
const STUCK: Partial<FollowView> = { nowMs: 48_000 };
/** What is known by the time that a fee is chosen for a call that is worth it. */
const WORTH_IT: Partial<FollowView> = {
  ...STUCK,
  turn: 'ours',
  isDone: false,
  isOutdated: false,
  wouldRevert: false,
};
const MARKET = { baseFeePerGasWei: 10n * GWEI, priorityFeeWei: GWEI };
const OFFERED = { maxFeeWei: 20n * GWEI, maxPriorityFeeWei: 2n * GWEI };
const PRICED: Partial<FollowView> = {
  ...WORTH_IT,
  market: MARKET,
  recordedFees: { own: OFFERED, all: OFFERED },
};
/** An eighth more than what was offered. */
const RAISED = { maxFeeWei: 22_500_000_001n, maxPriorityFeeWei: 2_250_000_001n };
const TAKEN: Partial<FollowView> = { nonce: NONCE + 1n };
const MOVED: Partial<Watch> = { movedAtMs: 48_000 };
const CEILING_TOLD: Partial<Watch> = { isUnderpriced: false, isCeilingTold: true };

interface Look {
  /** What a watcher finds: that of which nothing is said is a transaction that waits, one second after it was sent. */
  readonly row?: Partial<JudgedTransaction>;
  readonly view?: Partial<FollowView>;
  readonly watch?: Partial<Watch>;
  /** What is to be done. */
  readonly step: FollowStep;
  /** What of the watch is other than before. */
  readonly remembers?: Partial<Watch>;
}

function expectStep({ row = {}, view = {}, watch = {}, step, remembers = {} }: Look): void {
  const before = { ...newWatch(0), ...watch };
  const seen: FollowView = {
    block: { number: 100, timestamp: 1_000n, baseFeePerGasWei: 10n * GWEI },
    nonce: NONCE,
    receipts: [],
    isLastKnown: true,
    nowMs: 1_000,
    ...view,
  };
  const decision = decideStep(judgedTransaction(row), seen, before, RULES);
  expect(decision.step).toEqual(step);
  expect(decision.watch).toEqual({ ...before, ...remembers });
}

const receiptOf = (byte: number, isSuccess = true) => ({
  hash: hashNumber(byte),
  isSuccess,
  blockNumber: 99,
});
const minedIn = (byte: number) => ({ minedHash: new Uint8Array(32).fill(byte), minedBlock: 99n });
const WAIT: FollowStep = { kind: 'wait' };
const YIELD: FollowStep = { kind: 'yield' };
const EXPIRED: FollowStep = {
  kind: 'end',
  end: { state: 'abandoned', reason: 'its deadline passed before it was in a block' },
  outcome: { status: 'expired' },
};
const confirmed = (byte: number): FollowStep => ({
  kind: 'end',
  end: { state: 'confirmed', ...minedIn(byte) },
  outcome: { status: 'confirmed', hash: hashNumber(byte), blockNumber: 99 },
});
const takenBack = (byte: number): FollowStep => ({
  kind: 'end',
  end: { state: 'cancelled', reason: 'replaced by a transaction that does nothing', ...minedIn(byte) },
  outcome: { status: 'cancelled', hash: hashNumber(byte) },
});
const resend = (byte: number): FollowStep => ({ kind: 'resend', raw: new Uint8Array([2, byte]) });
const askTurn = (force: boolean): FollowStep => ({ kind: 'ask', fact: 'turn', force });
const noRoom = (more: Partial<Extract<FollowStep, { kind: 'no-room' }>> = {}): FollowStep => ({
  kind: 'no-room',
  ceilingWei: 100n * GWEI,
  isNews: true,
  raw: new Uint8Array([2, 1]),
  ...more,
});

type Table = readonly (readonly [title: string, look: Look])[];

/** A call, the same with a higher fee, and nothing in its place. */
const THREE_FORMS = [formNumber(1), formNumber(2), formNumber(3, { purpose: 'cancel' })];
/** A try of the same call under an earlier nonce, and this one. */
const TWO_TRIES = [formNumber(8, { nonce: NONCE - 1n }), formNumber(1)];

const RECEIPTS: Table = [
  ['a receipt of success ends it as confirmed', { view: { receipts: [receiptOf(1)] }, step: confirmed(1) }],
  [
    'a receipt decides also when the node tells of the next nonce already',
    { view: { ...TAKEN, receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'a receipt decides also after the deadline',
    { row: { deadline: 1n }, view: { receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'a receipt decides also when a user asks to take it back',
    { row: { request: 'cancel' }, view: { receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'a receipt decides also of a row that nobody has proven',
    { row: { isProven: false }, view: { receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'a receipt leaves the count of lost looks as it is',
    { watch: { lostLooks: 2 }, view: { ...TAKEN, receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'a receipt of failure asks for its reason first',
    {
      view: { receipts: [receiptOf(1, false)] },
      step: { kind: 'ask', fact: 'revertReason', blockNumber: 99 },
    },
  ],
  [
    'a receipt of failure ends it as reverted, with the reason',
    {
      view: { receipts: [receiptOf(1, false)], revertReason: 'no' },
      step: {
        kind: 'end',
        end: { state: 'reverted', reason: 'no', ...minedIn(1) },
        outcome: { status: 'reverted', hash: hashNumber(1), reason: 'no' },
      },
    },
  ],
  [
    'of several forms the first is in a block: confirmed by that one',
    { row: { attempts: THREE_FORMS }, view: { ...TAKEN, receipts: [receiptOf(1)] }, step: confirmed(1) },
  ],
  [
    'of several forms the dearer one is in a block: confirmed by that one',
    { row: { attempts: THREE_FORMS }, view: { ...TAKEN, receipts: [receiptOf(2)] }, step: confirmed(2) },
  ],
  [
    'of several forms the one that does nothing is in a block: cancelled',
    { row: { attempts: THREE_FORMS }, view: { ...TAKEN, receipts: [receiptOf(3)] }, step: takenBack(3) },
  ],
  [
    'a form that does nothing has failed, as of too little gas: cancelled all the same',
    {
      row: { attempts: THREE_FORMS },
      view: { ...TAKEN, receipts: [receiptOf(3, false)] },
      step: takenBack(3),
    },
  ],
  [
    'an earlier try has succeeded after all: confirmed by that one',
    { row: { attempts: TWO_TRIES }, view: { receipts: [receiptOf(8)] }, step: confirmed(8) },
  ],
  [
    'an earlier try that failed says nothing of this one',
    { row: { attempts: TWO_TRIES }, view: { receipts: [receiptOf(8, false)] }, step: WAIT },
  ],
  [
    'an earlier try that failed does not hide the success of this one',
    {
      row: { attempts: TWO_TRIES },
      view: { receipts: [receiptOf(8, false), receiptOf(1)] },
      step: confirmed(1),
    },
  ],
  [
    'an earlier try that was taken back says nothing of this one',
    {
      row: { attempts: [formNumber(8, { nonce: NONCE - 1n, purpose: 'cancel' }), formNumber(1)] },
      view: { receipts: [receiptOf(8)] },
      step: WAIT,
    },
  ],
];

const STRANGER = hashNumber(0x99);
const takenBy = (hash: typeof STRANGER | undefined): FollowStep => ({
  kind: 'end',
  end: {
    state: 'cancelled',
    reason: 'another transaction took its nonce',
    minedHash: hash && new Uint8Array(32).fill(0x99),
  },
  outcome: { status: 'cancelled', hash },
});
const LAST_LOST_LOOK = { lostLooks: MAX_LOST_LOOKS - 1 };

const TAKEN_NONCES: Table = [
  [
    'a used nonce without a receipt asks who has it',
    { view: TAKEN, step: { kind: 'ask', fact: 'nonceTaker' } },
  ],
  [
    'the nonce is used by a form of its own whose receipt is still to come: it waits',
    { view: { ...TAKEN, nonceTaker: hashNumber(1) }, step: WAIT, remembers: { lostLooks: 1 } },
  ],
  [
    'the nonce is used by a form of its own: it waits however often it has looked',
    {
      watch: { lostLooks: 50 },
      view: { ...TAKEN, nonceTaker: hashNumber(1) },
      step: WAIT,
      remembers: { lostLooks: 51 },
    },
  ],
  [
    'the nonce is used and nobody knows by whom: it waits at the first look',
    { view: { ...TAKEN, nonceTaker: 'unknown' }, step: WAIT, remembers: { lostLooks: 1 } },
  ],
  [
    'the nonce is used and nobody knows by whom: it waits at the last look but one',
    {
      watch: { lostLooks: MAX_LOST_LOOKS - 2 },
      view: { ...TAKEN, nonceTaker: 'unknown' },
      step: WAIT,
      remembers: { lostLooks: MAX_LOST_LOOKS - 1 },
    },
  ],
  [
    'the nonce is used and nobody knows by whom: at the last look it asks whether the call has been done',
    {
      watch: LAST_LOST_LOOK,
      view: { ...TAKEN, nonceTaker: 'unknown' },
      step: { kind: 'ask', fact: 'isDone' },
      remembers: { lostLooks: MAX_LOST_LOOKS },
    },
  ],
  [
    'the nonce is used, nobody knows by whom, and the call has not been done: cancelled by something unknown',
    {
      watch: LAST_LOST_LOOK,
      view: { ...TAKEN, nonceTaker: 'unknown', isDone: false },
      step: takenBy(undefined),
      remembers: { lostLooks: MAX_LOST_LOOKS },
    },
  ],
  [
    'the nonce is proven to be a stranger’s: at the first look it asks whether the call has been done',
    {
      view: { ...TAKEN, nonceTaker: STRANGER },
      step: { kind: 'ask', fact: 'isDone' },
      remembers: { lostLooks: 1 },
    },
  ],
  [
    'a stranger has the nonce and the call has not been done: cancelled by that one',
    {
      view: { ...TAKEN, nonceTaker: STRANGER, isDone: false },
      step: takenBy(STRANGER),
      remembers: { lostLooks: 1 },
    },
  ],
  [
    'a stranger has the nonce and the call has been done: already done',
    {
      view: { ...TAKEN, nonceTaker: STRANGER, isDone: true },
      step: {
        kind: 'end',
        end: {
          state: 'cancelled',
          reason: 'it had been done by another transaction',
          minedHash: new Uint8Array(32).fill(0x99),
        },
        outcome: { status: 'already-done' },
      },
      remembers: { lostLooks: 1 },
    },
  ],
  [
    'a used nonce is neither expired nor replaced nor sent again',
    {
      row: { deadline: 1n, request: 'cancel' },
      watch: { isUnderpriced: true },
      view: { ...TAKEN, ...STUCK, isLastKnown: false, nonceTaker: 'unknown' },
      step: WAIT,
      remembers: { lostLooks: 1 },
    },
  ],
  [
    'the block that had the nonce is gone: the lost looks begin anew',
    { watch: LAST_LOST_LOOK, step: WAIT, remembers: { lostLooks: 0 } },
  ],
  [
    'the block that had it is gone, and the nodes have lost it: it is sent again',
    { watch: LAST_LOST_LOOK, view: { isLastKnown: false }, step: resend(1), remembers: { lostLooks: 0 } },
  ],
];

/** Two slots of twelve seconds later than the contract. */
const GRACE = 24n;
const atSecond = (timestamp: bigint) => ({ block: { number: 100, timestamp, baseFeePerGasWei: 10n * GWEI } });

const DEADLINES: Table = [
  ['one second before its deadline it waits', { row: { deadline: 1_001n }, step: WAIT }],
  ['at the very second of its deadline it waits', { row: { deadline: 1_000n }, step: WAIT }],
  [
    'one second after its deadline it waits, as what is in the block may be told later',
    { row: { deadline: 999n }, step: WAIT },
  ],
  [
    'at the last second of the grace it waits',
    { row: { deadline: 1_000n }, view: atSecond(1_000n + GRACE), step: WAIT },
  ],
  [
    'one second after the grace it has expired',
    { row: { deadline: 1_000n }, view: atSecond(1_001n + GRACE), step: EXPIRED },
  ],
  ['without a deadline it never expires', { view: atSecond(9_999_999_999n), step: WAIT }],
  [
    'what has expired is not sent again, however lost, stuck or asked for',
    {
      row: { deadline: 1n, request: 'bump' },
      watch: { isUnderpriced: true, lostLooks: 2 },
      view: { ...STUCK, isLastKnown: false },
      step: EXPIRED,
      remembers: { lostLooks: 0 },
    },
  ],
];

const WAITING: Table = [
  ['what the nodes have is waited for', { step: WAIT }],
  ['what the nodes have lost is sent again', { view: { isLastKnown: false }, step: resend(1) }],
  [
    'of several forms the last is sent again',
    { row: { attempts: THREE_FORMS }, view: { isLastKnown: false }, step: resend(3) },
  ],
  [
    'a form of an earlier try is not sent again, though it was recorded last',
    {
      row: { attempts: [formNumber(1), formNumber(8, { nonce: NONCE - 1n })] },
      view: { isLastKnown: false },
      step: resend(1),
    },
  ],
  [
    'without a form of this try there is nothing to send again',
    { row: { attempts: [formNumber(8, { nonce: NONCE - 1n })] }, view: { isLastKnown: false }, step: WAIT },
  ],
  [
    'a row that nobody has proven is sent again, as what was signed was this wallet’s',
    { row: { isProven: false }, view: { isLastKnown: false }, step: resend(1) },
  ],
];

const REPLACEMENTS: Table = [
  ['one millisecond before it is stuck it waits', { view: { nowMs: 47_999 }, step: WAIT }],
  ['exactly when it is stuck it asks for the turn', { view: STUCK, step: askTurn(false), remembers: MOVED }],
  [
    'it is stuck only so long after the last form was sent',
    { watch: { movedAtMs: 1 }, view: STUCK, step: WAIT },
  ],
  [
    'what is stuck and lost is replaced, not sent again',
    { view: { ...STUCK, isLastKnown: false }, step: askTurn(false), remembers: MOVED },
  ],
  [
    'an underpriced answer asks for the turn at once',
    { watch: { isUnderpriced: true }, step: askTurn(false), remembers: { movedAtMs: 1_000 } },
  ],
  [
    'a user who asks for more asks for the turn at once',
    { row: { request: 'bump' }, step: askTurn(false), remembers: { movedAtMs: 1_000 } },
  ],
  [
    'an underpriced answer does not hurry a row that nobody has proven',
    { row: { isProven: false }, watch: { isUnderpriced: true }, step: WAIT },
  ],
  [
    'a user who asks for more does not hurry a row that nobody has proven',
    { row: { isProven: false, request: 'bump' }, step: WAIT },
  ],
  [
    'an earlier nonce is still free: what is proven is replaced all the same',
    { view: { ...STUCK, nonce: NONCE - 1n }, step: askTurn(false), remembers: MOVED },
  ],
  [
    'an earlier nonce is still free: a row that nobody has proven stands in nobody’s way',
    { row: { isProven: false }, view: { ...STUCK, nonce: NONCE - 1n }, step: WAIT },
  ],
  [
    'another vault’s turn: it yields',
    { view: { ...STUCK, turn: 'theirs' }, step: YIELD, remembers: { ...MOVED, yields: 1 } },
  ],
  [
    'another vault’s turn, the last time but one: it asks without force',
    { watch: { yields: MAX_YIELDS - 1 }, view: STUCK, step: askTurn(false), remembers: MOVED },
  ],
  [
    'another vault’s turn, the last time: it yields',
    {
      watch: { yields: MAX_YIELDS - 1 },
      view: { ...STUCK, turn: 'theirs' },
      step: YIELD,
      remembers: { ...MOVED, yields: MAX_YIELDS },
    },
  ],
  [
    'another vault has had the turn too often: it takes the turn by force',
    { watch: { yields: MAX_YIELDS }, view: STUCK, step: askTurn(true), remembers: MOVED },
  ],
  [
    'its turn, taken by force: other vaults are given their time again',
    {
      watch: { yields: MAX_YIELDS },
      view: { ...STUCK, turn: 'ours' },
      step: { kind: 'ask', fact: 'isDone' },
      remembers: { ...MOVED, yields: 0 },
    },
  ],
  [
    'in its turn it asks whether the call has been done',
    { view: { ...STUCK, turn: 'ours' }, step: { kind: 'ask', fact: 'isDone' }, remembers: MOVED },
  ],
  [
    'a call that has not been done may have had its occasion: that is asked next',
    {
      view: { ...STUCK, turn: 'ours', isDone: false },
      step: { kind: 'ask', fact: 'isOutdated' },
      remembers: MOVED,
    },
  ],
  [
    'a call whose occasion has passed is taken back',
    {
      view: { ...PRICED, isOutdated: true, wouldRevert: undefined },
      step: { kind: 'cancel', fees: RAISED },
      remembers: MOVED,
    },
  ],
  [
    'a call that has not been done is simulated',
    {
      view: { ...STUCK, turn: 'ours', isDone: false, isOutdated: false },
      step: { kind: 'ask', fact: 'wouldRevert' },
      remembers: MOVED,
    },
  ],
  [
    'a call that has been done is not simulated, but taken back',
    {
      view: { ...STUCK, turn: 'ours', isDone: true },
      step: { kind: 'ask', fact: 'market' },
      remembers: MOVED,
    },
  ],
  [
    'a fee is chosen from the newest block',
    { view: WORTH_IT, step: { kind: 'ask', fact: 'market' }, remembers: MOVED },
  ],
  [
    'a fee is chosen over what is recorded of the nonce',
    {
      view: { ...WORTH_IT, market: MARKET },
      step: { kind: 'ask', fact: 'recordedFees' },
      remembers: MOVED,
    },
  ],
  [
    'a call that is worth it gets a higher fee',
    { view: PRICED, step: { kind: 'raise-fee', fees: RAISED }, remembers: MOVED },
  ],
  [
    'a call that has been done is taken back',
    { view: { ...PRICED, isDone: true }, step: { kind: 'cancel', fees: RAISED }, remembers: MOVED },
  ],
  [
    'a call that could only revert now is taken back',
    { view: { ...PRICED, wouldRevert: true }, step: { kind: 'cancel', fees: RAISED }, remembers: MOVED },
  ],
  [
    'a call of which a form that does nothing was signed is not offered again',
    {
      row: { attempts: THREE_FORMS },
      view: { ...PRICED, isDone: undefined, wouldRevert: undefined },
      step: { kind: 'cancel', fees: RAISED },
      remembers: MOVED,
    },
  ],
  [
    'an earlier try that was taken back does not keep this one from a higher fee',
    {
      row: { attempts: [formNumber(8, { nonce: NONCE - 1n, purpose: 'cancel' }), formNumber(1)] },
      view: PRICED,
      step: { kind: 'raise-fee', fees: RAISED },
      remembers: MOVED,
    },
  ],
  [
    'a row that nobody has proven is taken back without a question to the contract',
    {
      row: { isProven: false },
      view: { ...PRICED, isDone: undefined, wouldRevert: undefined },
      step: { kind: 'cancel', fees: RAISED },
      remembers: MOVED,
    },
  ],
];

const CANCEL_REQUESTS: Table = [
  [
    'a user who takes it back is heard at once, without a turn',
    { row: { request: 'cancel' }, step: { kind: 'ask', fact: 'market' } },
  ],
  [
    'what a user takes back is replaced by nothing, whether it has been done or would revert or not',
    {
      row: { request: 'cancel' },
      view: { market: MARKET, recordedFees: { own: OFFERED, all: OFFERED } },
      step: { kind: 'cancel', fees: RAISED },
    },
  ],
  [
    'a user may take back a row that nobody has proven, when its nonce is next',
    {
      row: { request: 'cancel', isProven: false },
      view: { ...PRICED, nowMs: 1_000 },
      step: { kind: 'cancel', fees: RAISED },
    },
  ],
  [
    'a row that nobody has proven is not taken back while its nonce is not next',
    { row: { request: 'cancel', isProven: false }, view: { ...STUCK, nonce: NONCE - 1n }, step: WAIT },
  ],
  [
    'a ceiling without room keeps a user’s wish waiting, and what was sent is sent again',
    {
      row: { request: 'cancel', feeCeilingWei: 21n * GWEI },
      view: { ...PRICED, nowMs: 1_000 },
      step: noRoom({ ceilingWei: 21n * GWEI }),
      remembers: CEILING_TOLD,
    },
  ],
];

/** What is known when a form that offers so much is recorded. */
const recorded = (maxFeeWei: bigint, market = MARKET): Partial<FollowView> => {
  const fees = { maxFeeWei, maxPriorityFeeWei: 2n * GWEI };
  return { ...PRICED, market, recordedFees: { own: fees, all: fees } };
};
const AT_CEILING = { maxFeeWei: 100n * GWEI, maxPriorityFeeWei: 2_250_000_001n };
const DEAR = { baseFeePerGasWei: 100n * GWEI, priorityFeeWei: GWEI };

const FEES: Table = [
  [
    'what the market asks for is offered where that is more than an eighth on top',
    {
      view: { ...PRICED, market: { baseFeePerGasWei: 40n * GWEI, priorityFeeWei: 5n * GWEI } },
      step: { kind: 'raise-fee', fees: { maxFeeWei: 85n * GWEI, maxPriorityFeeWei: 5n * GWEI } },
      remembers: MOVED,
    },
  ],
  [
    'the fees of another vault’s form under the nonce are beaten, too',
    {
      view: { ...PRICED, recordedFees: { own: undefined, all: OFFERED } },
      step: { kind: 'raise-fee', fees: RAISED },
      remembers: MOVED,
    },
  ],
  [
    'where nothing is recorded the market’s fee is offered',
    {
      view: { ...PRICED, recordedFees: { own: undefined, all: undefined } },
      step: { kind: 'raise-fee', fees: { maxFeeWei: 21n * GWEI, maxPriorityFeeWei: GWEI } },
      remembers: MOVED,
    },
  ],
  [
    'the last tenth that the ceiling leaves is offered',
    { view: recorded(90_909_090_909n), step: { kind: 'raise-fee', fees: AT_CEILING }, remembers: MOVED },
  ],
  [
    'one wei more than that leaves no room',
    { view: recorded(90_909_090_910n), step: noRoom(), remembers: { ...MOVED, ...CEILING_TOLD } },
  ],
  [
    'a ceiling without room is told once',
    {
      watch: { isCeilingTold: true },
      view: recorded(100n * GWEI),
      step: noRoom({ isNews: false }),
      remembers: MOVED,
    },
  ],
  [
    'a ceiling without room ends the hurry of an underpriced answer',
    {
      watch: { isUnderpriced: true },
      view: { ...recorded(100n * GWEI), nowMs: 1_000 },
      step: noRoom(),
      remembers: { movedAtMs: 1_000, ...CEILING_TOLD },
    },
  ],
  [
    'a ceiling without room and without a form of this try leaves nothing to send again',
    {
      row: { attempts: [] },
      view: recorded(100n * GWEI),
      step: noRoom({ raw: undefined }),
      remembers: { ...MOVED, ...CEILING_TOLD },
    },
  ],
  [
    'a base fee at the ceiling still lets an earlier offer be raised',
    { view: recorded(20n * GWEI, DEAR), step: { kind: 'raise-fee', fees: RAISED }, remembers: MOVED },
  ],
  [
    'a base fee at the ceiling and nothing recorded leaves no room',
    {
      view: { ...PRICED, market: DEAR, recordedFees: { own: undefined, all: undefined } },
      step: noRoom(),
      remembers: { ...MOVED, ...CEILING_TOLD },
    },
  ],
  [
    'a user who allows more than the operator’s own ceiling gets it',
    {
      row: { request: 'bump', feeCeilingWei: 150n * GWEI },
      view: recorded(120n * GWEI),
      step: { kind: 'raise-fee', fees: { maxFeeWei: 135n * GWEI + 1n, maxPriorityFeeWei: 2_250_000_001n } },
      remembers: MOVED,
    },
  ],
  [
    'a user who allows more than the operator’s bump ceiling does not get it',
    {
      row: { request: 'bump', feeCeilingWei: 900n * GWEI },
      view: recorded(195n * GWEI),
      step: noRoom({ ceilingWei: 200n * GWEI }),
      remembers: { ...MOVED, ...CEILING_TOLD },
    },
  ],
  [
    'a user who allows less than the operator’s own ceiling gets that',
    {
      row: { request: 'bump', feeCeilingWei: 22_250_000_000n },
      view: PRICED,
      step: { kind: 'raise-fee', fees: { maxFeeWei: 22_250_000_000n, maxPriorityFeeWei: 2_250_000_001n } },
      remembers: MOVED,
    },
  ],
];

const follow = (_: string, look: Look) => expectStep(look);

describe('decideStep', () => {
  it.each(RECEIPTS)('decideStep on receipts: %s', follow);
  it.each(TAKEN_NONCES)('decideStep on a used nonce: %s', follow);
  it.each(DEADLINES)('decideStep on deadlines: %s', follow);
  it.each(WAITING)('decideStep on what waits: %s', follow);
  it.each(REPLACEMENTS)('decideStep on what is to be replaced: %s', follow);
  it.each(CANCEL_REQUESTS)('decideStep on what a user takes back: %s', follow);
  it.each(FEES)('decideStep on fees: %s', follow);
});
