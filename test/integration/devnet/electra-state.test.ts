import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockRequests, ElectraState, type ElectraValidator } from '../../devnet/electra-state.ts';
import { ETH } from './vault-entries.ts';

const VAULT = `0x${'a1'.repeat(20)}`;
const COMPOUNDING = `0x02${'00'.repeat(11)}${'a1'.repeat(20)}`;
const LEGACY = `0x01${'00'.repeat(11)}${'a1'.repeat(20)}`;
const FOREIGN = `0x02${'00'.repeat(11)}${'b2'.repeat(20)}`;
const SLOTS_PER_EPOCH = 32;
const NOTHING: BlockRequests = { deposits: [], withdrawals: [], consolidations: [] };

function createState(rules: Partial<ConstructorParameters<typeof ElectraState>[0]> = {}): ElectraState {
  const state = new ElectraState({ slotsPerEpoch: SLOTS_PER_EPOCH, isDepositSigned: () => true, ...rules });
  state.advanceTo(1000 * SLOTS_PER_EPOCH);
  return state;
}

const keyOf = (seed: number) => `0x${Buffer.alloc(48, seed).toString('hex')}`;

function deposit(seed: number, amountGwei: bigint, credentials = COMPOUNDING) {
  return {
    publicKey: Buffer.alloc(48, seed),
    withdrawalCredentials: Buffer.from(credentials.slice(2), 'hex'),
    amountGwei,
    signature: Buffer.alloc(96),
  };
}

/** A block with one withdrawal request for the first validator. */
const withdraw = (amountGwei: bigint, sourceAddress = VAULT): BlockRequests => ({
  ...NOTHING,
  withdrawals: [{ sourceAddress, publicKey: keyOf(1), amountGwei }],
});

function passEpochs(state: ElectraState, count: number): void {
  state.advanceTo((state.epoch + count) * SLOTS_PER_EPOCH);
}

describe('withdrawal requests', () => {
  const cases: readonly [string, string, Partial<ElectraValidator>, BlockRequests][] = [
    ['the sender is not the credentials’ address', FOREIGN, { balanceGwei: 64n * ETH }, withdraw(ETH)],
    ['the sender is not the credentials’ address', COMPOUNDING, {}, withdraw(0n, `0x${'b2'.repeat(20)}`)],
    ['the credentials name no address', `0x00${'11'.repeat(31)}`, {}, withdraw(0n)],
    ['the validator is not active', COMPOUNDING, { activationEpoch: 1001 }, withdraw(0n)],
    ['the validator is not active', COMPOUNDING, { exitEpoch: 1000 }, withdraw(0n)],
    ['the exit has begun', COMPOUNDING, { exitEpoch: 1001 }, withdraw(0n)],
    ['the exit has begun', COMPOUNDING, { exitEpoch: 1001, slashed: true }, withdraw(0n)],
    ['active for fewer than 256 epochs', COMPOUNDING, { activationEpoch: 745 }, withdraw(0n)],
    ['a partial withdrawal without 0x02 credentials', LEGACY, { balanceGwei: 33n * ETH }, withdraw(ETH)],
    ['the balance is not above 32 ETH and what is pending', COMPOUNDING, {}, withdraw(ETH)],
    [
      'the effective balance is below 32 ETH',
      COMPOUNDING,
      { balanceGwei: 33n * ETH, effectiveBalanceGwei: 31n * ETH },
      withdraw(ETH),
    ],
  ];
  it.each(cases)(
    'the devnet’s beacon chain records a void request: %s',
    (reason, credentials, facts, block) => {
      const state = createState();
      state.add(keyOf(1), credentials, facts);
      state.takeBlock(block);
      expect(state.voidRequests).toEqual([
        {
          kind: 'withdrawal',
          publicKey: keyOf(1),
          sourceAddress: expect.any(String),
          reason,
          slot: state.slot,
          amountGwei: expect.any(BigInt),
        },
      ]);
      expect(state.pendingPartials).toEqual([]);
    },
  );

  it('the devnet’s beacon chain pays a partial withdrawal when it is due, and what is above 32 ETH at the most', () => {
    const state = createState();
    state.add(keyOf(1), COMPOUNDING, { balanceGwei: 100n * ETH });
    state.takeBlock(withdraw(60n * ETH));
    state.takeBlock(withdraw(60n * ETH));
    expect(state.pendingPartials.map(({ amountGwei }) => amountGwei)).toEqual([60n * ETH, 8n * ETH]);
    state.takeBlock(withdraw(ETH));
    state.takeBlock(withdraw(0n));
    expect(state.voidRequests.map(({ reason }) => reason)).toEqual([
      'the balance is not above 32 ETH and what is pending',
      'a full exit of a validator with pending partial withdrawals',
    ]);
    passEpochs(state, 260);
    expect(state.takeBlock(NOTHING)).toEqual([]);
    passEpochs(state, 1);
    expect(state.takeBlock(NOTHING)).toEqual([
      { address: VAULT, amountGwei: 60n * ETH },
      { address: VAULT, amountGwei: 8n * ETH },
    ]);
    expect(state.validators[0]?.balanceGwei).toBe(32n * ETH);
    passEpochs(state, 1);
    expect(state.validators[0]?.effectiveBalanceGwei).toBe(32n * ETH);
  });

  it('the devnet’s beacon chain exits a validator, and pays all of it 256 epochs after it has left', () => {
    const state = createState();
    state.add(keyOf(1), COMPOUNDING, { balanceGwei: 1000n * ETH });
    state.takeBlock(withdraw(0n));
    // 256 ETH leave in an epoch.
    expect(state.validators[0]).toMatchObject({ exitEpoch: 1008, withdrawableEpoch: 1264 });
    const statuses = [0, 8, 256].map(epochs => {
      passEpochs(state, epochs);
      return state.validators.map(one => state.statusOf(one)).join();
    });
    expect(statuses).toEqual(['active_exiting', 'exited_unslashed', 'withdrawal_possible']);
    expect(state.takeBlock(NOTHING)).toEqual([{ address: VAULT, amountGwei: 1000n * ETH }]);
    expect(state.validators.map(one => state.statusOf(one))).toEqual(['withdrawal_done']);
    expect(state.voidRequests).toEqual([]);
  });

  it('a partial withdrawal of a validator that is slashed meanwhile is void when it is due', () => {
    const state = createState();
    state.add(keyOf(1), COMPOUNDING, { balanceGwei: 100n * ETH });
    state.takeBlock(withdraw(10n * ETH));
    state.slash(0);
    expect(state.validators.map(one => state.statusOf(one))).toEqual(['active_slashed']);
    passEpochs(state, 300);
    expect(state.takeBlock(NOTHING)).toEqual([]);
    expect(state.voidRequests).toMatchObject([
      { reason: expect.stringContaining('the exit had begun'), amountGwei: 10n * ETH },
    ]);
  });

  it('the devnet’s queue of partial withdrawals can be full, for exits it is not', () => {
    const state = createState({ pendingPartialsLimit: 1 });
    state.add(keyOf(2), COMPOUNDING, { balanceGwei: 100n * ETH });
    state.add(keyOf(1), COMPOUNDING, { balanceGwei: 100n * ETH });
    state.takeBlock({
      ...NOTHING,
      withdrawals: [{ sourceAddress: VAULT, publicKey: keyOf(2), amountGwei: ETH }],
    });
    state.takeBlock(withdraw(ETH));
    expect(state.voidRequests).toMatchObject([{ reason: 'the queue of partial withdrawals is full' }]);
    state.takeBlock(withdraw(0n));
    expect(state.validators[1]?.exitEpoch).toBe(1005);
  });
});

describe('deposits', () => {
  it('a deposit becomes a validator when it is final and the churn lets it in, with the balance that was paid', () => {
    const state = createState();
    state.takeBlock({ ...NOTHING, deposits: [deposit(1, 300n * ETH), deposit(1, 10n * ETH)] });
    const seen = [1, 1, 1, 1, 1, 5].map(epochs => {
      passEpochs(state, epochs);
      return [state.pendingDeposits.length, ...state.validators.map(one => state.statusOf(one))];
    });
    // The first end of an epoch that could take it lets 256 ETH in: they are left for the next one.
    expect(seen).toEqual([
      [2],
      [2],
      [0, 'pending_initialized'],
      [0, 'pending_queued'],
      [0, 'pending_queued'],
      [0, 'active_ongoing'],
    ]);
    expect(state.validators).toMatchObject([
      { balanceGwei: 310n * ETH, effectiveBalanceGwei: 310n * ETH, withdrawalCredentials: COMPOUNDING },
    ]);
    expect(state.voidRequests).toEqual([]);
  });

  it('the devnet’s beacon chain records deposits that are lost, foreign, late or too much', () => {
    const state = createState({ isDepositSigned: ({ publicKey }) => publicKey[0] !== 9 });
    state.add(keyOf(1), FOREIGN);
    state.add(keyOf(2), COMPOUNDING);
    state.add(keyOf(3), COMPOUNDING, { balanceGwei: 2040n * ETH });
    state.add(keyOf(4), LEGACY);
    state.exit(1);
    const deposits = [deposit(9, 32n * ETH), deposit(1, ETH), deposit(2, ETH), deposit(3, 10n * ETH)];
    state.takeBlock({ ...NOTHING, deposits: [...deposits, deposit(4, ETH, LEGACY)] });
    passEpochs(state, 3);
    expect(state.voidRequests.map(({ publicKey, reason }) => [publicKey.slice(2, 4), reason])).toEqual([
      ['09', 'the first deposit of a key, and its signature is invalid: the ether is lost'],
      ['01', 'the validator has other withdrawal credentials: the ether is somebody else’s'],
      ['02', 'the validator’s exit has begun'],
      ['03', 'above the highest effective balance of 0x02 credentials'],
      ['04', 'above the highest effective balance of 0x01 credentials'],
    ]);
    // The one that waits for the exit is still there.
    expect(state.pendingDeposits).toHaveLength(1);
    const swept = state.takeBlock(NOTHING);
    expect(swept).toEqual([
      { address: VAULT, amountGwei: 2n * ETH },
      { address: VAULT, amountGwei: ETH },
    ]);
  });
});

describe('consolidations', () => {
  const consolidate = (source: number, target: number): BlockRequests => ({
    ...NOTHING,
    consolidations: [{ sourceAddress: VAULT, sourceKey: keyOf(source), targetKey: keyOf(target) }],
  });

  it('the devnet’s beacon chain moves a source into its target, and switches a validator to 0x02', () => {
    const state = createState();
    state.add(keyOf(1), LEGACY);
    // Nothing of it is swept before the switch, as its effective balance is low.
    state.add(keyOf(2), LEGACY, { balanceGwei: 33n * ETH, effectiveBalanceGwei: 31n * ETH });
    state.takeBlock(consolidate(1, 2));
    expect(state.voidRequests).toMatchObject([
      { kind: 'consolidation', reason: 'the target has no 0x02 credentials' },
    ]);
    state.takeBlock(consolidate(2, 2));
    expect(state.validators[1]).toMatchObject({ withdrawalCredentials: COMPOUNDING, balanceGwei: 32n * ETH });
    state.takeBlock(consolidate(1, 2));
    expect(state.pendingConsolidations).toEqual([{ sourceIndex: 0, targetIndex: 1 }]);
    passEpochs(state, 270);
    expect(state.validators.map(({ balanceGwei }) => balanceGwei)).toEqual([0n, 65n * ETH]);
    expect(state.pendingConsolidations).toEqual([]);
    expect(state.voidRequests).toHaveLength(1);
  });
});

describe('ether', () => {
  const KEYS = 6;
  const key = fc.integer({ min: 1, max: KEYS });
  const gwei = fc.bigInt({ min: 0n, max: 400n * ETH });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('deposit' as const),
      key,
      gwei: fc.bigInt({ min: ETH, max: 2048n * ETH }),
    }),
    fc.record({ kind: fc.constant('withdraw' as const), key, gwei }),
    fc.record({ kind: fc.constant('consolidate' as const), key, target: key }),
    fc.record({ kind: fc.constant('pass' as const), epochs: fc.integer({ min: 0, max: 300 }) }),
  );

  it('no gwei of the devnet’s beacon chain is lost or made, whatever is asked of it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const state = createState({ isDepositSigned: ({ publicKey }) => publicKey[0] !== KEYS });
        let paidIn = 0n;
        let paidOut = 0n;
        const take = (block: BlockRequests) => {
          for (const { amountGwei } of state.takeBlock(block)) paidOut += amountGwei;
        };
        for (const one of steps) {
          if (one.kind === 'pass') passEpochs(state, one.epochs);
          if (one.kind === 'deposit') {
            paidIn += one.gwei;
            take({
              ...NOTHING,
              deposits: [deposit(one.key, one.gwei, one.key % 2 === 0 ? COMPOUNDING : LEGACY)],
            });
          } else if (one.kind === 'withdraw') {
            const request = { sourceAddress: VAULT, publicKey: keyOf(one.key), amountGwei: one.gwei };
            take({ ...NOTHING, withdrawals: [request] });
          } else if (one.kind === 'consolidate') {
            const request = { sourceAddress: VAULT, sourceKey: keyOf(one.key), targetKey: keyOf(one.target) };
            take({ ...NOTHING, consolidations: [request] });
          } else take(NOTHING);
        }
        let there = paidOut;
        for (const { balanceGwei } of state.validators) there += balanceGwei;
        for (const { amountGwei } of state.pendingDeposits) there += amountGwei;
        for (const { reason, amountGwei } of state.voidRequests)
          if (reason.includes('lost')) there += amountGwei;
        expect(there).toBe(paidIn);
        expect(state.validators.every(({ balanceGwei }) => balanceGwei >= 0n)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
