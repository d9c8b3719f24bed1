import { parseAllDocuments } from 'yaml';
import { compareBytes, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import { decodeText } from '../../lib/text.ts';

/** A key with its public key; both are the caller's, nothing here wipes them. */
export interface SigningKey {
  /** 48 bytes, compressed G1. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, big-endian. */
  readonly secretKey: Uint8Array;
}

export const KEY_LAYOUTS = ['buckets', 'one-per-key'] as const;
export type KeyLayout = (typeof KEY_LAYOUTS)[number];

/** The vault whose keys a file holds: the network's name and the vault's address (0x hex, any case). */
export interface KeyFileOwner {
  readonly network: string;
  readonly vault: string;
}

// The layout of Python's YAML dump, which the Python operator's files have. Not a template: a text with keys cannot be
// overwritten after use, bytes can. `---` stands between documents only: an empty one costs Web3Signer the whole file.
const BEFORE_KEY = Buffer.from("keyType: BLS\nprivateKey: '0x");
const AFTER_KEY = Buffer.from("'\ntype: file-raw\n");
const BETWEEN = Buffer.from('---\n');
const DOCUMENT_LENGTH = BEFORE_KEY.length + 64 + AFTER_KEY.length;
const HEX_DIGITS = Buffer.from('0123456789abcdef');

/**
 * The files that hold these keys as `file-raw` documents, by file name, in an order that is safe to write.
 *
 * `buckets`: up to 256 files `<network>-<vault>-<bucket>.yaml`. The bucket is the public key's last byte, since its first
 * one carries flags; a new or removed key changes one file of a few hundred keys. Documents are in public-key order.
 * `one-per-key`: `key_<i>.yaml`, i being the key's place among the sorted secret keys, as the Python operator does.
 * Equal keys give equal bytes, in whatever order they come.
 * @throws OperatorError 'invalid-key' naming the public key of a secret key that is zero or of another length: Web3Signer
 *   would pad it to another key without a word
 */
export function renderKeyFiles(
  keys: Iterable<SigningKey>,
  options: KeyFileOwner & { readonly layout: KeyLayout },
): Map<string, Uint8Array> {
  const checked = Array.from(keys, checkKey);
  if (options.layout === 'one-per-key') {
    checked.sort((a, b) => compareBytes(a.secretKey, b.secretKey));
    return new Map(checked.map((key, index) => [`key_${index}.yaml`, renderDocuments([key])]));
  }
  const buckets = Array.from({ length: 256 }, (): SigningKey[] => []);
  for (const key of checked) buckets[key.publicKey[47] ?? 0]?.push(key);
  const files = new Map<string, Uint8Array>();
  for (const [bucket, content] of buckets.entries()) {
    if (content.length === 0) continue;
    content.sort((a, b) => compareBytes(a.publicKey, b.publicKey));
    files.set(
      `${bucketPrefix(options)}${bucket.toString(16).padStart(2, '0')}.yaml`,
      renderDocuments(content),
    );
  }
  return files;
}

/**
 * Which layout a file name belongs to: a bucket of this very vault, or one of the reference's `key_N.yaml`, which say
 * nothing of their vault; undefined for every other name.
 */
export function keyFileOf(name: string, owner: KeyFileOwner): KeyLayout | undefined {
  const prefix = bucketPrefix(owner);
  if (name.startsWith(prefix) && /^[0-9a-f]{2}\.yaml$/.test(name.slice(prefix.length))) return 'buckets';
  return /^key_(0|[1-9]\d*)\.yaml$/.test(name) ? 'one-per-key' : undefined;
}

/**
 * The secret keys of a key file, 32 bytes each; the caller wipes them. Files that this program wrote are read without
 * making strings of the keys; others (for --adopt) go through a YAML parser, whose strings cannot be overwritten.
 * @throws OperatorError 'invalid-key-file' when the file is not a sequence of `file-raw` documents with 32-byte BLS keys
 */
export function readKeyFile(content: Uint8Array, name: string): Uint8Array[] {
  return readOwnLayout(content) ?? readAnyYaml(content, name);
}

/**
 * Puts files that give their keys to other files behind these, so that a key that moves never disappears in between.
 * @param contents - new content by file name, as {@link renderKeyFiles} returns it
 * @param holderOf - the file that holds a file's present keys in the new set, undefined when none does
 */
export function orderForMoves(
  contents: ReadonlyMap<string, Uint8Array>,
  holdersOf: (name: string) => Iterable<string>,
): Map<string, Uint8Array> {
  const ordered = new Map<string, Uint8Array>();
  const visited = new Set<string>();
  // A stack instead of recursion: one new key can move every key behind it, a chain as long as the list.
  for (const start of contents.keys()) {
    const stack = [start];
    for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
      visited.add(name);
      const next = Array.from(holdersOf(name)).find(holder => !visited.has(holder) && contents.has(holder));
      if (next !== undefined) {
        stack.push(next);
        continue;
      }
      const content = contents.get(name);
      if (content) ordered.set(name, content);
      stack.pop();
    }
  }
  return ordered;
}

function bucketPrefix({ network, vault }: KeyFileOwner): string {
  return `${network}-${vault.toLowerCase()}-`;
}

function checkKey(key: SigningKey): SigningKey {
  const { publicKey, secretKey } = key;
  if (
    publicKey.length === PUBLIC_KEY_LENGTH &&
    secretKey.length === SECRET_KEY_LENGTH &&
    secretKey.some(byte => byte !== 0)
  ) {
    return key;
  }
  throw new OperatorError(
    'invalid-key',
    `The key of ${toHex(publicKey)} is not a BLS12-381 key of 32 bytes.`,
  );
}

function renderDocuments(keys: readonly SigningKey[]): Uint8Array {
  const length = keys.length * DOCUMENT_LENGTH + (keys.length - 1) * BETWEEN.length;
  // Not from Buffer's shared pool: the caller can overwrite the whole of it.
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const [index, { secretKey }] of keys.entries()) {
    if (index > 0) {
      bytes.set(BETWEEN, offset);
      offset += BETWEEN.length;
    }
    bytes.set(BEFORE_KEY, offset);
    offset += BEFORE_KEY.length;
    for (const byte of secretKey) {
      bytes[offset++] = HEX_DIGITS[byte >> 4] ?? 0;
      bytes[offset++] = HEX_DIGITS[byte & 15] ?? 0;
    }
    bytes.set(AFTER_KEY, offset);
    offset += AFTER_KEY.length;
  }
  return bytes;
}

/** The keys of a file laid out exactly as {@link renderDocuments} does, else undefined. */
function readOwnLayout(content: Uint8Array): Uint8Array[] | undefined {
  const stride = DOCUMENT_LENGTH + BETWEEN.length;
  if ((content.length + BETWEEN.length) % stride !== 0 || content.length === 0) return undefined;
  const keys: Uint8Array[] = [];
  for (let offset = 0; offset < content.length; offset += stride) {
    const secretKey = readDocument(content, offset);
    if (!secretKey) {
      wipe(keys);
      return undefined;
    }
    keys.push(secretKey);
  }
  return keys;
}

function readDocument(content: Uint8Array, start: number): Uint8Array | undefined {
  const keyStart = start + BEFORE_KEY.length;
  const end = start + DOCUMENT_LENGTH;
  if (!holds(content, start, BEFORE_KEY) || !holds(content, keyStart + 64, AFTER_KEY)) return undefined;
  if (end < content.length && !holds(content, end, BETWEEN)) return undefined;
  const secretKey = new Uint8Array(SECRET_KEY_LENGTH);
  for (let index = 0; index < SECRET_KEY_LENGTH; index++) {
    const high = HEX_DIGITS.indexOf(content[keyStart + 2 * index] ?? 0);
    const low = HEX_DIGITS.indexOf(content[keyStart + 2 * index + 1] ?? 0);
    if (high < 0 || low < 0) return undefined;
    secretKey[index] = (high << 4) | low;
  }
  return secretKey;
}

function holds(content: Uint8Array, start: number, expected: Uint8Array): boolean {
  return Buffer.compare(content.subarray(start, start + expected.length), expected) === 0;
}

function readAnyYaml(content: Uint8Array, name: string): Uint8Array[] {
  const invalid = (reason: string) =>
    new OperatorError('invalid-key-file', `${name} is not a key file: ${reason}.`);
  const documents = parseYaml(content);
  if (documents === undefined) throw invalid('it is not YAML that can be read');
  if (documents.length === 0) throw invalid('it is empty');
  const keys: Uint8Array[] = [];
  try {
    for (const document of documents) keys.push(readSecretKey(document, invalid));
    return keys;
  } catch (error) {
    wipe(keys);
    throw error;
  }
}

/**
 * The documents of a YAML text as plain values; undefined when it cannot be read. The parser's own errors go nowhere: they
 * quote the text, which may be a key. It has them in the documents, throws them for an alias without an anchor or a nesting
 * that is too deep, and would print warnings.
 */
function parseYaml(content: Uint8Array): unknown[] | undefined {
  try {
    // The fail-safe schema leaves every scalar a string: an unquoted 0x… would become a number and lose its digits.
    const documents = parseAllDocuments(decodeText(content), {
      schema: 'failsafe',
      logLevel: 'silent',
    });
    if (!Array.isArray(documents)) return [];
    if (documents.some(document => document.errors.length > 0)) return undefined;
    return documents.map(document => document.toJS() as unknown);
  } catch {
    return undefined;
  }
}

function readSecretKey(document: unknown, invalid: (reason: string) => OperatorError): Uint8Array {
  const { type, keyType, privateKey } = Object(document) as Record<string, unknown>;
  // What is no text may be anything, and made text by no means known.
  const isBls = keyType === undefined || (typeof keyType === 'string' && keyType.toUpperCase() === 'BLS');
  if (type !== 'file-raw' || !isBls) throw invalid('it holds a document that is not a file-raw BLS key');
  const [, digits] = (typeof privateKey === 'string' && /^(?:0x)?([0-9a-fA-F]{64})$/.exec(privateKey)) || [];
  if (digits === undefined) throw invalid('a private key is not 64 hex digits');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}
