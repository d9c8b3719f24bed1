import { V3_KEY_LENGTH, v3KeyAt } from '../../../domain/fleet/v3-key-record.ts';
import { batches } from '../../../lib/batches.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { workAhead } from '../../../lib/work-ahead.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import { JOB_SIZE } from '../batch-writer.ts';
import type { KeySource, SealJob } from '../key-source.ts';

/** Keys that a thread checks at a time: a tenth of a second, as all of its jobs. */
const CHECK_SIZE = 250;
/** Jobs that are under way for every thread, beside the one whose result is taken. */
const JOBS_PER_THREAD = 2;

/** Keys of the Python operator, encrypted as they are, and the 32 bytes with which that was done. */
interface V3Keys {
  readonly cipherKey: Uint8Array;
  readonly records: Uint8Array;
}

/**
 * Decrypts every key, derives its public key and compares: the tag, which would tell a wrong encryption key, is not stored.
 * @param onChecked - called with how many more were checked
 * @returns the places of those whose public key is another one, ascending
 */
export async function findForeignV3Keys(
  pool: WorkerPool,
  { cipherKey, records }: V3Keys,
  onChecked: (count: number) => void,
): Promise<readonly number[]> {
  const width = CHECK_SIZE * V3_KEY_LENGTH;
  const starts = Array.from({ length: Math.ceil(records.length / width) }, (_, i) => i * width);
  const check = async (start: number) => {
    const piece = records.subarray(start, start + width);
    const { refused } = await pool.checkV3Keys({ cipherKey, records: piece });
    const first = start / V3_KEY_LENGTH;
    return { count: piece.length / V3_KEY_LENGTH, refused: refused.map(place => first + place) };
  };
  const refused: number[] = [];
  for await (const found of workAhead(starts, check, { inFlight: JOBS_PER_THREAD * pool.size + 1 })) {
    for (const place of found.refused) refused.push(place);
    onChecked(found.count);
  }
  return refused;
}

/** Keys of the Python operator, each of which was checked, as the keys of an upload. */
export function v3KeySource({ cipherKey, records }: V3Keys): KeySource {
  const publicKeys = RecordTable.from(publicKeysOf(records), PUBLIC_KEY_LENGTH);
  return {
    noun: "keys of the Python operator's database",
    length: publicKeys.length,
    publicKeys,
    jobsOf: places => batches(places, JOB_SIZE).map(job => sealJob({ cipherKey, records }, job)),
  };
}

function* publicKeysOf(records: Uint8Array): Generator<Uint8Array> {
  for (let place = 0; place < records.length / V3_KEY_LENGTH; place++)
    yield v3KeyAt(records, place).publicKey;
}

function sealJob(keys: V3Keys, places: readonly number[]): SealJob {
  const records = recordsAt(keys.records, places);
  return {
    publicKeys: [...publicKeysOf(records)],
    work: 0,
    run: (pool, target) => pool.sealV3Keys({ target, cipherKey: keys.cipherKey, records }),
  };
}

/** The records at these places, one after another. */
export function recordsAt(records: Uint8Array, places: readonly number[]): Uint8Array {
  const found = new Uint8Array(places.length * V3_KEY_LENGTH);
  for (const [i, place] of places.entries()) {
    found.set(records.subarray(place * V3_KEY_LENGTH, (place + 1) * V3_KEY_LENGTH), i * V3_KEY_LENGTH);
  }
  return found;
}
