import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { depositOfVault } from '../../../../src/domain/consensus/deposit.ts';
import {
  assertUniqueDeposits,
  formatDepositData,
  parseDepositData,
} from '../../../../src/domain/consensus/deposit-data.ts';
import {
  findInvalidDeposits,
  verifyDepositSignature,
} from '../../../../src/domain/consensus/deposit-signature.ts';
import { createKeyDeriver } from '../../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../../src/domain/keys/mnemonic.ts';
import { createDepositData } from '../../../../src/domain/keys/signed-deposit.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { matchSchema } from '../../../../src/lib/match-schema.ts';
import { readRecorded, readRecordedJson } from '../../../support/recorded/vectors.ts';

const VAULT = fromHex('0x1234567890abcdef1234567890abcdef12345678');
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const HOLESKY = { name: 'holesky', genesisForkVersion: fromHex('0x01017000') };

const hexOf = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(?:0x)?[0-9a-f]{${2 * bytes}}$`, 'i'), { error: `is not ${bytes} bytes of hex` });
/** What parseDepositData checks by hand: what it takes and refuses, and its words, are those of this schema. */
const SCHEMA = z.array(
  z.looseObject({
    pubkey: hexOf(48),
    signature: hexOf(96),
    withdrawal_credentials: hexOf(32).optional(),
    amount: z.int().positive().optional(),
    deposit_message_root: hexOf(32).optional(),
    deposit_data_root: hexOf(32).optional(),
    fork_version: hexOf(4).optional(),
    network_name: z.string().optional(),
  }),
);

describe('deposit data', () => {
  it.each([
    ['holesky', HOLESKY, 5],
    ['goerli', { name: 'goerli', genesisForkVersion: fromHex('0x00001020') }, 2],
  ])('formatDepositData writes the recorded file of %s, byte for byte', (name, network, count) => {
    const derive = createKeyDeriver(mnemonicToSeed(MNEMONIC));
    const entries = Array.from({ length: count }, (_, i) =>
      createDepositData({ secretKey: derive(i), vault: VAULT, network }),
    );
    expect(formatDepositData(entries)).toBe(
      readRecorded(`01-create-keys/${name}/1-after-first/deposit_data.json`),
    );
  });

  it.each(['1-after-first/deposit_data.json', '2-after-second/deposit_data.json', 'merged.json'])(
    'parseDepositData and formatDepositData read and write the recorded %s unchanged',
    path => {
      const text = readRecorded(`01-create-keys/holesky/${path}`);
      expect(formatDepositData(parseDepositData(text))).toBe(text);
    },
  );

  it('parseDepositData reads hex with 0x and in upper case, and entries of key and signature only', () => {
    const [full] = readRecordedJson<{ pubkey: string; signature: string }[]>(
      '01-create-keys/goerli/1-after-first/deposit_data.json',
    );
    const pubkey = full?.pubkey ?? '';
    const signature = full?.signature ?? '';
    const text = JSON.stringify([{ pubkey: `0x${pubkey}`, signature: `0x${signature.toUpperCase()}` }]);
    const [entry] = parseDepositData(text);
    expect(entry).toMatchObject({ publicKey: fromHex(pubkey), signature: fromHex(signature) });
  });

  it('parseDepositData and assertUniqueDeposits name what they refuse', () => {
    const [good] = readRecordedJson<{ pubkey: string }[]>(
      '01-create-keys/goerli/1-after-first/deposit_data.json',
    );
    const refusal = (value: unknown) => {
      try {
        parseDepositData(typeof value === 'string' ? value : JSON.stringify(value), 'd.json');
      } catch (error) {
        return error;
      }
      return expect.fail('was read');
    };
    expect(refusal('{')).toMatchObject({ code: 'deposit-data-not-json', message: 'd.json is not JSON.' });
    expect(refusal({})).toMatchObject({ code: 'deposit-data-invalid' });
    expect(refusal([{ ...good, pubkey: 'ab' }])).toMatchObject({
      code: 'deposit-data-invalid',
      message: 'd.json is not deposit data: 0: pubkey: is not 48 bytes of hex',
    });
    expect(refusal([good, { ...good, signature: undefined }])).toMatchObject({
      code: 'deposit-data-invalid',
      message: expect.stringContaining('1: signature'),
    });
    const twice = parseDepositData(JSON.stringify([good, good]));
    expect(() => assertUniqueDeposits(twice, 'd.json')).toThrowError(
      expect.objectContaining({
        code: 'deposit-data-duplicate',
        message: expect.stringContaining(String(good?.pubkey)),
      }),
    );
  });

  it('parseDepositData takes and refuses what the schema does, in its words, whatever stands in the file', () => {
    const [good] = readRecordedJson<Record<string, unknown>[]>(
      '01-create-keys/goerli/1-after-first/deposit_data.json',
    );
    const digits = fc
      .constantFrom(0, 2, 4, 7, 8, 63, 64, 66, 96, 98, 192, 194)
      .map(count => 'aF'.repeat(count));
    const odd = fc.oneof(
      fc.jsonValue(),
      digits,
      digits.map(text => `0x${text}`),
      digits.map(text => `0X${text}\n`),
      fc.constantFrom(0, -1, 0.5, -0.5, 1e300, -1e300, 2 ** 53, -(2 ** 53), 2 ** 53 - 1, Number.MIN_VALUE),
      // Which JSON.stringify would write as null.
      fc.constantFrom('1e999', '-1e999').map(text => `unquoted ${text}`),
    );
    const member = fc.constantFrom(...Object.keys(good ?? {}), 'other', '__proto__');
    const changed = fc
      .array(fc.tuple(member, fc.option(odd, { nil: undefined })), { maxLength: 3 })
      .map(changes => ({ ...good, ...Object.fromEntries(changes) }));
    const entry = fc.oneof({ weight: 5, arbitrary: changed }, odd);
    const document = fc.oneof({ weight: 9, arbitrary: fc.array(entry, { maxLength: 4 }) }, odd);
    const outcomes = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(document, value => {
        const text = JSON.stringify(value).replace(/"unquoted (.*?)"/g, '$1');
        const json = JSON.parse(text);
        const parsed = matchSchema(SCHEMA, json);
        outcomes[parsed.success ? 'taken' : 'refused'] += 1;
        if (parsed.success) {
          expect(parseDepositData(text)).toEqual(
            parsed.data.map(({ pubkey, signature }, i) => ({
              publicKey: fromHex(pubkey),
              signature: fromHex(signature),
              json: json[i],
            })),
          );
          return;
        }
        const { path, what } = parsed.fault;
        const fault = [...(path.length === 0 ? ['the document'] : path), what].join(': ');
        expect(() => parseDepositData(text, 'd.json')).toThrowError(
          expect.objectContaining({
            code: 'deposit-data-invalid',
            message: `d.json is not deposit data: ${fault}`,
          }),
        );
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(outcomes.taken, outcomes.refused)).toBeGreaterThan(100);
  });

  it('findInvalidDeposits finds the invalid signatures of many, each by its place', () => {
    const derive = createKeyDeriver(new Uint8Array(64).fill(1));
    const deposits = Array.from({ length: 40 }, (_, i) =>
      depositOfVault(createDepositData({ secretKey: derive(i), vault: VAULT, network: HOLESKY }), VAULT),
    );
    expect(findInvalidDeposits(deposits, HOLESKY.genesisForkVersion)).toEqual([]);
    const [first] = deposits;
    const broken = deposits.map((deposit, i) => {
      if (i === 7) return { ...deposit, amountGwei: 1_000_000_000n };
      if (i === 8) return { ...deposit, signature: new Uint8Array(96).fill(0xff) };
      if (i === 31) return { ...deposit, signature: first?.signature ?? deposit.signature };
      if (i === 39) return { ...deposit, publicKey: new Uint8Array(48).fill(0xc0, 0, 1) };
      return deposit;
    });
    expect(findInvalidDeposits(broken, HOLESKY.genesisForkVersion)).toEqual([7, 8, 31, 39]);
    expect(findInvalidDeposits([], HOLESKY.genesisForkVersion)).toEqual([]);
    if (first === undefined) return expect.fail();
    expect(verifyDepositSignature(first, HOLESKY.genesisForkVersion)).toBe(true);
    expect(verifyDepositSignature(first, fromHex('0x00000000'))).toBe(false);
  });
});
