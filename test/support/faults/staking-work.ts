import { OperatorError } from '../../../src/lib/errors.ts';
import type { StakingOperator, WithdrawalRules } from '../scenes/staking-operator.ts';

/** What an operator is to have done with validators; plain data, for a process of its own. */
export type StakingWork =
  | { readonly kind: 'register'; readonly type: '0x01' | '0x02' }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'exit'; readonly index: number };

/** Passes at most: each that is started again had a reason to. */
const MOST_PASSES = 20;
/** Requests may follow each other at once: what keeps them apart is what they have asked for. */
const RULES: WithdrawalRules = { maxRequestFeeWei: 1_000n, intervalMs: 0, isWithoutExits: false };

/** Does it pass by pass, until there is nothing more to do; it is done already where somebody else was first. */
export async function doStakingWork(operator: StakingOperator, work: StakingWork): Promise<void> {
  await operator.operator.outbox.reconcile(new AbortController().signal);
  for (let pass = 0; pass < MOST_PASSES; pass++) if (await isDoneAfterPass(operator, work)) return;
  throw new Error(`${work.kind} is not done after ${MOST_PASSES} passes`);
}

async function isDoneAfterPass(operator: StakingOperator, work: StakingWork): Promise<boolean> {
  switch (work.kind) {
    case 'register': {
      const outcome = await operator.register(work.type);
      if (outcome.status === 'waiting') throw new Error(`waits for ${outcome.waitsFor}`);
      return outcome.status === 'idle';
    }
    case 'withdraw': {
      const outcome = await operator.withdraw(RULES);
      if (outcome.status === 'waiting') throw new Error(`waits for ${outcome.waitsFor}`);
      return outcome.status !== 'restarted';
    }
    case 'exit':
      await exitOnce(operator, BigInt(work.index));
      return true;
  }
}

/** Whoever gives the command again is told that the exit was asked for. */
async function exitOnce(operator: StakingOperator, index: bigint): Promise<void> {
  try {
    await operator.exit({ indexes: [index] });
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== 'exit-not-possible') throw error;
  }
}
