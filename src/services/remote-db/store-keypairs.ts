import type { Database } from '../../db/database.ts';
import { listValidatorSecrets } from '../../db/key-secrets.ts';
import type { NewKeypair, SealedKey } from '../../db/keypairs.ts';
import { NONCE_LENGTH, SEALED_LENGTH } from '../../domain/keys/envelope.ts';
import { batches } from '../../lib/batches.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import { RecordTable } from '../../lib/record-table.ts';
import { workAhead } from '../../lib/work-ahead.ts';
import type { SealOutput, SealTarget } from '../../workers/jobs.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { BatchWriter, JOB_SIZE, type StoreTarget } from './batch-writer.ts';
import type { SealJob } from './key-source.ts';

interface Deps {
  readonly database: Database;
  readonly pool: WorkerPool;
}

/** Jobs that are under way for every thread, beside the one whose result is stored: one is waiting when another is done. */
const JOBS_PER_THREAD = 2;

/** Opens keys in threads, splits and seals them, and commits them batch by batch. @returns how many were stored */
export async function storeKeys(
  deps: Deps,
  target: StoreTarget,
  jobs: Iterable<SealJob>,
  bar: ProgressBar,
): Promise<number> {
  const writer = new BatchWriter(deps.database, target);
  try {
    for await (const { keypairs, work } of sealEach(deps.pool, target, jobs)) {
      await writer.add(keypairs, work);
      bar.advance(keypairs.length);
    }
  } finally {
    await writer.settle();
  }
  return await writer.end();
}

/** Opens keys in threads and seals them with shares of the oracle set, without storing them. */
export async function sealKeys(
  pool: WorkerPool,
  target: StoreTarget,
  jobs: Iterable<SealJob>,
  bar: ProgressBar,
): Promise<NewKeypair[]> {
  const sealed: NewKeypair[] = [];
  for await (const { keypairs } of sealEach(pool, target, jobs)) {
    for (const keypair of keypairs) sealed.push(keypair);
    bar.advance(keypairs.length);
  }
  return sealed;
}

/**
 * Makes shares of a new oracle set for keys that are stored. The database has them: no keystore is decrypted again.
 * @param publicKeys - of 48 bytes, one after another
 * @returns how many were stored, and which keys could not be opened
 */
export async function storeSharesAnew(
  { database, pool }: Deps,
  target: StoreTarget,
  publicKeys: Uint8Array,
  bar: ProgressBar,
): Promise<{ stored: number; unopened: ReadonlySet<Hex> }> {
  const unopened = new Set<Hex>();
  if (publicKeys.length === 0) return { stored: 0, unopened };
  const { vault } = target.unlocked;
  const wanted = RecordTable.of(publicKeys, PUBLIC_KEY_LENGTH);
  const records = await listValidatorSecrets(database, vault.vaultId);
  // A key without a row is none that could be opened.
  const found = RecordTable.from(
    ownRows(records, wanted).map(({ publicKey }) => publicKey),
    PUBLIC_KEY_LENGTH,
  );
  for (let i = 0; i < wanted.length; i++) if (!found.has(wanted.at(i))) unopened.add(toHex(wanted.at(i)));
  const writer = new BatchWriter(database, target);
  const share = async (batch: readonly OwnRow[]) => {
    const { opened, sealed } = await pool.shareAnew(
      sealTargetOf(target),
      batch.map(({ publicKey, dataKeyId, secret }) => ({
        kind: 'validator' as const,
        publicKey,
        dataKeyId,
        parentPublicKey: null,
        oracleSetHash: null,
        shareIndex: null,
        ...secret,
      })),
    );
    return { batch, opened, sealed };
  };
  const inFlight = JOBS_PER_THREAD * pool.size + 1;
  try {
    for await (const { batch, opened, sealed } of workAhead(
      batches(ownRows(records, wanted), JOB_SIZE),
      share,
      { inFlight },
    )) {
      for (const [i, { publicKey }] of batch.entries()) if (opened[i] !== 1) unopened.add(toHex(publicKey));
      const shared = batch.filter((_, i) => opened[i] === 1);
      // The key's own row stays as it is stored.
      const keypairs = toKeypairs(
        sealed,
        shared.map(({ publicKey }) => publicKey),
        target,
      ).map((keypair, i) => ({
        publicKey: keypair.publicKey,
        secret: shared[i]?.secret ?? keypair.secret,
        shares: keypair.shares,
      }));
      await writer.add(keypairs, 0);
      bar.advance(batch.length);
    }
  } finally {
    await writer.settle();
  }
  return { stored: await writer.end(), unopened };
}

/** A validator's own row, views. */
interface OwnRow {
  readonly publicKey: Uint8Array;
  readonly dataKeyId: number;
  readonly secret: SealedKey;
}

/** The rows of `listValidatorSecrets` that are of these validators, made when they are asked for. */
function* ownRows(records: Uint8Array, wanted: RecordTable): Generator<OwnRow> {
  const numbers = new DataView(records.buffer, records.byteOffset);
  const nonceAt = PUBLIC_KEY_LENGTH + 4;
  const ciphertextAt = nonceAt + NONCE_LENGTH;
  const width = ciphertextAt + SEALED_LENGTH;
  for (let at = 0; at < records.length; at += width) {
    const publicKey = records.subarray(at, at + PUBLIC_KEY_LENGTH);
    if (!wanted.has(publicKey)) continue;
    yield {
      publicKey,
      dataKeyId: numbers.getUint32(at + PUBLIC_KEY_LENGTH),
      secret: {
        nonce: records.subarray(at + nonceAt, at + ciphertextAt),
        ciphertext: records.subarray(at + ciphertextAt, at + width),
      },
    };
  }
}

interface SealedBatch {
  readonly keypairs: readonly NewKeypair[];
  /** What it took to open the keys, in rounds of pbkdf2. */
  readonly work: number;
}

async function* sealEach(
  pool: WorkerPool,
  target: StoreTarget,
  jobs: Iterable<SealJob>,
): AsyncGenerator<SealedBatch, void, undefined> {
  const seal = async (job: SealJob) => {
    const sealed = await job.run(pool, sealTargetOf(target));
    return { keypairs: toKeypairs(sealed, job.publicKeys, target), work: job.work };
  };
  yield* workAhead(jobs, seal, { inFlight: JOBS_PER_THREAD * pool.size + 1 });
}

function sealTargetOf({ unlocked: { context, vault, dataKey }, oracleSet }: StoreTarget): SealTarget {
  return {
    ...context,
    dataKey,
    dataKeyId: vault.dataKeyId,
    oracleSet: {
      hash: oracleSet.hash,
      threshold: oracleSet.threshold,
      count: oracleSet.publicKeys.length,
    },
  };
}

function toKeypairs(
  sealed: SealOutput,
  publicKeys: readonly Uint8Array[],
  { oracleSet }: StoreTarget,
): NewKeypair[] {
  const count = oracleSet.publicKeys.length;
  return publicKeys.map((publicKey, index) => ({
    publicKey,
    secret: {
      nonce: cut(sealed.nonces, index, NONCE_LENGTH),
      ciphertext: cut(sealed.ciphertexts, index, SEALED_LENGTH),
    },
    shares: Array.from({ length: count }, (_, share) => {
      const place = index * count + share;
      return {
        publicKey: cut(sealed.sharePublicKeys, place, PUBLIC_KEY_LENGTH),
        nonce: cut(sealed.shareNonces, place, NONCE_LENGTH),
        ciphertext: cut(sealed.shareCiphertexts, place, SEALED_LENGTH),
      };
    }),
  }));
}

function cut(flat: Uint8Array, place: number, width: number): Uint8Array {
  return flat.subarray(place * width, (place + 1) * width);
}
