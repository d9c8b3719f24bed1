import { createHmac, timingSafeEqual } from 'node:crypto';
import { toHex, wipe } from '../../lib/bytes.ts';
import { deriveSubkey } from '../keys/envelope.ts';
import type { VaultContext } from '../keys/key-context.ts';
import type { KeyLayout } from './web3signer-key-file.ts';

/** What a set of key files was made of. */
export interface KeyFilesSource {
  /** The vault's manifest, by its counter and MAC. */
  readonly manifestCounter: bigint;
  readonly manifestMac: Uint8Array;
  /** Number of rows, and SHA-256 over all of every row, in public-key order. */
  readonly rowCount: number;
  readonly rowsDigest: Uint8Array;
  readonly layout: KeyLayout;
  /** `RetiredKeys.digest` of the keys that were left out; null when there were none. */
  readonly retiredDigest: Uint8Array | null;
}

// To be raised whenever the same rows give other files: records of before then count for nothing.
const HEADER = 'stakewise-operator key files 1';

/**
 * The record of key files that were written from rows that were all opened and proven: what they were made of, and the
 * SHA-256 of each file by name. It saves opening 120,000 rows again when nothing has changed.
 *
 * Why it may be believed: opening is a function of the rows, the data key and the encryption key alone. If the rows are
 * byte for byte those of the record (their digest covers ciphertexts and all public facts) and still fulfil the manifest's
 * MAC, then opening them would give the very keys that were proven when the record was made; and if each file has the
 * hash of the record, it holds these keys. The MAC over the record, bound to chain and vault, is under a subkey of the
 * encryption key that nothing else uses: whoever can write to the directory, or to the database, can make no record that
 * is believed, and an old one put back fits only the old rows and the old files. It tells nothing of a key: the hashes
 * are over whole files with 256-bit keys in them.
 * @param files - SHA-256 by file name
 */
export function formatKeyFilesRecord(
  encryptionKey: Uint8Array,
  context: VaultContext,
  source: KeyFilesSource,
  files: ReadonlyMap<string, Uint8Array>,
): string {
  const lines = Array.from(files, ([name, hash]) => `${toHex(hash).slice(2)} ${name}\n`).sort();
  const body = `${formatSource(source)}${lines.join('')}`;
  return `${body}mac ${toHex(computeMac(encryptionKey, context, body))}\n`;
}

/**
 * The files of a record.
 * @returns SHA-256 by file name; undefined when the record is not this program's for this vault under this key, or is of
 *   another source
 */
export function readKeyFilesRecord(
  encryptionKey: Uint8Array,
  context: VaultContext,
  source: KeyFilesSource,
  text: string,
): Map<string, Uint8Array> | undefined {
  const [, body, mac] = /^(.*\n)mac 0x([0-9a-f]{64})\n$/s.exec(text) ?? [];
  if (body === undefined || mac === undefined) return undefined;
  const expected = computeMac(encryptionKey, context, body);
  if (!timingSafeEqual(expected, Buffer.from(mac, 'hex'))) return undefined;
  const head = formatSource(source);
  if (!body.startsWith(head)) return undefined;
  const lines = body.slice(head.length).split('\n').slice(0, -1);
  return new Map(lines.map(line => [line.slice(65), Uint8Array.from(Buffer.from(line.slice(0, 64), 'hex'))]));
}

function formatSource({
  manifestCounter,
  manifestMac,
  rowCount,
  rowsDigest,
  layout,
  retiredDigest,
}: KeyFilesSource): string {
  return [
    HEADER,
    `manifest ${manifestCounter} ${toHex(manifestMac)}`,
    `rows ${rowCount} ${toHex(rowsDigest)}`,
    `layout ${layout}`,
    // Records of before anything was retired go on to be believed.
    ...(retiredDigest === null ? [] : [`retired ${toHex(retiredDigest)}`]),
    '',
  ].join('\n');
}

function computeMac(encryptionKey: Uint8Array, { chainId, vault }: VaultContext, body: string): Uint8Array {
  const key = deriveSubkey(encryptionKey, 'files');
  const mac = createHmac('sha256', key).update(`${chainId} ${toHex(vault)}\n${body}`);
  wipe(key);
  return new Uint8Array(mac.digest());
}
