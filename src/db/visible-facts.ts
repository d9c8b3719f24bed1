import { createHash } from 'node:crypto';
import {
  KEYPAIR_ROW_LENGTH,
  publicKeysOf,
  RunningOperatorDigest,
  validatorsDigest,
} from '../domain/fleet/fact-digests.ts';
import type { OracleSet } from '../domain/protocol/oracle-config.ts';
import type { Session } from './database.ts';
import { type NewDepositData, replaceDepositData } from './deposit-data.ts';
import { readActiveKeypairs } from './keypairs.ts';
import { openDocument, pageVisibleShares } from './public-facts.ts';

/** Digests over what readers see. */
export interface VisibleFacts {
  readonly validatorCount: number;
  /** `validatorsDigest` of the validators. */
  readonly validatorsDigest: Uint8Array;
  /** `operatorDigest` of all that the operator's files are written from. */
  readonly operatorDigest: Uint8Array;
  /** SHA-256 over the deposit data's text. */
  readonly documentDigest: Uint8Array;
}

/** The deposit data's text that readers see now, hashed. */
export interface HashedDocument {
  /** SHA-256 over it. */
  readonly digest: Uint8Array;
  /** What is made over all of the operator's facts, begun with it. */
  readonly operator: RunningOperatorDigest;
}

/** Hashes the stored deposit data as it is. To be called within a transaction. */
export async function hashDocument(
  transaction: Session,
  { vaultId, oracleSet }: { readonly vaultId: number; readonly oracleSet: OracleSet },
): Promise<HashedDocument> {
  const { length, pieces } = await openDocument(transaction, vaultId);
  const document = new RunningDocument(oracleSet, length);
  for await (const piece of pieces) document.take(piece);
  return document.end();
}

/** Stores an upload's deposit data; its text goes by only once. To be called within a transaction. */
export async function storeDocument(
  transaction: Session,
  {
    vaultId,
    oracleSet,
    depositData,
  }: { readonly vaultId: number; readonly oracleSet: OracleSet; readonly depositData: NewDepositData },
): Promise<HashedDocument> {
  const document = new RunningDocument(oracleSet, depositData.text.length);
  await replaceDepositData(transaction, vaultId, depositData, piece => document.take(piece));
  return document.end();
}

class RunningDocument {
  readonly #operator: RunningOperatorDigest;
  readonly #hash = createHash('sha256');

  constructor(oracleSet: OracleSet, length: number) {
    this.#operator = new RunningOperatorDigest(oracleSet, length);
  }

  take(piece: Uint8Array): void {
    this.#operator.document(piece);
    this.#hash.update(piece);
  }

  end(): HashedDocument {
    return { digest: new Uint8Array(this.#hash.digest()), operator: this.#operator };
  }
}

/** Digests over what readers see of a vault now; to be called within a transaction. */
export async function digestVisibleFacts(
  transaction: Session,
  vaultId: number,
  { digest, operator }: HashedDocument,
): Promise<VisibleFacts> {
  const keypairs = await readActiveKeypairs(transaction, vaultId);
  operator.keypairs(keypairs);
  for await (const page of pageVisibleShares(transaction, vaultId)) operator.shares(page);
  return {
    validatorCount: keypairs.length / KEYPAIR_ROW_LENGTH,
    validatorsDigest: validatorsDigest([publicKeysOf(keypairs)]),
    operatorDigest: operator.digest(),
    documentDigest: digest,
  };
}
