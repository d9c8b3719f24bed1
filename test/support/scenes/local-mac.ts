import { createHmac } from 'node:crypto';
import type { WalletSigner } from '../../../src/clients/signer/wallet-signer.ts';

/** Tags of records by a hot wallet of these tests, in this process: the signer's own tests are elsewhere. */
export function localMac(secretKey: string): WalletSigner['macRecord'] {
  return async (purpose, record) =>
    new Uint8Array(createHmac('sha256', `${secretKey} ${purpose}`).update(record).digest());
}
