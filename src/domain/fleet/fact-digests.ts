import { createHash, type Hash } from 'node:crypto';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { OracleSet } from '../protocol/oracle-config.ts';
import type { Assignment } from './assignment.ts';
import { SHARE_RECORD_LENGTH, type SharedKey, type SharedKeys } from './shared-keys.ts';

/**
 * Digests over public facts, stored beside them: they show commands that have no encryption key whether a row was
 * removed, added, exchanged or changed by accident. They are no protection from somebody who can write to the database:
 * whoever has the encryption key checks the manifest and the sealed rows, and whoever was given the vault's public key
 * believes those digests only that a statement names.
 */
function startDigest(domain: string): Hash {
  return createHash('sha256').update(`stakewise-operator/${domain}/v1`);
}

function digest(domain: string, write: (hash: Hash) => void): Uint8Array {
  const hash = startDigest(domain);
  write(hash);
  return new Uint8Array(hash.digest());
}

/**
 * SHA-256 over the public keys that readers see.
 * @param publicKeys - 48 bytes each, sorted; several may stand one after another in one byte string
 * @returns 32 bytes
 */
export function validatorsDigest(publicKeys: Iterable<Uint8Array>): Uint8Array {
  return digest('validators', hash => {
    for (const publicKey of publicKeys) hash.update(publicKey);
  });
}

/** What `setup-operator` writes from. */
export interface OperatorFacts {
  readonly oracleSet: Pick<OracleSet, 'hash' | 'configIpfsHash' | 'threshold'>;
  /** The deposit data file's text. */
  readonly document: string;
  /** Keypairs in the order of the public keys. */
  readonly keypairs: readonly { readonly publicKey: Uint8Array; readonly sharesSetHash: Uint8Array }[];
  /** Key shares in the order of their parents, and of each parent by place. */
  readonly shares: readonly {
    readonly parentPublicKey: Uint8Array;
    readonly shareIndex: number;
    readonly publicKey: Uint8Array;
  }[];
}

/** SHA-256 over everything that `setup-operator` writes. @returns 32 bytes */
export function operatorDigest({ keypairs, shares, ...facts }: OperatorFacts): Uint8Array {
  return digest('operator', hash => {
    writeHead(hash, { ...facts, document: Buffer.from(facts.document) }, keypairs.length);
    for (const { publicKey, sharesSetHash } of keypairs) hash.update(publicKey).update(sharesSetHash);
    for (const { parentPublicKey, shareIndex, publicKey } of shares) {
      hash.update(parentPublicKey).update(number(shareIndex)).update(publicKey);
    }
  });
}

/** What is hashed before the keys. */
interface FactsBeforeKeys extends Pick<OperatorFacts, 'oracleSet'> {
  /** The deposit data file's text in UTF-8. */
  readonly document: Uint8Array;
}

/** {@link operatorDigest} of what is not in lists, and in UTF-8. */
export function operatorDigestOf(facts: FactsBeforeKeys, keys: SharedKeys): Uint8Array {
  return digest('operator', hash => {
    writeHead(hash, facts, keys.length);
    for (const { publicKey, sharesSetHash } of keys) hash.update(publicKey).update(sharesSetHash);
    const pieces = new Pieces();
    for (const key of keys) hash.update(pieces.of(key));
  });
}

function writeHead(hash: Hash, { oracleSet, document }: FactsBeforeKeys, keypairCount: number): void {
  writeOracleSet(hash, oracleSet);
  writeBytes(hash, document);
  hash.update(number(keypairCount));
}

/** Lays shares out as they are hashed, each record behind its parent: one piece for the hash, where three for each take longer. */
class Pieces {
  #bytes = new Uint8Array();

  /** The pieces of one validator, in place of those before. */
  of({ publicKey, records }: SharedKey): Uint8Array {
    const pieceLength = publicKey.length + SHARE_RECORD_LENGTH;
    const length = (records.length / SHARE_RECORD_LENGTH) * pieceLength;
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    let at = 0;
    for (let offset = 0; offset < records.length; offset += SHARE_RECORD_LENGTH) {
      this.#bytes.set(publicKey, at);
      this.#bytes.set(records.subarray(offset, offset + SHARE_RECORD_LENGTH), at + publicKey.length);
      at += pieceLength;
    }
    return this.#bytes.subarray(0, length);
  }
}

/** Length of a keypair in the form that {@link operatorDigest} is made over: public key, hash of the set of its shares. */
export const KEYPAIR_ROW_LENGTH = PUBLIC_KEY_LENGTH + HASH_LENGTH;

/** {@link operatorDigest} of what comes piece by piece: the document, then all keypairs, then the shares. */
export class RunningOperatorDigest {
  readonly #hash = startDigest('operator');

  /** @param documentLength - in bytes */
  constructor(oracleSet: OperatorFacts['oracleSet'], documentLength: number) {
    writeOracleSet(this.#hash, oracleSet);
    this.#hash.update(number(documentLength));
  }

  /** @param piece - of the deposit data's text, in UTF-8 */
  document(piece: Uint8Array): this {
    this.#hash.update(piece);
    return this;
  }

  /** @param rows - all of them, {@link KEYPAIR_ROW_LENGTH} each, in the order of the public keys */
  keypairs(rows: Uint8Array): this {
    this.#hash.update(number(rows.length / KEYPAIR_ROW_LENGTH)).update(rows);
    return this;
  }

  /** @param rows - parent, place (4 bytes, big-endian) and public key of each, in the order of their parents, and of each parent by place */
  shares(rows: Uint8Array): this {
    this.#hash.update(rows);
    return this;
  }

  digest(): Uint8Array {
    return new Uint8Array(this.#hash.digest());
  }
}

/** The public keys of rows of {@link KEYPAIR_ROW_LENGTH}, one after another. */
export function publicKeysOf(keypairs: Uint8Array): Uint8Array {
  const count = keypairs.length / KEYPAIR_ROW_LENGTH;
  const publicKeys = new Uint8Array(count * PUBLIC_KEY_LENGTH);
  for (let i = 0; i < count; i++) {
    const at = i * KEYPAIR_ROW_LENGTH;
    publicKeys.set(keypairs.subarray(at, at + PUBLIC_KEY_LENGTH), i * PUBLIC_KEY_LENGTH);
  }
  return publicKeys;
}

/**
 * SHA-256 over a plan of validator clients.
 * @param plan - its assignments in public-key order
 * @returns 32 bytes
 */
export function planDigest(plan: {
  readonly totalClients: number;
  readonly assignments: Iterable<Assignment>;
}): Uint8Array {
  return digest('plan', hash => {
    hash.update(number(plan.totalClients));
    for (const { publicKey, clientIndex } of plan.assignments) {
      hash.update(publicKey).update(number(clientIndex));
    }
  });
}

function writeOracleSet(hash: Hash, oracleSet: OperatorFacts['oracleSet']): void {
  hash.update(oracleSet.hash).update(number(oracleSet.threshold));
  writeBytes(hash, Buffer.from(oracleSet.configIpfsHash));
}

function writeBytes(hash: Hash, bytes: Uint8Array): void {
  hash.update(number(bytes.length)).update(bytes);
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
