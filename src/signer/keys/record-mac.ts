import { createHmac } from 'node:crypto';
import { concatBytes, fromHex, wipe } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { SigningWallet } from './signing-wallet.ts';

/** What records are authenticated for; each has a key of its own, so that none passes for another. */
const MAC_PURPOSES = ['intent', 'oracle-set'] as const;
export type MacPurpose = (typeof MAC_PURPOSES)[number];

/** HMAC-SHA256 of a record, 32 bytes. */
export type RecordMac = (purpose: MacPurpose, record: Uint8Array) => Uint8Array;

/** The owner of records: those of another chain or vault have other keys. */
export interface RecordScope {
  readonly chainId: number;
  readonly vault: string;
}

const DOMAIN = 'stakewise-operator/record-mac/v1';

/** Whether the text is one of the purposes. */
export function isMacPurpose(text: string): text is MacPurpose {
  return (MAC_PURPOSES as readonly string[]).includes(text);
}

/**
 * Authenticates what the operator keeps where others can write: its database. The keys are derived by HKDF-SHA256 of the
 * wallet's secret key, which never leaves this process; the tags are no signatures, and say nothing to anybody else.
 */
export function createRecordMac(
  wallet: Pick<SigningWallet, 'deriveKey'>,
  { chainId, vault }: RecordScope,
): RecordMac {
  const scope = concatBytes([encodeChainId(chainId), fromHex(vault, ADDRESS_LENGTH)]);
  return (purpose, record) => {
    const info = concatBytes([new TextEncoder().encode(`${DOMAIN}/${purpose}\0`), scope]);
    const key = wallet.deriveKey(info);
    try {
      return new Uint8Array(createHmac('sha256', key).update(record).digest());
    } finally {
      wipe(key);
    }
  };
}

/** 8 bytes, so that no two scopes have one encoding. */
function encodeChainId(chainId: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(chainId));
  return bytes;
}
