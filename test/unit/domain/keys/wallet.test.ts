import { computeAddress } from 'ethers/transaction';
import { describe, expect, it } from 'vitest';
import { createWallet, decryptWallet } from '../../../../src/domain/keys/wallet.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { readRecorded } from '../../../support/recorded/vectors.ts';
import { cheapWallet } from '../../../support/scenes/cheap-wallet.ts';

const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const ADDRESS = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';

/** The pbkdf2 test vector of the Web3 Secret Storage Definition. */
const WEB3_VECTOR = JSON.stringify({
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
});

describe('wallet', () => {
  it('decryptWallet opens the recorded wallet, whose scrypt OpenSSL refuses', async () => {
    const json = readRecorded('01-create-keys/holesky/wallet/wallet.json');
    const password = readRecorded('01-create-keys/holesky/wallet/password.txt');
    const wallet = await decryptWallet(json, password);
    expect(wallet.address).toBe(ADDRESS);
    expect(computeAddress(toHex(wallet.secretKey))).toBe(ADDRESS);
  });

  it('createWallet makes the recorded address, in parameters that every reader takes', async () => {
    const { address, json } = await createWallet(MNEMONIC, 'pass');
    expect(address).toBe(ADDRESS);
    const written = JSON.parse(json);
    expect(Object.keys(written)).toEqual(['address', 'crypto', 'id', 'version']);
    expect(written.address).toBe(ADDRESS.slice(2).toLowerCase());
    expect(written.crypto.kdfparams).toMatchObject({ n: 262144, r: 8, p: 1, dklen: 32 });
    expect((await decryptWallet(json, 'pass')).address).toBe(ADDRESS);
    await expect(decryptWallet(json, 'wrong', 'wallet.json')).rejects.toMatchObject({
      code: 'wallet-wrong-password',
      message: 'The password does not open wallet.json.',
    });
  });

  it('decryptWallet opens the published pbkdf2 vector', async () => {
    const { secretKey } = await decryptWallet(WEB3_VECTOR, 'testpassword');
    expect(toHex(secretKey)).toBe('0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d');
  });

  it.each([
    ['pässwörd', 'pässwörd', 'as it stands'],
    ['pässwörd'.normalize('NFD'), 'pässwörd'.normalize('NFD'), 'decomposed, as Python takes it'],
    ['pässwörd', 'pässwörd'.normalize('NFD'), 'composed, as ethers takes it'],
    ['pass', 'pass \r\n', 'with blanks and a line end behind it'],
    ['pass', ' pass\t', 'with blanks around it'],
    ['pass ', 'pass ', 'that ends with a blank'],
  ])('decryptWallet opens a wallet of the password %j by %j: %3$s', async (password, given) => {
    const wallet = await decryptWallet(cheapWallet(password), given);
    expect(toHex(wallet.secretKey)).toBe(`0x${'11'.repeat(32)}`);
  });

  it.each(['', '{}', '{"version":4}', '{"version":3}', '[3]'])('decryptWallet refuses %j', async text => {
    await expect(decryptWallet(text, 'x', 'w.json')).rejects.toMatchObject({
      code: 'wallet-invalid',
      message: expect.stringContaining('w.json'),
    });
  });
});
