import { describe, expect, it } from 'vitest';
import type { ValidatorType } from '../../../../src/domain/consensus/deposit.ts';
import { encodeRegistrations } from '../../../../src/domain/protocol/validator-entries.ts';
import { concatBytes, fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readVaultValidators } from '../../../../src/signer/gates/vault-validators.ts';
import { Refusal } from '../../../../src/signer/http/refusal.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const STRANGER = '0xa2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2';

function encode(type: ValidatorType, amountsGwei: readonly bigint[], vault = VAULT): Uint8Array {
  const validators = amountsGwei.map((amountGwei, i) => ({
    publicKey: new Uint8Array(48).fill(i + 1),
    signature: new Uint8Array(96).fill(i + 2),
    amountGwei,
  }));
  return encodeRegistrations(type, validators, fromHex(vault));
}

function read(validators: Uint8Array) {
  const body = JSON.stringify({
    chainId: 1,
    vault: VAULT,
    validatorsRegistryRoot: `0x${'33'.repeat(32)}`,
    validators: toHex(validators),
  });
  return readVaultValidators(Buffer.from(body), { chainId: 1, vault: VAULT });
}

const STAKE = 32_000_000_000n;

describe('readVaultValidators', () => {
  it.each<readonly [string, Uint8Array, number]>([
    ['two of 0x01', encode('0x01', [STAKE, STAKE]), 2],
    ['three of 0x02, of 32 to 2,048 ETH', encode('0x02', [STAKE, 300_000_000_000n, 2_048_000_000_000n]), 3],
  ])('the wallet approves of %s', (_, validators, count) => {
    expect(read(validators)).toMatchObject({ validators: count });
  });

  const withAmount = (amountGwei: bigint) => encode('0x02', [amountGwei]);
  const changed = (entry: Uint8Array, at: number) => {
    const copy = Uint8Array.from(entry);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };

  it.each<readonly [string, Uint8Array, RegExp]>([
    ['less than 32 ETH', withAmount(STAKE - 1n), /not one of 32 to 2,048 ETH/],
    ['more than 2,048 ETH', withAmount(2_048_000_000_001n), /not one of 32 to 2,048 ETH/],
    ['another amount than that of the root', changed(withAmount(STAKE), 183), /own withdrawal credentials/],
    ['another key than that of the root', changed(withAmount(STAKE), 0), /own withdrawal credentials/],
    ['0x02 credentials of a stranger', encode('0x02', [STAKE], STRANGER), /own withdrawal credentials/],
    [
      '0x02 credentials in an entry of 0x01',
      withAmount(STAKE).subarray(0, 176),
      /not one of 32 ETH to the vault's own/,
    ],
    [
      'a length that both types could have',
      encode(
        '0x02',
        Array.from({ length: 22 }, () => STAKE),
      ),
      /176 bytes each, not 4048, or 184 with amounts/,
    ],
    [
      'both types at once',
      concatBytes([encode('0x01', [STAKE]), withAmount(STAKE)]),
      /176 bytes each, not 360/,
    ],
  ])('the wallet approves of nothing with %s', (_, validators, reason) => {
    expect(() => read(validators)).toThrow(Refusal);
    expect(() => read(validators)).toThrow(reason);
  });
});
