import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRecordMac, isMacPurpose } from '../../../../src/signer/keys/record-mac.ts';

const SECRET = Buffer.alloc(32, 0x59);
const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const wallet = {
  deriveKey: (info: Uint8Array) => new Uint8Array(hkdfSync('sha256', SECRET, new Uint8Array(0), info, 32)),
};
const record = new Uint8Array([1, 2, 3]);

describe('the tag of a record', () => {
  it('createRecordMac tags by HMAC-SHA256 under HKDF of the wallet’s key for purpose, chain and vault', () => {
    const scope = `${'00'.repeat(7)}01${VAULT.slice(2)}`;
    const info = Buffer.concat([
      Buffer.from('stakewise-operator/record-mac/v1/intent\0'),
      Buffer.from(scope, 'hex'),
    ]);
    const key = Buffer.from(hkdfSync('sha256', SECRET, '', info, 32));
    const expected = new Uint8Array(createHmac('sha256', key).update(record).digest());
    expect(createRecordMac(wallet, { chainId: 1, vault: VAULT })('intent', record)).toEqual(expected);
  });

  it('createRecordMac gives another tag for another purpose, chain, vault or record', () => {
    const macOf = (chainId: number, vault: string) => createRecordMac(wallet, { chainId, vault });
    const tags = [
      macOf(1, VAULT)('intent', record),
      macOf(1, VAULT)('oracle-set', record),
      macOf(100, VAULT)('intent', record),
      macOf(1, `0x${'11'.repeat(20)}`)('intent', record),
      macOf(1, VAULT)('intent', new Uint8Array([1, 2])),
    ].map(tag => Buffer.from(tag).toString('hex'));
    expect(new Set(tags).size).toBe(tags.length);
  });

  it('isMacPurpose is true of known purposes only', () => {
    expect(isMacPurpose('intent')).toBe(true);
    for (const purpose of ['', 'Intent', 'toString', 'intent/']) expect(isMacPurpose(purpose)).toBe(false);
  });
});
