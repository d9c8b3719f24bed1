import { createHash } from 'node:crypto';
import {
  type KeyFileOwner,
  type KeyLayout,
  keyFileOf,
  readKeyFile,
  type SigningKey,
} from '../../../domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../../domain/keys/derivation.ts';
import { compareBytes, equalBytes, type Hex, toHex, wipe } from '../../../lib/bytes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import { listEntries } from '../../../lib/file-set.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { isRecordedFile, type ValidatorsRecord } from './validators-record.ts';

/** A key file that is in the directory now. */
export interface PresentFile {
  readonly name: string;
  /** Whether the file is this vault's, so that it may be replaced and removed. */
  readonly isOurs: boolean;
  /** Whether the file holds exactly what it is to hold, which nothing but a regular file does. */
  readonly isWanted: boolean;
  /** Whether the record of validators was written with this very file. */
  readonly isRecorded: boolean;
  /** The file's keys, unless it is not ours or a bucket that holds what it is to hold; to be wiped. */
  readonly secretKeys: readonly Uint8Array[];
  /** The bytes of a file with one key. */
  readonly content?: Uint8Array | undefined;
  readonly warning?: string | undefined;
}

export interface KeyDirectory extends KeyFileOwner {
  /** The directory of the files; undefined when there is none yet. */
  readonly directory: HeldDirectory | undefined;
  readonly adopt: boolean;
  readonly keys: readonly SigningKey[];
  readonly vaultPublicKeys?: ReadonlySet<Hex> | undefined;
  readonly wanted: ReadonlyMap<string, Uint8Array>;
  readonly record?: ValidatorsRecord | undefined;
}

/**
 * Name of the record of `key_N.yaml` files written for this vault, whose names say nothing of it. A dot file: Web3Signer
 * skips it. Lines of file name and SHA-256 of the content, which tells nothing of a 256-bit key.
 */
export function recordName({ network, vault }: KeyFileOwner): string {
  return `.${network}-${vault.toLowerCase()}.key-files`;
}

/** Text of the record for the wanted `key_N.yaml` files and those of `owned` that are there. */
export async function formatFileRecord(
  directory: HeldDirectory,
  wanted: ReadonlyMap<string, Uint8Array>,
  owned: readonly string[],
): Promise<string> {
  const lines = new Set<string>();
  for (const [name, content] of wanted) if (isNumbered(name)) lines.add(recordLine(name, hashOf(content)));
  for (const name of owned.filter(isNumbered)) {
    const entry = await directory.read(name);
    if (typeof entry === 'string') continue;
    lines.add(recordLine(name, hashOf(entry.content)));
    wipe(entry.content);
  }
  return formatLines(lines);
}

/** The same text for files whose SHA-256 is known. */
export function formatRecordOfHashes(hashes: ReadonlyMap<string, Uint8Array>): string {
  return formatLines(Array.from(hashes, ([name, hash]) => recordLine(name, hash)));
}

/** The directory's key files that are, or may be, this vault's. @throws OperatorError when one cannot be read */
export async function listPresentFiles(options: KeyDirectory): Promise<PresentFile[]> {
  const { directory } = options;
  if (directory === undefined) return [];
  const names = await listEntries(directory);
  const record = await readRecord(directory, options);
  const isVaultKey = options.adopt ? createVaultKeyTest(options) : undefined;
  const present: PresentFile[] = [];
  for (const name of names) {
    const layout = keyFileOf(name, options);
    if (layout === undefined) continue;
    const entry = await directory.read(name);
    if (entry === 'missing') continue;
    if (entry === 'irregular') {
      present.push(irregular(name, layout, record));
      continue;
    }
    const { content } = entry;
    const wanted = options.wanted.get(name);
    const isEqual = wanted !== undefined && equalBytes(wanted, content);
    const file =
      layout === 'one-per-key'
        ? readNumbered(name, content, record, isVaultKey)
        : readBucket(name, content, isEqual);
    const isRecorded = !isEqual && isRecordedFile(options.record, name, content);
    present.push({ ...file, isWanted: file.isOurs && isEqual, isRecorded });
    if (file.content === undefined) wipe(content);
  }
  return present;
}

/** What stands in a file's place (a link, a pipe) is never read; one in the place of our own file is replaced. */
function irregular(name: string, layout: KeyLayout, record: ReadonlySet<string>): PresentFile {
  const isOurs = layout === 'buckets' || record.values().some(line => line.startsWith(`${name} `));
  const warning = isOurs
    ? `${name} is no regular file; its keys are not counted, and it is replaced.`
    : undefined;
  return { name, isOurs, isWanted: false, isRecorded: false, secretKeys: [], warning };
}

type ReadFile = Omit<PresentFile, 'isWanted' | 'isRecorded'>;

function readBucket(name: string, content: Uint8Array, isEqual: boolean): ReadFile {
  // Most files of most runs; their keys are counted only when some key goes.
  if (isEqual) return { name, isOurs: true, secretKeys: [] };
  try {
    return { name, isOurs: true, secretKeys: readKeyFile(content, name).filter(isSecretKey) };
  } catch (error) {
    // Named after this vault, so ours to mend; Web3Signer has loaded no key of it.
    return { name, isOurs: true, secretKeys: [], warning: `${messageOf(error)} It is replaced.` };
  }
}

function readNumbered(
  name: string,
  content: Uint8Array,
  record: ReadonlySet<string>,
  isVaultKey: ((secretKey: Uint8Array) => boolean) | undefined,
): ReadFile {
  const isRecorded = record.has(recordLine(name, hashOf(content)));
  if (!isRecorded && isVaultKey === undefined) return { name, isOurs: false, secretKeys: [] };
  try {
    const secretKeys = readKeyFile(content, name);
    if (isRecorded || (isVaultKey && secretKeys.every(isVaultKey)))
      return { name, isOurs: true, secretKeys, content };
    wipe(secretKeys);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
  }
  return { name, isOurs: false, secretKeys: [] };
}

function createVaultKeyTest({ keys, vaultPublicKeys }: KeyDirectory): (secretKey: Uint8Array) => boolean {
  const known = new Set(keys.map(key => toHex(key.publicKey)));
  return secretKey => {
    if (!isSecretKey(secretKey)) return false;
    const publicKey = toHex(publicKeyOf(secretKey));
    return known.has(publicKey) || (vaultPublicKeys?.has(publicKey) ?? false);
  };
}

/** Whether a signer can hold it: not zero and below the group's order. */
function isSecretKey(secretKey: Uint8Array): boolean {
  return secretKey.some(byte => byte !== 0) && compareBytes(secretKey, CURVE_ORDER) < 0;
}

const CURVE_ORDER = Buffer.from('73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001', 'hex');

/** Lines of the record; none when it is missing, or is no regular file: then somebody else made it. */
async function readRecord(directory: HeldDirectory, owner: KeyFileOwner): Promise<ReadonlySet<string>> {
  const entry = await directory.read(recordName(owner));
  return new Set(typeof entry === 'string' ? [] : entry.content.toString('utf8').split('\n'));
}

function formatLines(lines: Iterable<string>): string {
  return Array.from(lines, line => `${line}\n`)
    .sort()
    .join('');
}

function recordLine(name: string, hash: Uint8Array): string {
  return `${name} ${toHex(hash).slice(2)}`;
}

function hashOf(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest();
}

/**
 * The directory's `key_N.yaml` files that are not this vault's, and that no other vault's record names as its own: a signer
 * loads their keys, whoever left them there.
 * @param isOurs - whether a file is this vault's
 */
export async function listStrayFiles(
  directory: HeldDirectory | undefined,
  owner: KeyFileOwner,
  isOurs: (name: string) => boolean,
): Promise<string[]> {
  if (directory === undefined) return [];
  const names = await listEntries(directory);
  const stray = names.filter(name => keyFileOf(name, owner) === 'one-per-key' && !isOurs(name));
  if (stray.length === 0) return [];
  const ofOthers = new Set<string>();
  for (const record of names.filter(name => RECORD_NAME.test(name) && name !== recordName(owner))) {
    const entry = await directory.read(record);
    if (typeof entry === 'string') continue;
    for (const line of entry.content.toString('utf8').split('\n')) ofOthers.add(line.split(' ')[0] ?? '');
  }
  return stray.filter(name => !ofOthers.has(name)).sort(byNumber);
}

const RECORD_NAME = /^\..+-0x[0-9a-f]{40}\.key-files$/;

function byNumber(one: string, other: string): number {
  return numberOf(one) - numberOf(other);
}

function numberOf(name: string): number {
  return Number(/\d+/.exec(name)?.[0]);
}

function isNumbered(name: string): boolean {
  return name.startsWith('key_');
}
