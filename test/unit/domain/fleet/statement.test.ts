import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeStatement,
  encodeStatement,
  isSignedBy,
  openStatement,
  parseVaultPublicKey,
  type Statement,
} from '../../../../src/domain/fleet/statement.ts';
import { statementSigner } from '../../../../src/domain/keys/signing-key.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const counter = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const facts = fc.record({
  chainId: fc.integer({ min: 1, max: 2 ** 31 }),
  vault: bytes(20),
  manifestCounter: counter,
  planCounter: counter,
  validatorsDigest: bytes(32),
  planDigest: fc.option(bytes(32)),
  depositDataRoot: fc.option(bytes(32)),
  depositDataDigest: fc.option(bytes(32)),
  operatorDigest: bytes(32),
});
const retirements = fc.oneof(
  fc.constant({ retirementCounter: 0n, retiredDigest: null }),
  fc.record({
    retirementCounter: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    retiredDigest: fc.option(bytes(32)),
  }),
);
const statements: fc.Arbitrary<Statement> = fc
  .tuple(facts, retirements)
  .map(([one, retirement]) => Object.assign({}, one, retirement));
const without = (statement: Statement): Statement => ({
  ...statement,
  retirementCounter: 0n,
  retiredDigest: null,
});
const signer = statementSigner(new Uint8Array(32).fill(5));

describe('a statement', () => {
  it('decodeStatement reads a statement from the bytes that encodeStatement wrote, and from no others', () => {
    fc.assert(
      fc.property(statements, fc.nat(), (statement, at) => {
        const body = encodeStatement(statement);
        expect(decodeStatement(body)).toEqual(statement);
        const place = at % body.length;
        const changed = body.with(place, (body[place] ?? 0) ^ 1);
        expect(decodeStatement(changed)).not.toEqual(statement);
        expect(decodeStatement(body.subarray(1))).toBeUndefined();
      }),
    );
  });

  it('encodeStatement writes what programs before know while no key was ever retired, and a longer form from then on', () => {
    fc.assert(
      fc.property(statements, statement => {
        const body = encodeStatement(statement);
        const tag = Buffer.from(body.subarray(0, 31)).toString();
        if (statement.retirementCounter === 0n) {
          expect(tag).toBe('stakewise-operator/statement/v1');
          expect(body).toHaveLength(239);
        } else {
          expect(tag).toBe('stakewise-operator/statement/v2');
          expect(body).toHaveLength(280);
          // A version 1 text with the length of version 2, or a counter of 0 in it, is neither.
          expect(
            decodeStatement(Buffer.concat([encodeStatement(without(statement)), body.subarray(239)])),
          ).toBeUndefined();
          expect(decodeStatement(body.slice().fill(0, 239, 247))).toBeUndefined();
        }
      }),
    );
    const [statement] = fc.sample(facts, 1);
    if (statement === undefined) throw new Error('no sample');
    const halfRetired = { ...statement, retirementCounter: 0n, retiredDigest: new Uint8Array(32) };
    expect(() => encodeStatement(halfRetired)).toThrow(RangeError);
  });

  it('encodeStatement writes other bytes for an absent digest than for zeros', () => {
    const [statement] = fc.sample(statements, 1);
    if (statement === undefined) throw new Error('no sample');
    const absent = encodeStatement({ ...statement, planDigest: null });
    const zeros = encodeStatement({ ...statement, planDigest: new Uint8Array(32) });
    expect(absent).toHaveLength(zeros.length);
    expect(absent).not.toEqual(zeros);
  });

  it('openStatement believes a statement only from its key, of its chain and of its vault', () => {
    const other = statementSigner(new Uint8Array(32).fill(6));
    fc.assert(
      fc.property(statements, fc.nat(), (statement, at) => {
        const body = encodeStatement(statement);
        const signed = { body, signature: signer.sign(body) };
        const { chainId, vault } = statement;
        expect(openStatement(signer.verifyingKey, { chainId, vault }, signed)).toEqual(statement);
        expect(openStatement(other.verifyingKey, { chainId, vault }, signed)).toBeUndefined();
        expect(openStatement(signer.verifyingKey, { chainId: chainId + 1, vault }, signed)).toBeUndefined();
        const stranger = vault.with(0, (vault[0] ?? 0) ^ 1);
        expect(openStatement(signer.verifyingKey, { chainId, vault: stranger }, signed)).toBeUndefined();
        const place = at % body.length;
        const changed = body.with(place, (body[place] ?? 0) ^ 1);
        expect(isSignedBy(signer.verifyingKey, { body: changed, signature: signed.signature })).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('statementSigner signs as RFC 8032 has it', () => {
    const { verifyingKey, sign } = statementSigner(
      fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
    );
    expect(Buffer.from(verifyingKey).toString('hex')).toBe(
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    );
    expect(Buffer.from(sign(Uint8Array.of(0x72))).toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });
});

describe('a vault’s public key', () => {
  it('parseVaultPublicKey takes 0x and 64 hex digits, and refuses others', () => {
    expect(parseVaultPublicKey(` 0x${'aB'.repeat(32)}\n`)).toEqual(new Uint8Array(32).fill(0xab));
    for (const text of [
      '',
      'ab'.repeat(32),
      `0x${'ab'.repeat(31)}`,
      `0x${'ab'.repeat(48)}`,
      `0x${'zz'.repeat(32)}`,
    ]) {
      expect(() => parseVaultPublicKey(text)).toThrow(
        expect.objectContaining({ code: 'invalid-vault-public-key', exitCode: 2 }),
      );
    }
  });
});
