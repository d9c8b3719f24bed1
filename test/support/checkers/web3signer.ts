// Reads a key directory by Web3Signer's rules, as observed on the running program. Shares no code with src/.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { parseAllDocuments } from 'yaml';

export interface LoadedKeys {
  /** Public keys that Web3Signer would list, 0x hex; a set, as the same key in two files is one key. */
  readonly publicKeys: ReadonlySet<string>;
  readonly files: readonly string[];
}

/**
 * What Web3Signer would load from this directory.
 * @throws Error for whatever it would count as an error, and for what it would load as another key without a word
 */
export function readKeyDirectory(directory: string): LoadedKeys {
  const files = readdirSync(directory)
    .filter(name => /\.ya?ml$/i.test(name) && !name.startsWith('.'))
    .sort();
  const publicKeys = new Set<string>();
  for (const name of files) {
    const path = join(directory, name);
    if (!statSync(path).isFile()) throw new Error(`${name}: not a file, Web3Signer reports an error`);
    for (const key of readKeyDocuments(readFileSync(path, 'utf8'), name)) publicKeys.add(key);
  }
  return { publicKeys, files };
}

/** Public keys of the documents of one file, in order. @throws Error when Web3Signer would drop the whole file */
export function readKeyDocuments(text: string, name: string): string[] {
  if (text.length > 104_857_600) throw new Error(`${name}: larger than Web3Signer's 100 MiB limit`);
  const documents = parseAllDocuments(text, { schema: 'failsafe', logLevel: 'silent' });
  if (!Array.isArray(documents) || documents.length === 0) throw new Error(`${name}: empty file`);
  return documents.map((document, index) => {
    const where = `${name}, document ${index + 1}`;
    if (document.errors.length > 0) throw new Error(`${where}: not YAML`);
    const value: unknown = document.toJS();
    if (value === null || value === '' || value === undefined) throw new Error(`${where}: empty document`);
    if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${where}: not a mapping`);
    return publicKeyOfDocument(new Map(Object.entries(value)), where);
  });
}

function publicKeyOfDocument(fields: ReadonlyMap<string, unknown>, where: string): string {
  // `type` is compared by letter, `keyType` is not.
  if (fields.get('type') !== 'file-raw') throw new Error(`${where}: type is not file-raw`);
  if (String(fields.get('keyType') ?? 'BLS').toUpperCase() !== 'BLS')
    throw new Error(`${where}: not a BLS key`);
  const digits = String(fields.get('privateKey') ?? '').replace(/^0x/, '');
  if (!/^[0-9a-fA-F]*$/.test(digits) || digits.length % 2 !== 0)
    throw new Error(`${where}: private key is not hex`);
  if (digits.length > 64) throw new Error(`${where}: private key is too long`);
  if (digits.length < 64)
    throw new Error(`${where}: short private key, Web3Signer would pad it to another key`);
  const scalar = BigInt(`0x${digits}`);
  if (scalar === 0n) throw new Error(`${where}: zero key, Web3Signer would load the point at infinity`);
  if (scalar >= bls12_381.fields.Fr.ORDER)
    throw new Error(`${where}: private key is not below the curve's order`);
  const point = bls12_381.G1.Point.BASE.multiply(scalar);
  return `0x${point.toHex(true)}`;
}
