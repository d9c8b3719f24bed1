import { randomBytes } from 'node:crypto';
import { decrypt, PrivateKey } from 'eciesjs';
import { describe, expect, it } from 'vitest';
import { ECIES_OVERHEAD, encryptEcies } from '../../../../src/domain/protocol/ecies.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedShards {
  oracles: { private_key: string; public_key_64: string }[];
  ciphertexts: { oracle: number; plaintext: string; ciphertext: string }[];
  deterministic: {
    oracle: number;
    ephemeral_private_key: string;
    nonce: string;
    plaintext: string;
    ciphertext: string;
  };
}

const recorded = readRecordedJson<RecordedShards>('05-ecies/shards.json');

function oracle(index: number) {
  const found = recorded.oracles[index];
  if (found === undefined) throw new Error(`no recorded oracle ${index}`);
  return { secretKey: fromHex(found.private_key, 32), publicKey: fromHex(found.public_key_64, 64) };
}

describe('ECIES', () => {
  it('encryptEcies gives the recorded ciphertext for the recorded ephemeral key and nonce', () => {
    const { ephemeral_private_key, nonce, plaintext, ciphertext, ...rest } = recorded.deterministic;
    const encrypted = encryptEcies(oracle(rest.oracle).publicKey, fromHex(plaintext), {
      ephemeralSecretKey: fromHex(ephemeral_private_key),
      nonce: fromHex(nonce),
    });
    expect(toHex(encrypted)).toBe(ciphertext);
  });

  it.each(recorded.ciphertexts)(
    'encryptEcies gives ciphertexts as long as the recorded ones, for oracle $oracle',
    one => {
      const plaintext = fromHex(one.plaintext);
      const encrypted = encryptEcies(oracle(one.oracle).publicKey, plaintext);
      expect(toHex(encrypted)).toHaveLength(one.ciphertext.length);
      expect(encrypted).toHaveLength(plaintext.length + ECIES_OVERHEAD);
    },
  );

  it('encryptEcies writes what eciesjs can read', () => {
    for (const [index] of recorded.oracles.entries()) {
      const { secretKey, publicKey } = oracle(index);
      for (const length of [0, 1, 96, 1000]) {
        const plaintext = new Uint8Array(randomBytes(length));
        const read = decrypt(new PrivateKey(secretKey).secret, encryptEcies(publicKey, plaintext));
        expect(toHex(read)).toBe(toHex(plaintext));
      }
    }
  });

  it('encryptEcies never gives the same ciphertext twice', () => {
    const { publicKey } = oracle(0);
    const texts = Array.from({ length: 50 }, () => toHex(encryptEcies(publicKey, new Uint8Array(96))));
    expect(new Set(texts).size).toBe(50);
  });

  it('encryptEcies refuses a public key that is no point of the curve', () => {
    expect(() => encryptEcies(new Uint8Array(64).fill(1), new Uint8Array(96))).toThrow();
    expect(() => encryptEcies(new Uint8Array(63), new Uint8Array(96))).toThrow();
  });
});
