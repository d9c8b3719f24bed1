import { createDecipheriv, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deriveSubkey,
  generateDataKey,
  generateEncryptionKey,
  importDataKey,
  openSecretKey,
  openSigningKey,
  parseEncryptionKey,
  sealSecretKey,
  sealSigningKey,
  unwrapDataKey,
  wrapDataKey,
} from '../../../../src/domain/keys/envelope.ts';
import {
  encodeKeyContext,
  KEY_CONTEXT_LENGTH,
  type KeyContext,
} from '../../../../src/domain/keys/key-context.ts';
import { toHex } from '../../../../src/lib/bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const contextFields = {
  chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  vault: bytes(20),
  kind: fc.constantFrom('validator' as const, 'share' as const),
  publicKey: bytes(48),
  parentPublicKey: nullable(bytes(48)),
  oracleSetHash: nullable(bytes(32)),
  shareIndex: nullable(fc.integer({ min: 0, max: 0xffffffff })),
  dataKeyId: fc.integer({ min: 0, max: 0xffffffff }),
};
const context: fc.Arbitrary<KeyContext> = fc.record(contextFields);

const tampered = expect.objectContaining({ code: 'row-tampered' });

describe('a sealed signing key', () => {
  const encryptionKey = new Uint8Array(32).fill(3);
  const own = {
    chainId: 17000,
    vault: new Uint8Array(20).fill(1),
    dataKeyId: 1,
    verifyingKey: new Uint8Array(32).fill(2),
  };
  const seed = new Uint8Array(32).fill(4);

  it('openSigningKey opens a sealed key only for its own vault, data key, public half and encryption key', () => {
    const sealed = sealSigningKey(encryptionKey, own, seed);
    expect(openSigningKey(encryptionKey, own, sealed)).toEqual(seed);
    const others = [
      { ...own, chainId: 1 },
      { ...own, vault: new Uint8Array(20).fill(9) },
      { ...own, dataKeyId: 2 },
      { ...own, verifyingKey: new Uint8Array(32).fill(9) },
    ];
    const refused = expect.objectContaining({ code: 'signing-key-tampered' });
    for (const other of others) expect(() => openSigningKey(encryptionKey, other, sealed)).toThrow(refused);
    expect(() => openSigningKey(new Uint8Array(32).fill(9), own, sealed)).toThrow(refused);
    // The data key is sealed under another subkey: neither passes for the other.
    const dataKey = wrapDataKey(encryptionKey, own, seed);
    expect(() => openSigningKey(encryptionKey, own, dataKey)).toThrow(refused);
    expect(() => unwrapDataKey(encryptionKey, own, sealed)).toThrow();
  });
});

describe('sealed keys', () => {
  it('openSecretKey opens a sealed key under its own data key and context', () => {
    fc.assert(
      fc.property(bytes(32), context, bytes(32), (bytesOfKey, own, secretKey) => {
        const dataKey = importDataKey(bytesOfKey);
        const sealed = sealSecretKey(dataKey, own, secretKey);
        expect([sealed.nonce.length, sealed.ciphertext.length]).toEqual([12, 48]);
        expect(openSecretKey(dataKey, own, sealed)).toEqual(secretKey);
      }),
    );
  });

  it('openSecretKey refuses a sealed key with any bit of nonce, ciphertext, tag or data key flipped', () => {
    const own = sample();
    const dataKey = generateDataKey();
    const sealed = sealSecretKey(importDataKey(dataKey), own, generateDataKey());
    for (const part of [sealed.nonce, sealed.ciphertext, dataKey]) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        flip(part, bit);
        expect(() => openSecretKey(importDataKey(dataKey), own, sealed)).toThrowError(tampered);
        flip(part, bit);
      }
    }
    expect(openSecretKey(importDataKey(dataKey), own, sealed)).toHaveLength(32);
  });

  it('openSecretKey refuses a sealed key when any field of its context is exchanged', () => {
    fc.assert(
      fc.property(context, context, (own, other) => {
        const dataKey = importDataKey(generateDataKey());
        const sealed = sealSecretKey(dataKey, own, generateDataKey());
        for (const field of Object.keys(contextFields) as (keyof KeyContext)[]) {
          const exchanged = { ...own, [field]: other[field] };
          if (toHex(encodeField(own[field])) === toHex(encodeField(other[field]))) continue;
          expect(() => openSecretKey(dataKey, exchanged, sealed)).toThrowError(tampered);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('openSecretKey refuses a sealed key with the nonce or ciphertext of another, or cut short', () => {
    const own = sample();
    const dataKey = importDataKey(generateDataKey());
    const a = sealSecretKey(dataKey, own, generateDataKey());
    const b = sealSecretKey(dataKey, own, generateDataKey());
    expect(() => openSecretKey(dataKey, own, { ...a, nonce: b.nonce })).toThrowError(tampered);
    expect(() => openSecretKey(dataKey, own, { ...a, ciphertext: b.ciphertext })).toThrowError(tampered);
    expect(() =>
      openSecretKey(dataKey, own, { ...a, ciphertext: a.ciphertext.subarray(0, 47) }),
    ).toThrowError(tampered);
  });

  it('openSecretKey names the public key of a sealed key that it refuses', () => {
    const own = sample();
    const sealed = sealSecretKey(importDataKey(generateDataKey()), own, generateDataKey());
    expect(() => openSecretKey(importDataKey(generateDataKey()), own, sealed)).toThrowError(
      toHex(own.publicKey),
    );
  });

  it('importDataKey keeps its own copy: the bytes may be overwritten, and rows open all the same', () => {
    const own = sample();
    const bytesOfKey = generateDataKey();
    const dataKey = importDataKey(bytesOfKey);
    const secretKey = generateDataKey();
    const sealed = sealSecretKey(dataKey, own, secretKey);
    bytesOfKey.fill(0);
    expect(openSecretKey(dataKey, own, sealed)).toEqual(secretKey);
    expect(() => openSecretKey(importDataKey(bytesOfKey), own, sealed)).toThrowError(tampered);
  });

  it('sealSecretKey draws a fresh nonce each time', () => {
    const own = sample();
    const dataKey = importDataKey(generateDataKey());
    const secretKey = generateDataKey();
    const nonces = Array.from({ length: 1000 }, () => toHex(sealSecretKey(dataKey, own, secretKey).nonce));
    expect(new Set(nonces).size).toBe(1000);
  });

  it('sealSecretKey makes plain AES-256-GCM, readable without this program', () => {
    const own = sample();
    const dataKey = generateDataKey();
    const secretKey = generateDataKey();
    const { nonce, ciphertext } = sealSecretKey(importDataKey(dataKey), own, secretKey);
    const decipher = createDecipheriv('aes-256-gcm', dataKey, nonce);
    decipher.setAAD(encodeKeyContext(own)).setAuthTag(ciphertext.subarray(32));
    const opened = Buffer.concat([decipher.update(ciphertext.subarray(0, 32)), decipher.final()]);
    expect(new Uint8Array(opened)).toEqual(secretKey);
  });
});

describe('associated data', () => {
  it('encodeKeyContext gives bytes of one width that differ wherever contexts differ', () => {
    fc.assert(
      fc.property(context, context, (a, b) => {
        const [encodedA, encodedB] = [encodeKeyContext(a), encodeKeyContext(b)];
        expect([encodedA.length, encodedB.length]).toEqual([KEY_CONTEXT_LENGTH, KEY_CONTEXT_LENGTH]);
        const isSame = Object.keys(contextFields).every(
          field =>
            toHex(encodeField(a[field as keyof KeyContext])) ===
            toHex(encodeField(b[field as keyof KeyContext])),
        );
        expect(toHex(encodedA) === toHex(encodedB)).toBe(isSame);
      }),
    );
  });

  it('encodeKeyContext tells an absent field from one of zeros', () => {
    const own = sample();
    for (const zeros of [
      { parentPublicKey: new Uint8Array(48) },
      { oracleSetHash: new Uint8Array(32) },
      { shareIndex: 0 },
    ]) {
      const absent = { ...own, parentPublicKey: null, oracleSetHash: null, shareIndex: null };
      expect(encodeKeyContext({ ...absent, ...zeros })).not.toEqual(encodeKeyContext(absent));
    }
  });

  it('encodeKeyContext refuses fields of another width', () => {
    expect(() => encodeKeyContext({ ...sample(), vault: new Uint8Array(19) })).toThrow(RangeError);
    expect(() => encodeKeyContext({ ...sample(), publicKey: new Uint8Array(49) })).toThrow(RangeError);
    expect(() => encodeKeyContext({ ...sample(), shareIndex: -1 })).toThrow(RangeError);
  });
});

describe('data keys', () => {
  const own = { chainId: 560048, vault: new Uint8Array(20).fill(7), dataKeyId: 1 };
  const invalid = expect.objectContaining({
    code: 'invalid-encryption-key',
    message: 'Invalid encryption key.',
  });

  it('unwrapDataKey opens a data key only under its own encryption key and context', () => {
    const encryptionKey = parseEncryptionKey(generateEncryptionKey());
    const dataKey = generateDataKey();
    const wrapped = wrapDataKey(encryptionKey, own, dataKey);
    expect(unwrapDataKey(encryptionKey, own, wrapped)).toEqual(dataKey);
    expect(() => unwrapDataKey(generateDataKey(), own, wrapped)).toThrowError(invalid);
    for (const other of [{ chainId: 1 }, { vault: new Uint8Array(20).fill(8) }, { dataKeyId: 2 }]) {
      expect(() => unwrapDataKey(encryptionKey, { ...own, ...other }, wrapped)).toThrowError(invalid);
    }
    for (const part of [wrapped.nonce, wrapped.ciphertext]) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        flip(part, bit);
        expect(() => unwrapDataKey(encryptionKey, own, wrapped)).toThrowError(invalid);
        flip(part, bit);
      }
    }
  });

  it('deriveSubkey derives one HKDF subkey of the encryption key for each purpose', () => {
    const encryptionKey = new Uint8Array(32).fill(5);
    expect(deriveSubkey(encryptionKey, 'wrap')).not.toEqual(deriveSubkey(encryptionKey, 'manifest'));
    expect(deriveSubkey(encryptionKey, 'wrap')).toEqual(
      new Uint8Array(hkdfSync('sha256', encryptionKey, '', 'stakewise-operator/v1/wrap', 32)),
    );
  });
});

describe('encryption keys', () => {
  it('parseEncryptionKey reads the base64 of 32 bytes that generateEncryptionKey writes', () => {
    const text = generateEncryptionKey();
    expect(Buffer.from(parseEncryptionKey(text)).toString('base64')).toBe(text);
    expect(generateEncryptionKey()).not.toBe(text);
  });

  const good = Buffer.alloc(32, 0xfb).toString('base64');
  it.each([
    '',
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
    good.replace('=', ''),
    good.replaceAll('+', '-').replaceAll('/', '_'),
    ` ${good}`,
    `${good}\n`,
    `${good.slice(0, -2)}t=`,
    'not base64 at all!',
    '0x'.padEnd(66, 'a'),
  ])('parseEncryptionKey refuses %j', text => {
    expect(() => parseEncryptionKey(text)).toThrowError(
      expect.objectContaining({ code: 'invalid-encryption-key' }),
    );
  });
});

function sample(): KeyContext {
  return {
    chainId: 1,
    vault: new Uint8Array(20).fill(1),
    kind: 'share',
    publicKey: new Uint8Array(48).fill(2),
    parentPublicKey: new Uint8Array(48).fill(3),
    oracleSetHash: new Uint8Array(32).fill(4),
    shareIndex: 5,
    dataKeyId: 6,
  };
}

function flip(target: Uint8Array, bit: number): void {
  target[bit >> 3] = (target[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

/** A field's value as bytes that differ when it differs. */
function encodeField(value: KeyContext[keyof KeyContext]): Uint8Array {
  return value instanceof Uint8Array ? value : new TextEncoder().encode(String(value));
}
