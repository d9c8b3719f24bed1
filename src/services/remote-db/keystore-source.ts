import type { KeystoreFacts } from '../local-keys/keystore-list.ts';
import { listKeystores } from '../local-keys/keystore-list.ts';
import type { KeystoreLocation } from '../local-keys/read-keystores.ts';
import { JOB_SIZE, USUAL_WORK } from './batch-writer.ts';
import type { KeySource, SealJob } from './key-source.ts';

/**
 * The keystores of a directory as the keys of an upload.
 * @throws OperatorError as `listKeystores` does
 */
export async function keystoreSource(
  location: KeystoreLocation,
  { say, warn }: { readonly say: (line: string) => void; readonly warn: (line: string) => void },
): Promise<KeySource> {
  say(`Loading keystores from ${location.keystoresDir}...`);
  const list = await listKeystores(location, warn);
  return {
    noun: 'keystores',
    length: list.length,
    publicKeys: list.publicKeys,
    jobsOf: places => keystoreJobs(filesAt(places, list.fileAt)),
  };
}

function* filesAt(
  places: Iterable<number>,
  fileAt: (place: number) => KeystoreFacts,
): Generator<KeystoreFacts> {
  for (const place of places) yield fileAt(place);
}

/** Keystores in the order given, as many together as one job takes. */
export function* keystoreJobs(keystores: Iterable<KeystoreFacts>): Generator<SealJob> {
  let job: KeystoreFacts[] = [];
  for (const keystore of keystores) {
    job.push(keystore);
    if (job.length < JOB_SIZE && workOf(job) < USUAL_WORK / 4) continue;
    yield sealJob(job);
    job = [];
  }
  if (job.length > 0) yield sealJob(job);
}

function sealJob(keystores: readonly KeystoreFacts[]): SealJob {
  return {
    publicKeys: keystores.map(({ publicKey }) => publicKey),
    work: workOf(keystores),
    run: (pool, target) => {
      const input = {
        target,
        keystores: keystores.map(({ path, password, publicKey }) => ({ path, password, publicKey })),
      };
      return pool.sealKeystores(input, memoryOf(keystores));
    },
  };
}

/** What the one takes that takes most: a thread decrypts one after another. */
function memoryOf(keystores: readonly KeystoreFacts[]): number {
  return keystores.reduce((most, { memoryBytes }) => Math.max(most, memoryBytes), 0);
}

function workOf(keystores: readonly KeystoreFacts[]): number {
  return keystores.reduce((sum, { work }) => sum + work, 0);
}
