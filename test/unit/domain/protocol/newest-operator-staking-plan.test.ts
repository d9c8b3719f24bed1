import { describe, expect, it } from 'vitest';
import type { ValidatorType } from '../../../../src/domain/consensus/deposit.ts';
import { planFunding, splitDeposits } from '../../../../src/domain/protocol/staking-plan.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

describe('deposit-amounts.json', () => {
  const cases =
    readNewestVectors<
      readonly {
        readonly network: string;
        readonly validator_type: ValidatorType;
        readonly max_validator_balance_gwei: Whole;
        readonly vault_assets_gwei: Whole;
        readonly amounts_gwei: readonly Whole[];
      }[]
    >('deposit-amounts');

  it.each(cases)(
    'assets of $vault_assets_gwei gwei on $network are split so for $validator_type up to $max_validator_balance_gwei',
    one => {
      const amounts = splitDeposits(BigInt(one.vault_assets_gwei), {
        type: one.validator_type,
        maxValidatorBalanceGwei: BigInt(one.max_validator_balance_gwei),
      });
      expect(amounts).toEqual(one.amounts_gwei.map(BigInt));
    },
  );
});

describe('funding-amounts.json', () => {
  const cases =
    readNewestVectors<
      readonly {
        readonly max_validator_balance_gwei: Whole;
        readonly min_deposit_amount_gwei: Whole;
        readonly vault_assets_gwei: Whole;
        readonly balances: readonly { readonly public_key: string; readonly balance_gwei: Whole }[];
        readonly funding: readonly { readonly public_key: string; readonly amount_gwei: Whole }[];
      }[]
    >('funding-amounts');

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'assets of $vault_assets_gwei gwei top up the validators of case $place so',
    one => {
      const candidates = one.balances.map(({ public_key, balance_gwei }) => ({
        publicKey: fromHex(public_key, 48),
        balanceGwei: BigInt(balance_gwei),
      }));
      const assetsGwei = BigInt(one.vault_assets_gwei);
      const minDepositAmountGwei = BigInt(one.min_deposit_amount_gwei);
      const maxValidatorBalanceGwei = BigInt(one.max_validator_balance_gwei);
      const topUps = planFunding(candidates, assetsGwei, { maxValidatorBalanceGwei, minDepositAmountGwei });
      const expected = one.funding.map(({ public_key, amount_gwei }) => ({
        public_key,
        amount_gwei: BigInt(amount_gwei),
      }));
      if (assetsGwei < minDepositAmountGwei) {
        // A pass stops before it asks for this. The recorded function, asked all the same, gives what there is to the first.
        expect(topUps).toEqual([]);
        expect(expected.every(({ amount_gwei }) => amount_gwei === assetsGwei)).toBe(true);
        return;
      }
      expect(
        topUps.map(({ publicKey, amountGwei }) => ({
          public_key: toHex(publicKey),
          amount_gwei: amountGwei,
        })),
      ).toEqual(expected);
    },
  );
});
