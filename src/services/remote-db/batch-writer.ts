import type { Database } from '../../db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../db/keypairs.ts';
import { insertOracleSet } from '../../db/oracle-sets.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { digestKeypair, type KnownRows } from './known-rows.ts';
import type { UnlockedVault } from './unlock-vault.ts';

/** What shares are made for, and where it is remembered what was sealed. */
export interface StoreTarget {
  readonly unlocked: UnlockedVault;
  readonly oracleSet: OracleSet;
  readonly known: KnownRows;
  /** Stores nothing: all is made as if it were to be stored. */
  readonly check?: boolean | undefined;
}

/** Work of a usual keystore, in rounds of pbkdf2: some second. */
export const USUAL_WORK = 2 ** 18;
/** What a killed run loses of key derivations is bounded by this; keystores that cost nothing go many at a time. */
const BATCH_WORK = 32 * USUAL_WORK;
const BATCH_SIZE = 500;
/** What a thread is given at a time: a usual keystore, or a tenth of a second of sealing. */
export const JOB_SIZE = 64;

/** Commits sealed keypairs batch by batch: one batch is being stored while the next one is filled. */
export class BatchWriter {
  readonly #database: Database;
  readonly #target: StoreTarget;
  #batch: NewKeypair[] = [];
  #work = 0;
  #isSetStored = false;
  #stored = 0;
  /** The batch that is being stored. It is awaited before the next one, and may have failed by then. */
  #storing: Promise<void> = Promise.resolve();

  constructor(database: Database, target: StoreTarget) {
    this.#database = database;
    this.#target = target;
  }

  /** @param work - what it took to make them, in rounds of pbkdf2 */
  async add(keypairs: readonly NewKeypair[], work: number): Promise<void> {
    for (const keypair of keypairs) this.#batch.push(keypair);
    this.#work += work;
    if (this.#batch.length >= BATCH_SIZE || this.#work >= BATCH_WORK) await this.#flush();
  }

  /** Stores what is left. @returns how many were stored, of all batches */
  async end(): Promise<number> {
    await this.#flush();
    await this.#storing;
    return this.#stored;
  }

  /** Waits until nothing is being stored any more, however it ends. */
  async settle(): Promise<void> {
    await this.#storing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#storing;
    const batch = this.#batch;
    this.#batch = [];
    this.#work = 0;
    if (batch.length === 0) return;
    this.#storing = this.#store(batch);
    this.#storing.catch(() => undefined);
  }

  async #store(keypairs: readonly NewKeypair[]): Promise<void> {
    const { unlocked, oracleSet, known, check } = this.#target;
    if (check) {
      this.#stored += keypairs.length;
      return;
    }
    const { vaultId, dataKeyId } = unlocked.vault;
    // Not before the keystores of the first batch were opened: a wrong password leaves nothing behind.
    if (!this.#isSetStored) await insertOracleSet(this.#database, vaultId, oracleSet);
    this.#isSetStored = true;
    const oracleSetHash = oracleSet.hash;
    const batch = { vaultId, oracleSetHash, dataKeyId, keypairs };
    this.#stored += (await insertKeypairs(this.#database, batch)).length;
    for (const keypair of keypairs) {
      known.add(keypair.publicKey, digestKeypair(keypair, { dataKeyId, oracleSetHash }));
    }
  }
}
