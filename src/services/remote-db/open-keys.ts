import type { SealedPage, StoredSecret } from '../../db/sealed-record.ts';
import type { SigningKey } from '../../domain/fleet/web3signer-key-file.ts';
import { rowTampered } from '../../domain/keys/envelope.ts';
import { wipe } from '../../lib/bytes.ts';
import type { OperatorError } from '../../lib/errors.ts';
import { SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import { workAhead } from '../../lib/work-ahead.ts';
import type { OpenOutput } from '../../workers/jobs.ts';
import type { SealedRows, WorkerPool } from '../../workers/pool.ts';
import { assertManifest, type UnlockedVault } from './unlock-vault.ts';
import type { VisibleRows } from './visible-rows.ts';

/** All visible keys of a vault, proven. Disposing of it overwrites the secrets. */
export interface OpenedKeys extends Disposable {
  /** Keys in the order of the public keys. */
  readonly keys: readonly OpenedKey[];
}

/**
 * Opens every visible row of the vault, derives its public key and compares, and checks the whole against the manifest.
 * One bad row stops everything. What is sealed of the rows is let go of then.
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
  rows.forgetSealed();
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

  /** Whether it is a share of a validator's key. */
  get isShare(): boolean {
    return this.#rows.isShareAt(this.#index);
  }

  get secretKey(): Uint8Array {
    return this.#secretKeys.subarray(SECRET_KEY_LENGTH * this.#index, SECRET_KEY_LENGTH * (this.#index + 1));
  }
}

/** Opens rows of one vault: secret keys of 32 bytes, flat, in their order; each proven by its public key. */
export function openPage(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: SealedRows,
  onProgress?: (done: number) => void,
): Promise<Uint8Array> {
  return pool.openKeys({ ...openingOf(unlocked), rows }, onProgress);
}

/** A page of rows, and what came of them. */
export interface OpenedPage {
  readonly page: SealedPage;
  readonly opened: OpenOutput;
}

/**
 * {@link openPage} for rows that come in pages, of which a bad one stops nothing: it has zeros, and its place is told. While
 * pages are opened the next one is read.
 */
export function openPages(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  pages: AsyncIterable<SealedPage> | Iterable<SealedPage>,
): AsyncGenerator<OpenedPage, void, undefined> {
  const open = async (page: SealedPage) => ({
    page,
    opened: await pool.openEach({ ...openingOf(unlocked), rows: page }),
  });
  return workAhead(pages, open, {
    inFlight: Math.max(2, pool.size),
    discard: ({ opened }) => wipe(opened.secretKeys),
  });
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
  const { secretKeys, refused } = await pool.openEach({ ...openingOf(unlocked), rows });
  const places = new Set(refused);
  const keys = rows.map(({ publicKey }, index) => {
    if (!places.has(index)) {
      return secretKeys.slice(SECRET_KEY_LENGTH * index, SECRET_KEY_LENGTH * (index + 1));
    }
    onTampered(rowTampered(publicKey));
    return undefined;
  });
  wipe(secretKeys);
  return keys;
}

function openingOf({ context, vault, dataKey }: UnlockedVault) {
  return { vault: context, dataKeys: [{ id: vault.dataKeyId, key: dataKey }] };
}
