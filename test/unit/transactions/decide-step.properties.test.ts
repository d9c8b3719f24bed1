// Whatever a chain, other vaults, users and strangers do, and whatever was remembered: what is never done.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredAttempt } from '../../../src/db/transactions.ts';
import { equalBytes, toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import {
  type AskedFacts,
  type AskStep,
  decideStep,
  type FollowDecision,
  type FollowRules,
  type FollowView,
  newWatch,
  type Watch,
} from '../../../src/transactions/decide-step.ts';
import type { JudgedTransaction } from '../../../src/transactions/intent-proofs.ts';
import type { Fees } from '../../../src/transactions/transaction-fees.ts';
import { formNumber, hashNumber, judgedTransaction, NONCE } from '../../support/scenes/judged-transaction.ts';

type Answers = Required<{ readonly [Fact in keyof AskedFacts]: Exclude<AskedFacts[Fact], undefined> }>;

interface World {
  readonly row: JudgedTransaction;
  readonly view: FollowView;
  readonly watch: Watch;
  readonly rules: FollowRules;
  /** What is answered to whatever is asked. */
  readonly answers: Answers;
}

/** Decides as the follower does: every fact that is asked for is answered, and then it is decided again. */
function lookAt({ row, view, watch, rules, answers }: World): {
  readonly decision: FollowDecision;
  readonly asked: readonly AskStep['fact'][];
} {
  const asked: AskStep['fact'][] = [];
  let seen = view;
  for (;;) {
    const decision = decideStep(row, seen, watch, rules);
    const { step } = decision;
    if (step.kind !== 'ask') return { decision, asked };
    expect(asked, 'a fact is asked for once').not.toContain(step.fact);
    asked.push(step.fact);
    seen = { ...seen, [step.fact]: answers[step.fact] };
  }
}

const wei = fc.bigInt({ min: 0n, max: 300n * GWEI });
const fees: fc.Arbitrary<Fees> = fc
  .tuple(wei, wei)
  .map(([a, b]) => ({ maxFeeWei: a > b ? a : b, maxPriorityFeeWei: a > b ? b : a }));
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
/** Around the row's own nonce and deadline. */
const nonce = fc.bigInt({ min: NONCE - 1n, max: NONCE + 1n });
const second = fc.bigInt({ min: 900n, max: 1_100n });

const forms = fc.uniqueArray(
  fc.record({
    byte: fc.integer({ min: 1, max: 12 }),
    nonce,
    purpose: fc.constantFrom('call' as const, 'cancel' as const),
  }),
  { selector: ({ byte }) => byte, maxLength: 5 },
);
const receipts = fc.uniqueArray(
  fc.record({
    hash: fc.integer({ min: 1, max: 12 }).map(hashNumber),
    isSuccess: fc.boolean(),
    blockNumber: fc.constant(99),
  }),
  { selector: ({ hash }) => hash, maxLength: 3 },
);

const world: fc.Arbitrary<World> = fc.record({
  row: fc
    .record({
      isProven: fc.boolean(),
      request: maybe(fc.constantFrom('bump' as const, 'cancel' as const)),
      deadline: maybe(second),
      feeCeilingWei: maybe(wei),
      attempts: forms.map(all => all.map(({ byte, ...more }) => formNumber(byte, more))),
    })
    .map(more => judgedTransaction(more)),
  view: fc.record({
    block: fc.record({
      number: fc.constant(100),
      timestamp: second,
      baseFeePerGasWei: wei,
    }),
    nonce,
    receipts: fc.oneof(fc.constant([]), receipts),
    isLastKnown: fc.boolean(),
    nowMs: fc.integer({ min: 0, max: 100_000 }),
  }),
  watch: fc.record({
    lostLooks: fc.nat(4),
    movedAtMs: fc.constant(0),
    isUnderpriced: fc.boolean(),
    isCeilingTold: fc.boolean(),
    yields: fc.nat(4),
  }),
  rules: fc.tuple(wei, wei).map(([a, b]) => ({
    pollMs: 12_000,
    stuckAfterMs: 48_000,
    maxFeePerGasWei: a < b ? a : b,
    maxBumpFeePerGasWei: a < b ? b : a,
  })),
  answers: fc.record({
    nonceTaker: fc.oneof(fc.constant('unknown' as const), fc.integer({ min: 1, max: 14 }).map(hashNumber)),
    isDone: fc.boolean(),
    isOutdated: fc.boolean(),
    revertReason: fc.constant('no'),
    turn: fc.constantFrom('ours' as const, 'theirs' as const),
    wouldRevert: fc.boolean(),
    market: fc.record({ baseFeePerGasWei: wei, priorityFeeWei: wei }),
    recordedFees: maybe(fees).map(all => ({ own: all, all })),
  }),
});

/** Checks what is decided in many worlds. */
function inEveryWorld(check: (world: World, look: ReturnType<typeof lookAt>) => void): void {
  fc.assert(
    fc.property(world, one => {
      check(one, lookAt(one));
    }),
    { numRuns: 1_000 },
  );
}

const ceilingOf = ({ row, rules }: World) => {
  const asked = row.feeCeilingWei ?? rules.maxFeePerGasWei;
  return asked < rules.maxBumpFeePerGasWei ? asked : rules.maxBumpFeePerGasWei;
};
const ownForm = ({ row }: World, hash: string): StoredAttempt | undefined =>
  row.attempts.find(one => toHex(one.hash) === hash);

describe('decideStep in every world', () => {
  it('decideStep comes to a step in the end, and asks for every fact once at most', () => {
    inEveryWorld((_, { asked }) => {
      expect(asked.length).toBeLessThanOrEqual(6);
    });
  });

  it('decideStep offers no fee above the ceiling', () => {
    inEveryWorld((one, { decision: { step } }) => {
      if (step.kind !== 'raise-fee' && step.kind !== 'cancel') return;
      expect(step.fees.maxFeeWei).toBeLessThanOrEqual(ceilingOf(one));
      expect(step.fees.maxFeeWei).toBeLessThanOrEqual(one.rules.maxBumpFeePerGasWei);
      expect(step.fees.maxPriorityFeeWei).toBeLessThanOrEqual(step.fees.maxFeeWei);
    });
  });

  it('decideStep offers no fee below 110 % of what is recorded, of neither part', () => {
    inEveryWorld((one, { decision: { step } }) => {
      const known = one.answers.recordedFees.all;
      if ((step.kind !== 'raise-fee' && step.kind !== 'cancel') || known === undefined) return;
      expect(10n * step.fees.maxFeeWei).toBeGreaterThanOrEqual(11n * known.maxFeeWei);
      expect(10n * step.fees.maxPriorityFeeWei).toBeGreaterThanOrEqual(11n * known.maxPriorityFeeWei);
    });
  });

  it('decideStep gives no transaction a second nonce', () => {
    inEveryWorld(({ row }, { decision: { step } }) => {
      // A new form has the row's nonce, since a step names none; a form that is sent again has it already.
      if (step.kind === 'raise-fee' || step.kind === 'cancel') {
        expect(Object.keys(step).toSorted()).toEqual(['fees', 'kind']);
      }
      if ((step.kind !== 'resend' && step.kind !== 'no-room') || step.raw === undefined) return;
      const { raw } = step;
      expect(row.attempts.find(form => equalBytes(form.raw, raw))?.nonce).toBe(row.nonce);
    });
  });

  it('decideStep sends nothing once the nonce is used', () => {
    inEveryWorld(({ row, view }, { decision: { step } }) => {
      if (view.nonce > row.nonce) expect(['end', 'wait']).toContain(step.kind);
    });
  });

  it('decideStep ends nothing but on a receipt, a used nonce or a deadline that has passed', () => {
    inEveryWorld((one, { decision: { step } }) => {
      if (step.kind !== 'end') return;
      const { row, view } = one;
      const isMined = view.receipts.some(({ hash }) => ownForm(one, hash) !== undefined);
      const isTaken = view.nonce > row.nonce;
      const isOver = row.deadline !== undefined && view.block.timestamp > row.deadline;
      switch (step.end.state) {
        case 'confirmed':
        case 'reverted':
          expect(isMined).toBe(true);
          break;
        case 'cancelled':
          expect(isMined || isTaken).toBe(true);
          break;
        case 'abandoned':
          expect([isOver, isTaken]).toEqual([true, false]);
      }
    });
  });

  it('decideStep says confirmed only of a call of its own that has succeeded', () => {
    inEveryWorld((one, { decision: { step } }) => {
      if (step.kind !== 'end' || step.outcome.status !== 'confirmed') return;
      const { hash } = step.outcome;
      expect(ownForm(one, hash)?.purpose).toBe('call');
      expect(one.view.receipts.find(receipt => receipt.hash === hash)?.isSuccess).toBe(true);
    });
  });

  it('decideStep offers more only for a call that is proven, not done and worth it', () => {
    inEveryWorld(({ row, answers }, { decision: { step } }) => {
      if (step.kind !== 'raise-fee') return;
      const { isDone, isOutdated, wouldRevert, turn } = answers;
      const { isProven } = row;
      expect({ isProven, isDone, isOutdated, wouldRevert, turn }).toEqual({
        isProven: true,
        isDone: false,
        isOutdated: false,
        wouldRevert: false,
        turn: 'ours',
      });
    });
  });

  it('decideStep replaces what waits only when it is stuck, or somebody asks', () => {
    inEveryWorld(({ row, view, watch, rules }, { decision: { step } }) => {
      if (step.kind !== 'raise-fee' && step.kind !== 'cancel') return;
      const isStuck = view.nowMs - watch.movedAtMs >= rules.stuckAfterMs;
      expect(isStuck || watch.isUnderpriced || row.request !== undefined).toBe(true);
    });
  });
});

describe('decideStep over a transaction’s whole life', () => {
  it('decideStep raises a stuck transaction step by step under one nonce, until the ceiling ends it', () => {
    const life = fc.record({
      ceilingGwei: fc.bigInt({ min: 21n, max: 1_000n }),
      baseFees: fc.array(fc.bigInt({ min: 0n, max: 500n * GWEI }), { minLength: 60, maxLength: 60 }),
      priorityFeeWei: wei,
    });
    fc.assert(
      fc.property(life, ({ ceilingGwei, baseFees, priorityFeeWei }) => {
        const ceilingWei = ceilingGwei * GWEI;
        const rules: FollowRules = {
          pollMs: 12_000,
          stuckAfterMs: 48_000,
          maxFeePerGasWei: ceilingWei,
          maxBumpFeePerGasWei: ceilingWei,
        };
        let row = judgedTransaction();
        let watch = newWatch(0);
        let nowMs = 0;
        for (const baseFeePerGasWei of baseFees) {
          nowMs += rules.stuckAfterMs;
          const all = row.attempts.at(-1);
          const { decision } = lookAt({
            row,
            watch,
            rules,
            view: {
              block: { number: 100, timestamp: 1_000n, baseFeePerGasWei },
              nonce: NONCE,
              receipts: [],
              isLastKnown: true,
              nowMs,
            },
            answers: {
              nonceTaker: 'unknown',
              isDone: false,
              isOutdated: false,
              revertReason: 'no',
              turn: 'ours',
              wouldRevert: false,
              market: { baseFeePerGasWei, priorityFeeWei },
              recordedFees: { own: all, all },
            },
          });
          const { step } = decision;
          expect(['raise-fee', 'no-room']).toContain(step.kind);
          watch = { ...decision.watch, movedAtMs: nowMs };
          if (step.kind !== 'raise-fee') continue;
          const form = formNumber(row.attempts.length + 1, step.fees);
          row = { ...row, attempts: [...row.attempts, form] };
        }
        for (const [index, form] of row.attempts.entries()) {
          expect(form.maxFeeWei).toBeLessThanOrEqual(ceilingWei);
          const before = row.attempts[index - 1];
          if (before === undefined) continue;
          expect(10n * form.maxFeeWei).toBeGreaterThanOrEqual(11n * before.maxFeeWei);
        }
        // From 20 gwei a tenth more each time reaches 1000 gwei after 42 forms.
        expect(row.attempts.length).toBeLessThanOrEqual(43);
      }),
      { numRuns: 100 },
    );
  });
});
