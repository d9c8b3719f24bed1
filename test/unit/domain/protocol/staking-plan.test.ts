import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compoundingCredentials, vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import { findPendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import { toBeaconGwei, toVaultWei } from '../../../../src/domain/protocol/stake-units.ts';
import {
  findFundingCandidates,
  planFunding,
  planStaking,
  splitDeposits,
  stakeableGwei,
  TOP_UP_BATCH,
} from '../../../../src/domain/protocol/staking-plan.ts';
import { encodeTopUps } from '../../../../src/domain/protocol/validator-entries.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { WEI_PER_ETHER } from '../../../../src/lib/units.ts';
import {
  anyBalanceGwei,
  anyScene,
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedKey,
  plannedOperations,
  plannedValidator,
  STRANGER,
  shuffled,
  PLANNED_VAULT as VAULT,
  waitingRequests,
} from '../../../support/scenes/planned-validators.ts';

const RUNS = { seed: 15, numRuns: 1000 };
const OWN = compoundingCredentials(VAULT);
const anyAssets = fc.bigInt({ min: 0n, max: 8000n * ETHER });
const anyLimits = fc.record({
  maxValidatorBalanceGwei: fc.constantFrom(32n, 300n, 1945n, 2048n).map(ether => ether * ETHER),
  minDepositAmountGwei: fc.constantFrom(1n, 10n, 40n).map(ether => ether * ETHER),
});
const anyDeposit = fc.record({
  publicKey: fc.bigInt({ min: 1n, max: 16n }).map(plannedKey),
  withdrawalCredentials: fc.constantFrom(
    OWN,
    OWN,
    OWN,
    vaultCredentials(VAULT),
    compoundingCredentials(STRANGER),
  ),
  amountGwei: anyBalanceGwei,
});
/** A scene with deposits that wait, and keys of the vault that the beacon chain does not know. */
const anyStaking = fc.record({
  scene: anyScene,
  pendingDeposits: fc.array(anyDeposit, { maxLength: 6 }),
  assetsGwei: anyAssets,
  limits: anyLimits,
});

function candidatesOf(
  { scene, pendingDeposits }: typeof anyStaking extends fc.Arbitrary<infer Staking> ? Staking : never,
  seed = 1,
) {
  const { validators, waiting, oracleExits } = scene;
  const keys = Array.from({ length: 16 }, (_, i) => plannedKey(BigInt(i + 1)));
  return findFundingCandidates({
    vault: VAULT,
    publicKeys: shuffled(keys, seed),
    validators: shuffled(validators, seed),
    pendingDeposits: shuffled(pendingDeposits, seed),
    pending: findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting }),
    oracleExits,
  });
}

describe('planFunding of any vault', () => {
  it('no validator gets above the limit with all that is on its way to it, and none is topped up twice or when it exits', () => {
    fc.assert(
      fc.property(anyStaking, staking => {
        const { scene, pendingDeposits, assetsGwei, limits } = staking;
        const topUps = planFunding(candidatesOf(staking), assetsGwei, limits);
        expect(new Set(topUps.map(({ publicKey }) => toHex(publicKey))).size).toBe(topUps.length);
        const sum = topUps.reduce((all, { amountGwei }) => all + amountGwei, 0n);
        expect(sum <= assetsGwei).toBe(true);
        for (const { publicKey, amountGwei } of topUps) {
          const key = toHex(publicKey);
          const validator = scene.validators.find(one => toHex(one.publicKey) === key);
          const waiting = pendingDeposits.filter(one => toHex(one.publicKey) === key);
          const depositedGwei = waiting.reduce((all, one) => all + one.amountGwei, 0n);
          const finalGwei = (validator?.balanceGwei ?? 0n) + depositedGwei + amountGwei;
          expect(finalGwei <= limits.maxValidatorBalanceGwei).toBe(true);
          expect(amountGwei >= limits.minDepositAmountGwei).toBe(true);
          if (validator === undefined) {
            expect(waiting.length).toBeGreaterThan(0);
            expect(new Set(waiting.map(one => toHex(one.withdrawalCredentials)))).toEqual(
              new Set([toHex(OWN)]),
            );
          } else {
            expect(validator.withdrawalCredentials).toEqual(OWN);
            expect(validator.status).toMatch(/^pending_|^active_ongoing$/);
            expect(scene.oracleExits.has(validator.index)).toBe(false);
          }
        }
      }),
      RUNS,
    );
  });

  it('the order in which keys, validators and deposits come decides nothing', () => {
    fc.assert(
      fc.property(anyStaking, fc.integer(), (staking, seed) => {
        const { assetsGwei, limits } = staking;
        const topUps = planFunding(candidatesOf(staking), assetsGwei, limits);
        expect(planFunding(candidatesOf(staking, seed), assetsGwei, limits)).toEqual(topUps);
      }),
      RUNS,
    );
  });
});

describe('planStaking', () => {
  const anyType = fc.constantFrom('0x01' as const, '0x02' as const);

  it('a plan never spends more than there is, and its batches have amounts and lengths that the vault takes', () => {
    fc.assert(
      fc.property(
        anyStaking,
        anyType,
        fc.boolean(),
        fc.integer({ min: 0, max: 100 }),
        (staking, type, isFundedLately, batchLimit) => {
          const { assetsGwei, limits } = staking;
          const options = { ...limits, type, assetsGwei, candidates: candidatesOf(staking), batchLimit };
          const plan = planStaking({ ...options, isFundedLately });
          const { topUps, amountsGwei, reservedGwei } = plan;
          const sum = [...topUps.map(({ amountGwei }) => amountGwei), ...amountsGwei].reduce(
            (all, amount) => all + amount,
            reservedGwei,
          );
          expect(sum <= assetsGwei).toBe(true);
          const mostGwei = type === '0x01' ? 32n * ETHER : limits.maxValidatorBalanceGwei;
          for (const amount of amountsGwei) expect(amount >= 32n * ETHER && amount <= mostGwei).toBe(true);
          expect(amountsGwei.length).toBeLessThanOrEqual(batchLimit);
          const length = amountsGwei.length * (type === '0x01' ? 176 : 184);
          if (length > 0) expect(length % 176 === 0 && length % 184 === 0).toBe(false);
          if (type === '0x01') expect(topUps).toEqual([]);
          // What is kept for later top-ups is what would be topped up, and the rest is registered all the same.
          const other = planStaking({ ...options, isFundedLately: !isFundedLately });
          const toppedUpGwei = [...topUps, ...other.topUps].reduce((all, one) => all + one.amountGwei, 0n);
          expect(reservedGwei + other.reservedGwei).toBe(toppedUpGwei);
          expect(other.amountsGwei).toEqual(amountsGwei);
        },
      ),
      RUNS,
    );
  });

  it('assets below the smallest deposit are left alone, also where they would do for a validator', () => {
    const limits = { maxValidatorBalanceGwei: 300n * ETHER, minDepositAmountGwei: 64n * ETHER };
    const plan = planStaking({
      ...limits,
      type: '0x02',
      assetsGwei: 63n * ETHER,
      candidates: [],
      isFundedLately: false,
      batchLimit: 10,
    });
    expect(plan).toEqual({ topUps: [], reservedGwei: 0n, amountsGwei: [] });
  });
});

describe('splitDeposits', () => {
  it('the amounts are all that was to be split, but for a rest below 32 ETH', () => {
    fc.assert(
      fc.property(anyAssets, anyLimits, (assets, { maxValidatorBalanceGwei }) => {
        for (const type of ['0x01', '0x02'] as const) {
          const amounts = splitDeposits(assets, { type, maxValidatorBalanceGwei });
          const rest = assets - amounts.reduce((sum, amount) => sum + amount, 0n);
          expect(rest >= 0n && rest < 32n * ETHER).toBe(true);
          const limited = splitDeposits(assets, { type, maxValidatorBalanceGwei, limit: 2 });
          expect(limited).toEqual(amounts.slice(0, 2));
        }
      }),
      RUNS,
    );
  });
});

describe('findFundingCandidates', () => {
  const find = (changes: Partial<Parameters<typeof findFundingCandidates>[0]>) =>
    findFundingCandidates({
      vault: VAULT,
      publicKeys: [],
      validators: [],
      pendingDeposits: [],
      pending: plannedOperations(),
      ...changes,
    }).map(({ publicKey, balanceGwei }) => [toHex(publicKey), balanceGwei]);
  const key = (index: bigint) => toHex(plannedKey(index));
  const deposit = (index: bigint, ether: bigint, withdrawalCredentials = OWN) => ({
    publicKey: plannedKey(index),
    withdrawalCredentials,
    amountGwei: ether * ETHER,
  });

  it('a key that the beacon chain does not know takes a top-up only while deposits to the vault wait, and no others', () => {
    const publicKeys = [1n, 2n, 3n, 4n].map(plannedKey);
    const pendingDeposits = [
      deposit(2n, 32n),
      deposit(2n, 8n),
      deposit(3n, 32n, compoundingCredentials(STRANGER)),
      deposit(3n, 32n),
      deposit(4n, 32n, vaultCredentials(VAULT)),
      deposit(9n, 32n),
    ];
    expect(find({ publicKeys, pendingDeposits })).toEqual([[key(2n), 40n * ETHER]]);
  });

  it('deposits that wait count for a known validator, also those of strangers', () => {
    const validators = [plannedValidator(1n, { balanceGwei: 100n * ETHER })];
    const pendingDeposits = [deposit(1n, 10n), deposit(1n, 5n, compoundingCredentials(STRANGER))];
    expect(find({ validators, pendingDeposits })).toEqual([[key(1n), 115n * ETHER]]);
  });

  it('sources of consolidations take nothing, targets have what is coming, and none whose source is unknown', () => {
    const validators = [1n, 2n, 3n, 4n, 5n].map(index => plannedValidator(index));
    const pending = findPendingOperations({
      vault: VAULT,
      epoch: EPOCH,
      validators,
      waiting: waitingRequests({
        consolidations: [
          { sourceIndex: 1n, targetIndex: 2n },
          { sourceIndex: 99n, targetIndex: 3n },
        ],
        consolidationRequests: [
          { source: VAULT, sourceKey: plannedKey(4n), targetKey: plannedKey(2n) },
          // Twice, and by somebody whose requests are void.
          { source: VAULT, sourceKey: plannedKey(4n), targetKey: plannedKey(2n) },
          { source: STRANGER, sourceKey: plannedKey(88n), targetKey: plannedKey(5n) },
        ],
      }),
    });
    expect(find({ validators, pending, pendingDeposits: [deposit(1n, 5n)] })).toEqual([
      [key(2n), 96n * ETHER],
      [key(5n), 32n * ETHER],
    ]);
  });

  it('validators that exit, are slashed, or are to exit take nothing', () => {
    const validators = [
      plannedValidator(1n, { status: 'active_slashed' }),
      plannedValidator(2n, { status: 'active_exiting' }),
      plannedValidator(3n),
      plannedValidator(4n),
      plannedValidator(5n, { withdrawalCredentials: vaultCredentials(VAULT) }),
      plannedValidator(6n, { status: 'pending_queued' }),
    ];
    const pending = plannedOperations({ exits: new Set([3n]) });
    expect(find({ validators, pending, oracleExits: new Set([4n]) })).toEqual([[key(6n), 32n * ETHER]]);
  });
});

describe('stakeableGwei', () => {
  const assets = { reservedWei: 0n, stakePerToken: 1n, minVaultBalanceGwei: 0n };

  it('the reserve and the smallest balance of the vault are left, and parts of a gwei', () => {
    const withdrawableWei = 50n * WEI_PER_ETHER + 999_999_999n;
    expect(stakeableGwei({ ...assets, withdrawableWei })).toBe(50n * ETHER);
    const kept = { reservedWei: 8n * WEI_PER_ETHER, minVaultBalanceGwei: 2n * ETHER };
    expect(stakeableGwei({ ...assets, ...kept, withdrawableWei })).toBe(40n * ETHER);
    expect(stakeableGwei({ ...assets, withdrawableWei, reservedWei: 51n * WEI_PER_ETHER })).toBe(0n);
    expect(stakeableGwei({ ...assets, withdrawableWei, minVaultBalanceGwei: 51n * ETHER })).toBe(0n);
  });

  it('a GNO is 32 of what the beacon chain counts', () => {
    expect(stakeableGwei({ ...assets, withdrawableWei: WEI_PER_ETHER, stakePerToken: 32n })).toBe(
      32n * ETHER,
    );
  });
});

describe('stake units', () => {
  it('amounts go to the beacon chain and back, rounded down both ways', () => {
    expect(toBeaconGwei(WEI_PER_ETHER + 31_249_999n, 32n)).toBe(32n * ETHER);
    expect(toBeaconGwei(WEI_PER_ETHER + 31_250_000n, 32n)).toBe(32n * ETHER + 1n);
    expect(toVaultWei(32n * ETHER, 32n)).toBe(WEI_PER_ETHER);
    expect(toVaultWei(33n * ETHER, 1n)).toBe(33n * WEI_PER_ETHER);
    expect(toVaultWei(1n, 32n)).toBe(31_250_000n);
  });
});

describe('TOP_UP_BATCH', () => {
  it('a whole batch of top-ups has a length that the vault takes', () => {
    const topUps = Array.from({ length: TOP_UP_BATCH }, (_, i) => ({
      publicKey: plannedKey(BigInt(i)),
      amountGwei: ETHER,
    }));
    expect(encodeTopUps(topUps, VAULT)).toHaveLength(TOP_UP_BATCH * 184);
  });
});
