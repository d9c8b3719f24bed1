import { ByteVectorType, ContainerType, UintBigintType } from '@chainsafe/ssz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { depositDataRoot, depositMessageRoot } from '../../../../src/domain/consensus/deposit.ts';
import { toHex } from '../../../../src/lib/bytes.ts';

const message = {
  pubkey: new ByteVectorType(48),
  withdrawal_credentials: new ByteVectorType(32),
  amount: new UintBigintType(8),
};
const DepositMessage = new ContainerType(message);
const DepositData = new ContainerType({ ...message, signature: new ByteVectorType(96) });

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const deposit = fc.record({
  publicKey: bytes(48),
  withdrawalCredentials: bytes(32),
  amountGwei: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  signature: bytes(96),
});

describe('the roots of a deposit', () => {
  it('the roots of a deposit are those that the library of SSZ computes', () => {
    fc.assert(
      fc.property(deposit, one => {
        const { publicKey, withdrawalCredentials, amountGwei, signature } = one;
        const value = {
          pubkey: publicKey,
          withdrawal_credentials: withdrawalCredentials,
          amount: amountGwei,
        };
        expect(toHex(depositMessageRoot(one))).toBe(toHex(DepositMessage.hashTreeRoot(value)));
        expect(toHex(depositDataRoot(one))).toBe(toHex(DepositData.hashTreeRoot({ ...value, signature })));
      }),
      { numRuns: 300 },
    );
  });
});
