import { describe, expect, it } from 'vitest';
import type { RequestKind } from '../../../../src/domain/consensus/execution-requests.ts';
import { fakeExponential, requestFeeWei } from '../../../../src/domain/protocol/request-fee.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

const { fake_exponential, request_fee } = readNewestVectors<{
  readonly fake_exponential: readonly Readonly<
    Record<'factor' | 'numerator' | 'denominator' | 'result', Whole>
  >[];
  readonly request_fee: readonly {
    readonly kind: RequestKind;
    readonly excess: Whole;
    readonly count_in_current_block: Whole;
    readonly count: number;
    readonly fee_per_request_wei: Whole;
  }[];
}>('request-fees');

describe('request-fees.json', () => {
  it.each(fake_exponential)('fakeExponential($factor, $numerator, $denominator) is $result', one => {
    const [factor, numerator, denominator] = [one.factor, one.numerator, one.denominator].map(BigInt);
    expect(fakeExponential(factor ?? 0n, numerator ?? 0n, denominator ?? 0n)).toBe(BigInt(one.result));
  });

  it.each(request_fee)(
    'each of $count requests of kind $kind costs $fee_per_request_wei wei after $excess and $count_in_current_block',
    one => {
      const queue = { excess: BigInt(one.excess), countInBlock: BigInt(one.count_in_current_block) };
      expect(requestFeeWei(one.kind, queue, one.count)).toBe(BigInt(one.fee_per_request_wei));
    },
  );
});
