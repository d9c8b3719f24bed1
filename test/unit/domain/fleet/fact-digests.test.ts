import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  operatorDigest,
  publicKeysOf,
  RunningOperatorDigest,
  validatorsDigest,
} from '../../../../src/domain/fleet/fact-digests.ts';
import { concatBytes } from '../../../../src/lib/bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const facts = fc.record({
  oracleSet: fc.record({ hash: bytes(32), configIpfsHash: fc.string(), threshold: fc.nat() }),
  document: fc.string({ unit: 'grapheme' }),
  keypairs: fc.array(fc.record({ publicKey: bytes(48), sharesSetHash: bytes(32) }), { maxLength: 5 }),
  shares: fc.array(
    fc.record({ parentPublicKey: bytes(48), shareIndex: fc.nat({ max: 255 }), publicKey: bytes(48) }),
    { maxLength: 7 },
  ),
});

describe('digests over facts', () => {
  it('RunningOperatorDigest of pieces is operatorDigest of the whole, wherever it was cut', () => {
    fc.assert(
      fc.property(facts, fc.nat(), ({ oracleSet, document, keypairs, shares }, cut) => {
        const text = Buffer.from(document);
        const place = cut % (text.length + 1);
        const running = new RunningOperatorDigest(oracleSet, text.length)
          .document(text.subarray(0, place))
          .document(text.subarray(place))
          .keypairs(
            concatBytes(keypairs.flatMap(({ publicKey, sharesSetHash }) => [publicKey, sharesSetHash])),
          );
        for (const { parentPublicKey, shareIndex, publicKey } of shares) {
          running.shares(concatBytes([parentPublicKey, Uint8Array.of(0, 0, 0, shareIndex), publicKey]));
        }
        expect(running.digest()).toEqual(operatorDigest({ oracleSet, document, keypairs, shares }));
      }),
    );
  });

  it('publicKeysOf gives the public keys of keypairs, whose digest is the same in one piece', () => {
    fc.assert(
      fc.property(facts, ({ keypairs }) => {
        const flat = concatBytes(
          keypairs.flatMap(({ publicKey, sharesSetHash }) => [publicKey, sharesSetHash]),
        );
        const publicKeys = keypairs.map(({ publicKey }) => publicKey);
        expect(publicKeysOf(flat)).toEqual(concatBytes(publicKeys));
        expect(validatorsDigest([publicKeysOf(flat)])).toEqual(validatorsDigest(publicKeys));
      }),
    );
  });
});
