import { describe, expect, it } from 'vitest';
import { signMessage } from '../../../src/domain/consensus/bls.ts';
import { vaultCredentials } from '../../../src/domain/consensus/deposit.ts';
import { depositSigningRoot } from '../../../src/domain/consensus/deposit-signature.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { createDepositVerifier } from '../../../src/workers/deposit-verifier.ts';

const genesisForkVersion = fromHex('10000038', 4);

/** The deposit of a key; invalid when it is signed for another fork. */
function createDeposit(index: number, isValid: boolean) {
  const secretKey = new Uint8Array(32).fill(1);
  new DataView(secretKey.buffer).setUint32(28, index);
  const message = {
    publicKey: publicKeyOf(secretKey),
    withdrawalCredentials: vaultCredentials(new Uint8Array(20).fill(index)),
    amountGwei: BigInt(index + 1) * 1_000_000_000n,
  };
  const fork = isValid ? genesisForkVersion : new Uint8Array(4);
  return { ...message, signature: signMessage(secretKey, depositSigningRoot(message, fork)) };
}

describe('the deposit verifier', () => {
  it.each([5, 160])('the deposit verifier finds the invalid ones of %i deposits', async count => {
    const invalid = [0, 3, count - 1];
    const deposits = Array.from({ length: count }, (_, i) => createDeposit(i, !invalid.includes(i)));
    await using verifier = createDepositVerifier({ genesisForkVersion, threads: 2 });
    expect(await verifier.findInvalid(deposits)).toEqual(invalid);
    expect(await verifier.findInvalid([])).toEqual([]);
  });

  it('the deposit verifier takes a key that is no point for invalid', async () => {
    const deposits = Array.from({ length: 40 }, (_, i) => createDeposit(i, true));
    const broken = deposits.map((deposit, i) =>
      i === 7 ? { ...deposit, publicKey: new Uint8Array(48).fill(0xff) } : deposit,
    );
    await using verifier = createDepositVerifier({ genesisForkVersion, threads: 1 });
    expect(await verifier.findInvalid(broken)).toEqual([7]);
  });

  it('the deposit verifier gives up what is not verified yet when it is stopped', async () => {
    const deposits = Array.from({ length: 40 }, (_, i) => createDeposit(i, true));
    const verifier = createDepositVerifier({ genesisForkVersion, threads: 1 });
    const verifying = expect(verifier.findInvalid(deposits)).rejects.toThrow('were stopped');
    await verifier[Symbol.asyncDispose]();
    await verifying;
  });
});
