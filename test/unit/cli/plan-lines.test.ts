import { describe, expect, it } from 'vitest';
import { isActing, planLines, type ShownPlan } from '../../../src/cli/plan-lines.ts';
import type { VaultPlan } from '../../../src/services/staking/plan/vault-plan.ts';
import { plannedKey } from '../../support/scenes/planned-validators.ts';

const ETH = 1_000_000_000n;
const idle = { state: 'idle', reason: 'there is nothing' } as const;
const acting = { state: 'acting' } as const;

const PLAN: VaultPlan = {
  head: {
    slot: 64n,
    epoch: 2n,
    blockRoot: new Uint8Array(32),
    executionBlock: { number: 7, hash: `0x${'ab'.repeat(32)}`, timestamp: 1_700_000_000 },
  },
  assets: {
    withdrawableWei: 3n * 10n ** 18n,
    redemptionsWei: 0n,
    minBalanceWei: 10n ** 18n,
    stakeableGwei: 64n * ETH,
  },
  funding: { outlook: idle, topUps: [], reservedGwei: 0n, untouched: [] },
  registration: {
    outlook: idle,
    type: '0x02',
    keySource: undefined,
    amountsGwei: [],
    validators: [],
    restGwei: 0n,
  },
  withdrawals: {
    outlook: idle,
    lackingGwei: 0n,
    comingInGwei: undefined,
    missingGwei: undefined,
    uncoveredGwei: undefined,
    withdrawals: [],
    later: [],
    untouched: [],
  },
  costs: {
    requestFeeWei: undefined,
    requestFeesWei: 0n,
    baseFeePerGasWei: 7n * 10n ** 9n,
    priorityFeePerGasWei: 5n * 10n ** 8n,
    calls: [],
    gasWei: 0n,
    balanceWei: null,
  },
};

function linesOf(changes: Partial<VaultPlan>, shown: Partial<ShownPlan> = {}): string[] {
  return planLines({
    plan: { ...PLAN, ...changes },
    network: { name: 'devnet', currency: 'ETH' },
    vault: `0x${'12'.repeat(20)}`,
    vaultVersion: 5,
    wallet: undefined,
    ...shown,
  });
}

describe('a plan for people', () => {
  it('begins with the head that all of it is of', () => {
    expect(linesOf({}).slice(0, 2)).toEqual([
      `Vault 0x${'12'.repeat(20)} of version 5 on devnet`,
      'Block 7, slot 64, epoch 2, 2023-11-14 22:13:20 UTC',
    ]);
  });

  it('Gnosis counts GNO: 64 on the beacon chain are 2, and gas is in its own currency', () => {
    const lines = linesOf({}, { network: { name: 'gnosis', currency: 'xDAI' } });
    expect(lines).toContain('  to be staked                           2 GNO');
    expect(lines).toContain('  withdrawable, after a pending harvest  3 GNO');
  });

  it('what waits is told with what it would be', () => {
    const waiting = { state: 'waiting', reason: 'block 9' } as const;
    const registration = { ...PLAN.registration, outlook: waiting, amountsGwei: [32n * ETH] };
    expect(linesOf({ registration })).toContain(
      'Registration: 1 validator of type 0x02 would get 32 ETH, but waiting for block 9',
    );
    const off = { state: 'off', reason: 'nobody wants any' } as const;
    const funding = { ...PLAN.funding, outlook: off };
    expect(linesOf({ funding })).toContain('Top-ups: none, nobody wants any');
  });

  it('long tables show their first twenty rows, and left out validators are named up to twenty for each reason', () => {
    const topUps = Array.from({ length: 23 }, (_, i) => ({
      index: BigInt(i),
      publicKey: plannedKey(BigInt(i)),
      balanceGwei: 32n * ETH,
      amountGwei: ETH,
    }));
    const untouched = Array.from({ length: 30 }, (_, i) => ({
      index: BigInt(i),
      publicKey: plannedKey(BigInt(i)),
      reason: i < 25 ? ('full' as const) : ('exiting' as const),
    }));
    const lines = linesOf({ funding: { ...PLAN.funding, outlook: acting, topUps, untouched } });
    expect(lines).toContain('Top-ups: 23 validators would get 23 ETH');
    expect(lines).toContain('  and 3 more');
    expect(lines).toContain('  Not topped up: 30 validators');
    expect(lines.find(line => line.startsWith('    25 full: '))).toMatch(/, 19 and 5 more$/);
    expect(lines).toContain('    5 exiting: 25, 26, 27, 28, 29');
  });

  it('costs say what is only the least, what the vault refuses, and what the wallet has then', () => {
    const costs = {
      ...PLAN.costs,
      requestFeeWei: 3n,
      requestFeesWei: 6n,
      gasWei: 300_000n * 7_500_000_000n,
      balanceWei: 10n ** 18n,
      calls: [
        { kind: 'register-validators', gas: 100_000n, isLeast: true, refusal: undefined },
        { kind: 'withdraw-validators', gas: 200_000n, isLeast: false, refusal: 'it is paused' },
      ] as const,
    };
    const wallet = `0x${'34'.repeat(20)}`;
    const lines = linesOf({ costs }, { wallet });
    expect(lines.slice(lines.indexOf('Cost at 7.5 gwei per gas'))).toEqual([
      'Cost at 7.5 gwei per gas',
      '  register-validators  at least 100000 gas  0.00075 ETH',
      '  withdraw-validators  200000 gas  0.0015 ETH  the vault refuses it now: it is paused',
      '  Fees of requests: at most 3 wei each, 6 wei together; what is too much comes back',
      '  Together: at least 0.00225 ETH',
      `  The hot wallet ${wallet} has 1 ETH, and 0.997749 ETH then`,
    ]);
    const poor = linesOf({ costs: { ...costs, balanceWei: 10n ** 12n } }, { wallet });
    expect(poor).toContain(`  The hot wallet ${wallet} has 0.000001 ETH: not enough`);
    expect(linesOf({}).at(-1)).toContain('--wallet-address');
  });

  it('something is to be done when any part would act', () => {
    expect(isActing(PLAN)).toBe(false);
    expect(isActing({ ...PLAN, withdrawals: { ...PLAN.withdrawals, outlook: acting } })).toBe(true);
  });
});
