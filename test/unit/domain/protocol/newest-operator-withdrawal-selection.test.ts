import { describe, expect, it } from 'vitest';
import { compoundingCredentials, vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import type { ValidatorState, ValidatorStatus } from '../../../../src/domain/consensus/validator-state.ts';
import type { PendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import {
  comingInGwei,
  countOracleExits,
  planWithdrawals,
} from '../../../../src/domain/protocol/withdrawal-plan.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../../src/lib/units.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

interface RecordedValidator {
  readonly index: Whole;
  readonly public_key: string;
  readonly balance_gwei: Whole;
  readonly compounding: boolean;
  readonly status: ValidatorStatus;
  readonly activation_epoch: Whole;
}

interface RecordedWithdrawal {
  readonly public_key: string;
  readonly amount_gwei: Whole;
}

interface RecordedSelection {
  readonly name: string;
  readonly head_epoch: Whole;
  readonly shard_committee_period: number;
  readonly validator_min_active_epochs: Whole;
  readonly queued_assets_gwei: Whole;
  readonly disable_full_withdrawals: boolean;
  readonly validators: readonly RecordedValidator[];
  readonly pending_partial_withdrawals: readonly {
    readonly validator_index: Whole;
    readonly amount_gwei: Whole;
  }[];
  readonly oracle_exit_indexes: readonly Whole[];
  readonly consolidation_target_indexes: readonly Whole[];
  /** The result, of cases that both implementations agree on. */
  readonly withdrawals?: readonly RecordedWithdrawal[];
  /** The result to test against, of the others. */
  readonly corrected?: readonly RecordedWithdrawal[];
}

const VAULT = new Uint8Array(20).fill(0xa1);
const ETHER = 1_000_000_000n;

function toState(one: RecordedValidator): ValidatorState {
  const balanceGwei = BigInt(one.balance_gwei);
  return {
    index: BigInt(one.index),
    status: one.status,
    publicKey: fromHex(one.public_key, 48),
    withdrawalCredentials: one.compounding ? compoundingCredentials(VAULT) : vaultCredentials(VAULT),
    balanceGwei,
    effectiveBalanceGwei: balanceGwei - (balanceGwei % ETHER),
    activationEpoch: BigInt(one.activation_epoch),
  };
}

function indexes(list: readonly Whole[]): ReadonlySet<bigint> {
  return new Set(list.map(BigInt));
}

function pendingOf(known: Partial<PendingOperations>): PendingOperations {
  return {
    partialsGwei: new Map(),
    exits: new Set(),
    consolidationSources: new Set(),
    consolidationTargets: new Set(),
    incomingGwei: new Map(),
    unclearTargets: new Set(),
    ...known,
  };
}

function sumPartials(list: RecordedSelection['pending_partial_withdrawals']): ReadonlyMap<bigint, bigint> {
  const sums = new Map<bigint, bigint>();
  for (const { validator_index, amount_gwei } of list) {
    const index = BigInt(validator_index);
    sums.set(index, (sums.get(index) ?? 0n) + BigInt(amount_gwei));
  }
  return sums;
}

describe('withdrawal-selection.json', () => {
  const { same_in_both, differ } =
    readNewestVectors<Readonly<Record<'same_in_both' | 'differ', readonly RecordedSelection[]>>>(
      'withdrawal-selection',
    );

  it.each([...same_in_both, ...differ])(
    'withdrawals of $queued_assets_gwei gwei are selected so: $name',
    one => {
      expect(one.shard_committee_period).toBe(256);
      const { withdrawals } = planWithdrawals({
        vault: VAULT,
        epoch: BigInt(one.head_epoch),
        validators: one.validators.map(toState),
        pending: pendingOf({
          partialsGwei: sumPartials(one.pending_partial_withdrawals),
          consolidationTargets: indexes(one.consolidation_target_indexes),
        }),
        oracleExits: indexes(one.oracle_exit_indexes),
        missingGwei: BigInt(one.queued_assets_gwei),
        validatorMinActiveEpochs: BigInt(one.validator_min_active_epochs),
        isWithoutExits: one.disable_full_withdrawals,
      });
      const expected = one.corrected ?? one.withdrawals;
      expect(withdrawals.map(({ publicKey, amountGwei }) => [toHex(publicKey), amountGwei])).toEqual(
        expected?.map(({ public_key, amount_gwei }) => [public_key, BigInt(amount_gwei)]),
      );
    },
  );
});

describe('exiting-amount.json', () => {
  const cases =
    readNewestVectors<
      readonly {
        readonly validators: readonly RecordedValidator[];
        readonly oracle_exiting_indexes: readonly Whole[];
        readonly consolidation_source_indexes: readonly Whole[];
        readonly exiting_wei: Whole;
      }[]
    >('exiting-amount');

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'what is coming in is counted so: case $place, $exiting_wei wei',
    one => {
      const gwei = comingInGwei({
        validators: one.validators.map(toState),
        pending: pendingOf({ consolidationSources: indexes(one.consolidation_source_indexes) }),
        oracleExits: indexes(one.oracle_exiting_indexes),
      });
      expect(gwei * WEI_PER_GWEI).toBe(BigInt(one.exiting_wei));
    },
  );
});

describe('active-exits.json', () => {
  const cases =
    readNewestVectors<
      readonly {
        readonly recover_threshold: number;
        readonly answers: Readonly<Record<string, readonly Whole[]>>;
        readonly exiting_indexes: readonly Whole[];
      }[]
    >('active-exits');

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'oracle exits are counted so: case $place, threshold $recover_threshold',
    one => {
      const answers = Object.values(one.answers).map(list => list.map(BigInt));
      const found = countOracleExits(answers, one.recover_threshold);
      // The reference goes on with an empty set: nothing must be done then.
      if (answers.length < one.recover_threshold) expect(found).toBeUndefined();
      else expect(found).toEqual(indexes(one.exiting_indexes));
    },
  );
});
