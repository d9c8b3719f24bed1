import { availableParallelism } from 'node:os';
import type { KeyFacts } from '../domain/fleet/key-facts.ts';
import { NONCE_LENGTH, rowTampered, type Sealed } from '../domain/keys/envelope.ts';
import { KEY_CONTEXT_LENGTH, keyContextWriter, type VaultContext } from '../domain/keys/key-context.ts';
import {
  type KeystoreKdf,
  memoryToDecrypt,
  memoryToEncrypt,
  parseKeystore,
} from '../domain/keys/keystore.ts';
import { concatBytes, wipe } from '../lib/bytes.ts';
import { mapBounded } from '../lib/limit.ts';
import { startedFile } from '../lib/package-root.ts';
import {
  type CheckedDeposits,
  type DepositsToCheck,
  type Jobs,
  type OpenInput,
  type OpenOutput,
  PUBLIC_KEY_WIDTH,
  SECRET_KEY_WIDTH,
  type SealInput,
  type SealOutput,
  type SealTarget,
  type V3Keys,
} from './jobs.ts';
import { MemoryGate } from './memory-gate.ts';
import { ROW_WIDTH } from './seal-rows.ts';
import { ThreadPool } from './thread-pool.ts';

/** Called with the number of items done so far. */
type Progress = (done: number) => void;

export type SealedRow = KeyFacts & Sealed;

/** Rows are asked for in pieces, when a thread is free for them: an array will do, and so will whatever makes them then. */
export interface SealedRows {
  readonly length: number;
  slice(from: number, to: number): readonly SealedRow[];
}

interface RowsToOpen {
  readonly dataKeys: OpenInput['dataKeys'];
  /** The vault to which all of the rows are bound. */
  readonly vault: VaultContext;
  readonly rows: SealedRows;
}

interface DeriveInput {
  /** 64 bytes of BIP-39. */
  readonly seed: Uint8Array;
  readonly firstIndex: number;
  readonly count: number;
}

/** Secret keys of 32 bytes and public keys of 48, both flat. */
interface FlatKeypairs {
  readonly secretKeys: Uint8Array;
  readonly publicKeys: Uint8Array;
}

interface KeystoreInput {
  /** What messages call it. */
  readonly name: string;
  readonly text: string;
  readonly password: string;
}

export interface WorkerPool extends AsyncDisposable {
  readonly size: number;
  /** Signing keys m/12381/3600/index/0/0 of a seed: `count` secret keys of 32 bytes, public keys of 48, both flat. */
  deriveKeypairs(options: DeriveInput, onProgress?: Progress): Promise<FlatKeypairs>;
  /** Secret keys of 32 bytes, in order; each is proved by its public key. Bounded by threads and by memory. */
  decryptKeystores(keystores: readonly KeystoreInput[], onProgress?: Progress): Promise<Uint8Array[]>;
  /** Texts of keystores, in order. Bounded by threads and by memory. */
  encryptKeystores(
    keys: readonly {
      readonly secretKey: Uint8Array;
      readonly password: string;
      readonly path: string;
      readonly kdf: KeystoreKdf;
    }[],
    onProgress?: Progress,
  ): Promise<string[]>;
  /** Seals validator keys, and fresh shares of them for an oracle set. */
  sealKeypairs(input: SealInput, onProgress?: Progress): Promise<SealOutput>;
  /**
   * Opens rows, derives each public key and compares: secret keys of 32 bytes, flat, in order.
   * One bad row rejects the whole batch with 'row-tampered'.
   */
  openKeys(input: RowsToOpen, onProgress?: Progress): Promise<Uint8Array>;
  /**
   * Decrypts keystores in one thread, one after another, and seals their keys with fresh shares of them.
   * @param memoryBytes - what the one that takes most takes; it waits until there is so much
   */
  sealKeystores(
    input: Jobs['sealKeystores']['input'],
    memoryBytes: number,
  ): Promise<Jobs['sealKeystores']['output']>;
  /** Opens validators' rows in one thread and seals fresh shares of their keys; a row that does not open stops nothing. */
  shareAnew(target: SealTarget, rows: readonly SealedRow[]): Promise<Jobs['shareAnew']['output']>;
  /** Verifies signatures of deposits in one thread, and hashes the deposits for the tree. */
  checkDeposits(input: DepositsToCheck, signal?: AbortSignal): Promise<CheckedDeposits>;
  /** Decrypts keys of the Python operator in one thread, derives each and compares. */
  checkV3Keys(input: V3Keys): Promise<Jobs['checkV3Keys']['output']>;
  /** Decrypts keys of the Python operator in one thread and seals them with fresh shares of them. */
  sealV3Keys(input: Jobs['sealV3Keys']['input']): Promise<SealOutput>;
  /** {@link openKeys}, but a bad row stops nothing: it is told which these are. */
  openEach(input: RowsToOpen): Promise<OpenOutput>;
  /** Public keys of 48 bytes of secret keys of 32, both flat; zeros where a secret key is zero or above the group's order. */
  derivePublicKeys(secretKeys: Uint8Array): Promise<Uint8Array>;
}

const MAX_DEFAULT_SIZE = 4;
/** Items of a job: about a tenth of a second of work, so that progress is seen and threads end together. */
const DERIVE_CHUNK = 250;
const SEAL_CHUNK = 100;
const OPEN_CHUNK = 1000;
const WORKER_FILE = startedFile('workers/worker');

/** What does the jobs of a pool. */
type JobThreads = Pick<ThreadPool<Jobs>, 'size' | 'run' | typeof Symbol.asyncDispose>;

/**
 * Threads for bulk cryptography.
 * @param options.size - number of threads; by default the machine's parallelism, at most four
 * @param threads - closed with the pool
 */
export function createWorkerPool(
  options: { readonly size?: number | undefined } = {},
  threads: JobThreads = openJobThreads(options.size ?? Math.min(availableParallelism(), MAX_DEFAULT_SIZE)),
): WorkerPool {
  let gate: MemoryGate | undefined;
  const memory = () => {
    // Asked once: the process may keep what a derivation has taken for the next one, and then would seem to have less.
    gate ??= new MemoryGate(usableBytes());
    return gate;
  };
  return {
    size: threads.size,
    deriveKeypairs: (input, onProgress) => deriveKeypairs(threads, input, onProgress),
    decryptKeystores: (keystores, onProgress) => decryptKeystores(threads, memory(), keystores, onProgress),
    encryptKeystores: (keys, onProgress) => encryptKeystores(threads, memory(), keys, onProgress),
    sealKeypairs: (input, onProgress) => sealKeypairs(threads, input, onProgress),
    openKeys: (input, onProgress) => openKeys(threads, input, onProgress),
    sealKeystores: (input, memoryBytes) =>
      memory().run(memoryBytes, () => threads.run('sealKeystores', input)),
    shareAnew: (target, rows) => threads.run('shareAnew', { target, rows: encodeRows(target, rows) }),
    checkDeposits: (input, signal) => threads.run('checkDeposits', input, { signal }),
    checkV3Keys: input => threads.run('checkV3Keys', input),
    sealV3Keys: input => threads.run('sealV3Keys', input),
    openEach: input => openEach(threads, input),
    derivePublicKeys: secretKeys => derivePublicKeys(threads, secretKeys),
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  };
}

/** The threads that do the jobs: what they run reaches key code. */
export function openJobThreads(size: number): ThreadPool<Jobs> {
  return new ThreadPool<Jobs>({ file: WORKER_FILE, size });
}

/** Memory for key derivations: three quarters of what the process may still take; its control group's limit counts. */
function usableBytes(): number {
  return (process.availableMemory() * 3) / 4;
}

/** Decrypts as many at once as there are threads and as fit into memory by what each file asks for: that is its maker's choice. */
function decryptKeystores(
  threads: JobThreads,
  memory: MemoryGate,
  keystores: readonly KeystoreInput[],
  onProgress?: Progress,
): Promise<Uint8Array[]> {
  return mapBounded(
    keystores,
    async keystore => {
      const bytes = memoryToDecrypt(parseKeystore(keystore.text, keystore.name));
      return await memory.run(bytes, () => threads.run('decryptKeystore', keystore));
    },
    { concurrency: threads.size, onProgress, discard: wipe },
  );
}

function encryptKeystores(
  threads: JobThreads,
  memory: MemoryGate,
  keys: readonly Jobs['encryptKeystore']['input'][],
  onProgress?: Progress,
): Promise<string[]> {
  return mapBounded(
    keys,
    key => memory.run(memoryToEncrypt(key.kdf), () => threads.run('encryptKeystore', key)),
    { concurrency: threads.size, onProgress },
  );
}

async function deriveKeypairs(
  threads: JobThreads,
  { seed, firstIndex, count }: DeriveInput,
  onProgress?: Progress,
): Promise<FlatKeypairs> {
  const parts = await mapBounded(
    chunks(count, DERIVE_CHUNK),
    ({ from, to }) => threads.run('derive', { seed, firstIndex: firstIndex + from, count: to - from }),
    {
      concurrency: threads.size,
      onProgress: chunkProgress(count, DERIVE_CHUNK, onProgress),
      discard: part => wipe(part.secretKeys),
    },
  );
  return {
    secretKeys: joinSecrets(parts.map(part => part.secretKeys)),
    publicKeys: concatBytes(parts.map(part => part.publicKeys)),
  };
}

async function sealKeypairs(
  threads: JobThreads,
  input: SealInput,
  onProgress?: Progress,
): Promise<SealOutput> {
  const count = input.secretKeys.length / SECRET_KEY_WIDTH;
  const parts = await mapBounded(
    chunks(count, SEAL_CHUNK),
    async ({ from, to }) => {
      const secretKeys = input.secretKeys.slice(from * SECRET_KEY_WIDTH, to * SECRET_KEY_WIDTH);
      const publicKeys = input.publicKeys.slice(from * PUBLIC_KEY_WIDTH, to * PUBLIC_KEY_WIDTH);
      const part = threads.run('seal', { ...input, secretKeys, publicKeys });
      return part.finally(() => wipe(secretKeys));
    },
    { concurrency: threads.size, onProgress: chunkProgress(count, SEAL_CHUNK, onProgress) },
  );
  const join = (field: keyof SealOutput) => concatBytes(parts.map(part => part[field]));
  return {
    nonces: join('nonces'),
    ciphertexts: join('ciphertexts'),
    sharePublicKeys: join('sharePublicKeys'),
    shareNonces: join('shareNonces'),
    shareCiphertexts: join('shareCiphertexts'),
  };
}

async function openKeys(threads: JobThreads, input: RowsToOpen, onProgress?: Progress): Promise<Uint8Array> {
  const { length } = input.rows;
  const secretKeys = new Uint8Array(length * SECRET_KEY_WIDTH);
  try {
    await mapBounded(
      chunks(length, OPEN_CHUNK),
      async ({ from, to }) => {
        const rows = input.rows.slice(from, to);
        const opened = await openChunk(threads, input, rows);
        const [refused] = opened.refused;
        if (refused === undefined) secretKeys.set(opened.secretKeys, from * SECRET_KEY_WIDTH);
        wipe(opened.secretKeys);
        if (refused !== undefined) throw rowTampered(rows[refused]?.publicKey ?? new Uint8Array(0));
      },
      { concurrency: threads.size, onProgress: chunkProgress(length, OPEN_CHUNK, onProgress) },
    );
    return secretKeys;
  } catch (error) {
    wipe(secretKeys);
    throw error;
  }
}

async function openEach(threads: JobThreads, input: RowsToOpen): Promise<OpenOutput> {
  const parts = await mapBounded(
    chunks(input.rows.length, OPEN_CHUNK),
    async ({ from, to }) => {
      const { secretKeys, refused } = await openChunk(threads, input, input.rows.slice(from, to));
      return { secretKeys, refused: refused.map(place => from + place) };
    },
    { concurrency: threads.size, discard: ({ secretKeys }) => wipe(secretKeys) },
  );
  return {
    secretKeys: joinSecrets(parts.map(part => part.secretKeys)),
    refused: parts.flatMap(part => part.refused),
  };
}

function openChunk(
  threads: JobThreads,
  { dataKeys, vault }: RowsToOpen,
  rows: readonly SealedRow[],
): Promise<OpenOutput> {
  return threads.run('open', { dataKeys, rows: encodeRows(vault, rows) });
}

async function derivePublicKeys(threads: JobThreads, secretKeys: Uint8Array): Promise<Uint8Array> {
  const parts = await mapBounded(
    chunks(secretKeys.length / SECRET_KEY_WIDTH, OPEN_CHUNK),
    ({ from, to }) =>
      threads.run('publicKeys', {
        secretKeys: secretKeys.subarray(from * SECRET_KEY_WIDTH, to * SECRET_KEY_WIDTH),
      }),
    { concurrency: threads.size },
  );
  return concatBytes(parts);
}

function encodeRows(vault: VaultContext, rows: readonly SealedRow[]): Uint8Array {
  const flat = new Uint8Array(rows.length * ROW_WIDTH);
  const writeContext = keyContextWriter(vault);
  for (const [i, row] of rows.entries()) {
    const target = flat.subarray(i * ROW_WIDTH, (i + 1) * ROW_WIDTH);
    writeContext(target, row);
    target.set(row.nonce, KEY_CONTEXT_LENGTH);
    target.set(row.ciphertext, KEY_CONTEXT_LENGTH + NONCE_LENGTH);
  }
  return flat;
}

function chunks(count: number, width: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(count / width) }, (_, i) => ({
    from: i * width,
    to: Math.min(count, (i + 1) * width),
  }));
}

function chunkProgress(count: number, width: number, onProgress?: Progress): Progress | undefined {
  return onProgress && (done => onProgress(Math.min(count, done * width)));
}

function joinSecrets(parts: readonly Uint8Array[]): Uint8Array {
  const joined = concatBytes(parts);
  wipe(parts);
  return joined;
}
