import type { StoredSecret } from '../../db/sealed-record.ts';
import type { SigningKey } from '../../domain/fleet/web3signer-key-file.ts';
import { wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import type { SealedRow, WorkerPool } from '../../workers/pool.ts';
import { assertManifest, type UnlockedVault } from './unlock-vault.ts';
import type { VisibleRows } from './visible-rows.ts';

/** All visible keys of a vault, proven. Disposing of it overwrites the secrets. */
export interface OpenedKeys extends Disposable {
  /** Keys in the order of the public keys. */
  readonly keys: readonly SigningKey[];
}

/**
 * Opens every visible row of the vault, derives its public key and compares, and checks the whole against the manifest.
 * One bad row stops everything.
 * @throws OperatorError 'row-tampered' naming the public key, 'manifest-mismatch'
 */
export async function openKeys(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: VisibleRows,
  bar?: ProgressBar,
): Promise<OpenedKeys> {
  let opened = 0;
  const secretKeys = await openPage(pool, unlocked, rows, done => {
    bar?.advance(done - opened);
    opened = done;
  });
  try {
    assertManifest(unlocked, rows.vault, rows.manifestEntries());
  } catch (error) {
    wipe(secretKeys);
    throw error;
  }
  const keys = Array.from({ length: rows.length }, (_, index) => new OpenedKey(rows, secretKeys, index));
  return { keys, [Symbol.dispose]: () => wipe(secretKeys) };
}

/** A key whose byte strings are views made when they are asked for: those of 120,000 keys at once take 80 MB. */
class OpenedKey implements SigningKey {
  readonly #rows: VisibleRows;
  readonly #secretKeys: Uint8Array;
  readonly #index: number;

  constructor(rows: VisibleRows, secretKeys: Uint8Array, index: number) {
    this.#rows = rows;
    this.#secretKeys = secretKeys;
    this.#index = index;
  }

  get publicKey(): Uint8Array {
    return this.#rows.publicKeyAt(this.#index);
  }

  get secretKey(): Uint8Array {
    return this.#secretKeys.subarray(SECRET_KEY_LENGTH * this.#index, SECRET_KEY_LENGTH * (this.#index + 1));
  }
}

/** Opens rows of one vault: secret keys of 32 bytes, flat, in their order; each proven by its public key. */
export function openPage(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: { readonly length: number; slice(from: number, to: number): readonly StoredSecret[] },
  onProgress?: (done: number) => void,
): Promise<Uint8Array> {
  const { context, vault, dataKey } = unlocked;
  const toSealedRow = ({ nonce, ciphertext, ...row }: StoredSecret): SealedRow => ({
    context: { ...context, ...publicFactsOf(row) },
    nonce,
    ciphertext,
  });
  return pool.openKeys(
    {
      dataKeys: [{ id: vault.dataKeyId, key: dataKey }],
      rows: { length: rows.length, slice: (from, to) => rows.slice(from, to).map(toSealedRow) },
    },
    onProgress,
  );
}

/**
 * {@link openPage}, but a row that is not what was written stops nothing.
 * @param onTampered - told of each
 * @returns secret keys of 32 bytes in the rows' order, undefined for one that does not open
 */
export async function openEach(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: readonly StoredSecret[],
  onTampered: (error: OperatorError) => void,
): Promise<(Uint8Array | undefined)[]> {
  try {
    const opened = await openPage(pool, unlocked, rows);
    const secrets = rows.map((_, index) =>
      opened.slice(SECRET_KEY_LENGTH * index, SECRET_KEY_LENGTH * (index + 1)),
    );
    wipe(opened);
    return secrets;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (rows.length <= 1) {
      onTampered(error);
      return rows.map(() => undefined);
    }
  }
  // In halves, so that one bad row of many costs little.
  const middle = rows.length >> 1;
  const first = await openEach(pool, unlocked, rows.slice(0, middle), onTampered);
  return [...first, ...(await openEach(pool, unlocked, rows.slice(middle), onTampered))];
}

function publicFactsOf({
  kind,
  publicKey,
  parentPublicKey,
  oracleSetHash,
  shareIndex,
  dataKeyId,
}: Omit<StoredSecret, 'nonce' | 'ciphertext'>) {
  return { kind, publicKey, parentPublicKey, oracleSetHash, shareIndex, dataKeyId };
}
