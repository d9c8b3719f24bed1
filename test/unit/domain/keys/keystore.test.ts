import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import {
  decryptKeystore,
  encryptKeystore,
  formatKeystore,
  nameKeystore,
  parseKeystore,
} from '../../../../src/domain/keys/keystore.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecorded } from '../../../support/recorded/vectors.ts';
import { createCheapKeystore } from '../../../support/scenes/bad-input/keystore.ts';

const RECORDED = '01-create-keys/holesky/1-after-first/keystores/keystore-m_12381_3600_0_0_0-1795366760.json';
const PASSWORDS = '01-create-keys/holesky/1-after-first/keystores/password.txt';

/** The test cases of EIP-2335. Control characters in the password change nothing. */
const SPEC_PASSWORD = '𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑';
const SPEC_SECRET = '0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f';
const SPEC_PUBLIC_KEY =
  '9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07';
const SALT = 'd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3';
const PBKDF2 = {
  crypto: {
    kdf: {
      function: 'pbkdf2',
      params: { dklen: 32, c: 262144, prf: 'hmac-sha256', salt: SALT },
      message: '',
    },
    checksum: {
      function: 'sha256',
      params: {},
      message: '8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1',
    },
    cipher: {
      function: 'aes-128-ctr',
      params: { iv: '264daa3f303d7259501c93d997d84fe6' },
      message: 'cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad',
    },
  },
  description: 'This is a test keystore that uses PBKDF2 to secure the secret.',
  pubkey: SPEC_PUBLIC_KEY,
  path: 'm/12381/60/0/0',
  uuid: '64625def-3331-4eea-ab6f-782f3ed16a83',
  version: 4,
};
const SCRYPT = {
  ...PBKDF2,
  crypto: {
    kdf: { function: 'scrypt', params: { dklen: 32, n: 262144, p: 1, r: 8, salt: SALT }, message: '' },
    checksum: {
      function: 'sha256',
      params: {},
      message: 'd2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484',
    },
    cipher: {
      function: 'aes-128-ctr',
      params: { iv: '264daa3f303d7259501c93d997d84fe6' },
      message: '06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f',
    },
  },
};

const CHEAP = createCheapKeystore(fromHex(SPEC_SECRET), SPEC_PUBLIC_KEY, SPEC_PASSWORD);

/** The byte strings of the keystore as other makers may write them. */
function withLoudHex(): unknown {
  return JSON.parse(JSON.stringify(CHEAP.crypto), (_, value: unknown) =>
    typeof value === 'string' && /^[0-9a-f]{32,}$/.test(value) ? `0X${value.toUpperCase()}` : value,
  );
}

describe('keystore', () => {
  it.each([
    ['scrypt', SCRYPT],
    ['pbkdf2', PBKDF2],
  ])('decryptKeystore opens the %s test case of EIP-2335', async (_, json) => {
    const secretKey = await decryptKeystore(
      parseKeystore(JSON.stringify(json)),
      `\u0000${SPEC_PASSWORD}\u007f\n`,
    );
    expect(toHex(secretKey)).toBe(SPEC_SECRET);
  });

  it('decryptKeystore opens a recorded keystore of full cost', async () => {
    const keystore = parseKeystore(readRecorded(RECORDED));
    const secretKey = await decryptKeystore(keystore, readRecorded(PASSWORDS));
    expect(toHex(publicKeyOf(secretKey)).slice(2)).toBe(keystore.pubkey);
  });

  it('formatKeystore writes a recorded keystore byte for byte as it was', () => {
    expect(formatKeystore(parseKeystore(readRecorded(RECORDED)))).toBe(readRecorded(RECORDED));
  });

  it.each(['scrypt', 'pbkdf2'] as const)(
    'encryptKeystore with %s writes a keystore of full cost that opens again',
    async kdf => {
      const secretKey = fromHex(SPEC_SECRET);
      const path = 'm/12381/3600/0/0/0';
      const text = formatKeystore(await encryptKeystore({ secretKey, password: 'påss', path, kdf }));
      const layout = (value: string) =>
        value.replace(/"[^"]*": |\S+/g, part => (part.endsWith(': ') ? part : '_'));
      if (kdf === 'scrypt') expect(layout(text)).toBe(layout(readRecorded(RECORDED)));
      const keystore = parseKeystore(text);
      expect(keystore).toMatchObject({ path, description: '', pubkey: SPEC_PUBLIC_KEY, version: 4 });
      expect(keystore.crypto.kdf.params).toMatchObject(
        kdf === 'scrypt' ? { n: 262144, r: 8, p: 1 } : { c: 262144 },
      );
      // Decomposed, the password is the same.
      expect(await decryptKeystore(keystore, 'påss'.normalize('NFD'))).toEqual(secretKey);
    },
  );

  it('decryptKeystore tells a wrong password and a damaged checksum from a foreign public key', async () => {
    const light = { ...PBKDF2, crypto: { ...PBKDF2.crypto } };
    await expect(
      decryptKeystore(parseKeystore(JSON.stringify(light)), 'wrong', 'a.json'),
    ).rejects.toMatchObject({
      code: 'keystore-wrong-password',
      message: expect.stringContaining('a.json'),
    });
    const damaged = structuredClone(light);
    damaged.crypto.checksum.message = `00${damaged.crypto.checksum.message.slice(2)}`;
    await expect(
      decryptKeystore(parseKeystore(JSON.stringify(damaged)), SPEC_PASSWORD),
    ).rejects.toMatchObject({
      code: 'keystore-wrong-password',
    });
    const foreign = { ...light, pubkey: `96${'11'.repeat(47)}` };
    await expect(
      decryptKeystore(parseKeystore(JSON.stringify(foreign)), SPEC_PASSWORD, 'b.json'),
    ).rejects.toMatchObject({
      code: 'keystore-wrong-public-key',
      message: expect.stringContaining(`0x96${'11'.repeat(47)}`),
    });
  });

  it('decryptKeystore says so when key derivation parameters cannot be computed', async () => {
    const odd = structuredClone(SCRYPT);
    odd.crypto.kdf.params = { ...odd.crypto.kdf.params, n: 262144, r: 1 };
    await expect(decryptKeystore(parseKeystore(JSON.stringify(odd)), SPEC_PASSWORD)).rejects.toMatchObject({
      code: 'keystore-kdf',
    });
  });

  it.each([
    ['without path, uuid and description', { path: undefined, uuid: undefined, description: undefined }],
    ['with null for them', { path: null, uuid: null, description: null }],
    ['with a name, as Prysm has it', { path: undefined, name: 'acct' }],
    ['with a public key in upper case', { pubkey: SPEC_PUBLIC_KEY.toUpperCase() }],
    ['with a public key behind 0x', { pubkey: `0x${SPEC_PUBLIC_KEY}` }],
    ['with a public key behind 0X in upper case', { pubkey: `0X${SPEC_PUBLIC_KEY.toUpperCase()}` }],
    ['with its byte strings behind 0x in upper case', { crypto: withLoudHex() }],
    ['behind a byte order mark', {}],
    ['without its public key', { pubkey: undefined }],
    ['with null as public key', { pubkey: null }],
  ])('parseKeystore and decryptKeystore open a keystore %s', async (_, members) => {
    const text = JSON.stringify({ ...CHEAP, ...members });
    for (const written of [text, `\ufeff${text}`]) {
      const keystore = parseKeystore(written);
      const named = await nameKeystore(keystore, SPEC_PASSWORD, 'k.json');
      expect(named.pubkey).toBe(SPEC_PUBLIC_KEY);
      expect(toHex(await decryptKeystore(keystore, SPEC_PASSWORD))).toBe(SPEC_SECRET);
    }
  });

  it.each([
    ['word', 'word\n', 'a line end behind it'],
    ['word', 'word\r', 'half a line end behind it'],
    ['word', 'word \r\n', 'a blank and a line end behind it'],
    ['word', ' word\t ', 'blanks around it'],
    ['word ', 'word ', 'a blank that belongs to it'],
    [' word', ' word \n', 'a blank before it that belongs to it'],
    ['Käsekuchen-Ñandú', 'Käsekuchen-Ñandú', 'accents'],
    ['Kasekuchen-Nandu', 'Käsekuchen-Ñandú', 'accents that ethdo dropped'],
    ['Kasekuchen', 'Käsekuchen \r\n', 'accents that ethdo dropped, and a line end'],
    ['한글', '한글 ', 'letters that are made of others'],
  ])('decryptKeystore opens a keystore of the password %j by %j, with %s', async (password, given) => {
    const cheap = createCheapKeystore(fromHex(SPEC_SECRET), SPEC_PUBLIC_KEY, password);
    const keystore = parseKeystore(JSON.stringify(cheap));
    expect(toHex(await decryptKeystore(keystore, given))).toBe(SPEC_SECRET);
    await expect(decryptKeystore(keystore, `${given}x`)).rejects.toMatchObject({
      code: 'keystore-wrong-password',
    });
  });

  it.each([
    ['keystore-not-json', 'not JSON', '{'],
    ['keystore-version', 'version 3', JSON.stringify({ ...PBKDF2, version: 3 })],
    ['keystore-invalid', 'k.json', '[]'],
    ['keystore-invalid', 'version', JSON.stringify({ ...PBKDF2, version: undefined })],
    ['keystore-invalid', 'pubkey', JSON.stringify({ ...PBKDF2, pubkey: 'ab' })],
    ['keystore-invalid', 'crypto.cipher.message', JSON.stringify(withCipherMessage('00'))],
    ['keystore-invalid', '1 GiB', JSON.stringify(withScryptN(2 ** 24))],
  ])('parseKeystore refuses a bad keystore with code %s and names "%s"', (code, named, text) => {
    const refused = expect.objectContaining({ code, message: expect.stringContaining(named) });
    expect(() => parseKeystore(text, 'k.json')).toThrowError(refused);
    expect(() => parseKeystore(text, 'k.json')).toThrowError('k.json');
  });
});

function withCipherMessage(message: string): unknown {
  return { ...PBKDF2, crypto: { ...PBKDF2.crypto, cipher: { ...PBKDF2.crypto.cipher, message } } };
}

function withScryptN(n: number): unknown {
  const kdf = { ...SCRYPT.crypto.kdf, params: { ...SCRYPT.crypto.kdf.params, n } };
  return { ...SCRYPT, crypto: { ...SCRYPT.crypto, kdf } };
}
