import { describe, expect, it } from 'vitest';
import {
  findInvalidSignatures,
  signMessage,
  verifySignature,
  verifySignatures,
} from '../../../../src/domain/consensus/bls.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { equalBytes, fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedSignature {
  private_key: string;
  public_key: string;
  message: string;
  full_signature: string;
  shares: string[];
  share_public_keys: string[];
  share_signatures: string[];
}

const recorded = readRecordedJson<RecordedSignature[]>('04-shamir/shares.json');
const sets = recorded.flatMap(({ message, share_public_keys, share_signatures }) =>
  share_public_keys.map((publicKey, i) => ({
    publicKey: fromHex(publicKey),
    message: fromHex(message),
    signature: fromHex(share_signatures[i] ?? ''),
  })),
);

describe('bls', () => {
  it('signMessage and publicKeyOf make the recorded signatures and public keys', () => {
    for (const {
      private_key,
      public_key,
      message,
      full_signature,
      shares,
      share_signatures,
    } of recorded.slice(0, 6)) {
      expect(toHex(publicKeyOf(fromHex(private_key)))).toBe(public_key);
      expect(toHex(signMessage(fromHex(private_key), fromHex(message)))).toBe(full_signature);
      expect(shares.map(share => toHex(signMessage(fromHex(share), fromHex(message))))).toEqual(
        share_signatures,
      );
    }
  });

  it('verifySignature and verifySignatures accept the recorded signatures, one by one and together', () => {
    expect(sets.length).toBeGreaterThan(50);
    expect(verifySignatures(sets)).toBe(true);
    expect(sets.slice(0, 5).every(verifySignature)).toBe(true);
    expect(verifySignatures([])).toBe(true);
  });

  it('findInvalidSignatures finds an exchanged signature and a truncated public key', () => {
    const [a, b] = [sets[3], sets[40]];
    if (a === undefined || b === undefined) return expect.fail();
    const broken = sets
      .with(3, { ...a, signature: b.signature })
      .with(40, { ...b, publicKey: b.publicKey.subarray(1) });
    expect(verifySignatures(broken)).toBe(false);
    expect(findInvalidSignatures(broken)).toEqual([3, 40]);
  });

  it('verifySignatures is not taken in by signatures over one message that are right in sum only', () => {
    const sameMessage = sets.filter(({ message }) => equalBytes(message, sets[0]?.message ?? message));
    const [a, b] = sameMessage;
    if (a === undefined || b === undefined) return expect.fail();
    expect(verifySignatures(sameMessage)).toBe(true);
    const exchanged = sameMessage
      .with(0, { ...a, signature: b.signature })
      .with(1, { ...b, signature: a.signature });
    expect(verifySignatures(exchanged)).toBe(false);
    expect(findInvalidSignatures(exchanged)).toEqual([0, 1]);
  });

  it('verifySignature refuses the point at infinity, and points outside the subgroup', () => {
    const [a] = sets;
    if (a === undefined) return expect.fail();
    const infinityKey = new Uint8Array(48).fill(0xc0, 0, 1);
    const infinitySignature = new Uint8Array(96).fill(0xc0, 0, 1);
    expect(verifySignature({ ...a, publicKey: infinityKey, signature: infinitySignature })).toBe(false);
    expect(verifySignature({ ...a, signature: infinitySignature })).toBe(false);
    // x = 0, y = 2 is on the curve y² = x³ + 4, but of order 3.
    expect(verifySignature({ ...a, publicKey: new Uint8Array(48).fill(0x80, 0, 1) })).toBe(false);
  });
});
