import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { generateDataKey, importDataKey, openSecretKey } from '../../../src/domain/keys/envelope.ts';
import { combineKeyShares } from '../../../src/domain/keys/key-share.ts';
import { decryptKeystore, parseKeystore } from '../../../src/domain/keys/keystore.ts';
import { concatBytes } from '../../../src/lib/bytes.ts';
import { startedFile } from '../../../src/lib/package-root.ts';
import type { Input, JobName, Jobs, Output } from '../../../src/workers/jobs.ts';
import { createWorkerPool, openJobThreads, type SealedRow } from '../../../src/workers/pool.ts';
import { ThreadPool } from '../../../src/workers/thread-pool.ts';
import { createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';

const seed = new Uint8Array(64).fill(5);
const vault = new Uint8Array(20).fill(6);
const oracleSet = { hash: new Uint8Array(32).fill(7), threshold: 2, count: 3 };
const record = (flat: Uint8Array, i: number, width: number) => flat.slice(i * width, (i + 1) * width);

/** Threads whose outputs can be looked at after the pool has had them, and of whose jobs one can be made to fail. */
class RecordingThreads extends ThreadPool<Jobs> {
  readonly outputs: unknown[] = [];
  failingJob: number | undefined;
  #jobs = 0;

  constructor(size: number) {
    super({ file: startedFile('workers/worker'), size });
  }

  override async run<N extends JobName>(name: N, input: Input<N>): Promise<Output<N>> {
    this.#jobs += 1;
    if (this.#jobs === this.failingJob) throw new Error(`job ${this.#jobs} failed`);
    const output = await super.run(name, input);
    this.outputs.push(output);
    return output;
  }
}

/** Four threads that do nothing, and tell how many of their jobs there were at once. */
class CountingThreads implements Pick<ThreadPool<Jobs>, 'size' | 'run' | typeof Symbol.asyncDispose> {
  readonly size = 4;
  #running = 0;
  #most = 0;

  async run<N extends JobName>(): Promise<Output<N>> {
    this.#running += 1;
    this.#most = Math.max(this.#most, this.#running);
    await new Promise(setImmediate);
    this.#running -= 1;
    return '' as unknown as Output<N>;
  }

  takeMost(): number {
    const most = this.#most;
    this.#most = 0;
    return most;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

describe('worker pool', () => {
  it('the worker pool derives an index range in order, however it is divided', async () => {
    await using pool = createWorkerPool({ size: 2 });
    const done: number[] = [];
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: 40, count: 601 }, n =>
      done.push(n),
    );
    for (const i of [0, 249, 250, 600]) {
      const secretKey = deriveSecretKey(seed, 40 + i);
      expect(record(secretKeys, i, 32)).toEqual(secretKey);
      expect(record(publicKeys, i, 48)).toEqual(publicKeyOf(secretKey));
    }
    expect(done).toEqual([250, 500, 601]);
    expect(seed).toEqual(new Uint8Array(64).fill(5));
  });

  it('the worker pool seals keys with shares that open and recombine, and refuses the batch for one bad row', async () => {
    await using pool = createWorkerPool({ size: 2 });
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: 0, count: 230 });
    const dataKey = generateDataKey();
    const sealed = await pool.sealKeypairs({
      dataKey,
      dataKeyId: 1,
      chainId: 17000,
      vault,
      oracleSet,
      secretKeys,
      publicKeys,
    });
    const base = { chainId: 17000, vault, dataKeyId: 1 };
    const rows: SealedRow[] = [];
    for (let i = 0; i < 230; i++) {
      const parent = record(publicKeys, i, 48);
      rows.push({
        context: {
          ...base,
          kind: 'validator',
          publicKey: parent,
          parentPublicKey: null,
          oracleSetHash: null,
          shareIndex: null,
        },
        nonce: record(sealed.nonces, i, 12),
        ciphertext: record(sealed.ciphertexts, i, 48),
      });
      for (let share = 0; share < 3; share++) {
        const place = 3 * i + share;
        rows.push({
          context: {
            ...base,
            kind: 'share',
            publicKey: record(sealed.sharePublicKeys, place, 48),
            parentPublicKey: parent,
            oracleSetHash: oracleSet.hash,
            shareIndex: share,
          },
          nonce: record(sealed.shareNonces, place, 12),
          ciphertext: record(sealed.shareCiphertexts, place, 48),
        });
      }
    }
    const opened = await pool.openKeys({ dataKeys: [{ id: 1, key: dataKey }], rows });
    for (const i of [0, 99, 100, 229]) {
      expect(record(opened, 4 * i, 32)).toEqual(record(secretKeys, i, 32));
      const shares = [2, 0].map(index => ({ index, secretKey: record(opened, 4 * i + 1 + index, 32) }));
      expect(combineKeyShares(shares)).toEqual(record(secretKeys, i, 32));
    }
    const [first, second] = rows;
    if (first === undefined || second === undefined) return expect.fail();
    expect(openSecretKey(importDataKey(dataKey), first.context, first)).toEqual(record(secretKeys, 0, 32));

    const swapped = rows.with(500, { ...first, context: second.context });
    await expect(pool.openKeys({ dataKeys: [{ id: 1, key: dataKey }], rows: swapped })).rejects.toMatchObject(
      {
        code: 'row-tampered',
        exitCode: 1,
        hint: expect.any(String),
      },
    );
    await expect(pool.openKeys({ dataKeys: [{ id: 2, key: dataKey }], rows })).rejects.toMatchObject({
      code: 'row-tampered',
    });
  });

  it('the worker pool refuses a row that opens to another’s key, as a writer with the data key could make it', async () => {
    await using pool = createWorkerPool({ size: 1 });
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: 0, count: 2 });
    const dataKey = generateDataKey();
    const exchanged = new Uint8Array([...record(secretKeys, 1, 32), ...record(secretKeys, 0, 32)]);
    const sealed = await pool.sealKeypairs({
      dataKey,
      dataKeyId: 1,
      chainId: 1,
      vault,
      oracleSet: null,
      secretKeys: exchanged,
      publicKeys,
    });
    expect(sealed.sharePublicKeys).toHaveLength(0);
    const context = {
      chainId: 1,
      vault,
      kind: 'validator' as const,
      publicKey: record(publicKeys, 0, 48),
      parentPublicKey: null,
      oracleSetHash: null,
      shareIndex: null,
      dataKeyId: 1,
    };
    const row = {
      context,
      nonce: record(sealed.nonces, 0, 12),
      ciphertext: record(sealed.ciphertexts, 0, 48),
    };
    await expect(pool.openKeys({ dataKeys: [{ id: 1, key: dataKey }], rows: [row] })).rejects.toMatchObject({
      code: 'row-tampered',
    });
  });

  it('the worker pool encrypts and decrypts keystores, and names the one that fails', async () => {
    await using pool = createWorkerPool({ size: 2 });
    const flat = new Uint8Array([...deriveSecretKey(seed, 0), ...deriveSecretKey(seed, 1)]);
    const keys = [0, 1].map(i => ({
      secretKey: flat.subarray(32 * i, 32 * i + 32),
      password: `pass ${i}`,
      path: `m/12381/3600/${i}/0/0`,
      kdf: 'pbkdf2' as const,
    }));
    const texts = await pool.encryptKeystores(keys);
    expect(await decryptKeystore(parseKeystore(texts[1] ?? ''), 'pass 1')).toEqual(deriveSecretKey(seed, 1));
    const keystores = texts.map((text, i) => ({ text, name: `keystore-${i}.json`, password: `pass ${i}` }));
    expect(await pool.decryptKeystores(keystores)).toEqual([
      deriveSecretKey(seed, 0),
      deriveSecretKey(seed, 1),
    ]);
    const wrong = keystores.map(keystore => ({ ...keystore, password: 'pass 0' }));
    await expect(pool.decryptKeystores(wrong)).rejects.toMatchObject({
      code: 'keystore-wrong-password',
      message: expect.stringContaining('keystore-1.json'),
    });
  });

  it('ThreadPool rejects a job that fails, and does the next one in the same thread', async () => {
    await using threads = openJobThreads(1);
    // More memory than an array can have: the job fails, and the thread lives on.
    await expect(threads.run('derive', { seed, firstIndex: 0, count: 2 ** 48 })).rejects.toThrow();
    expect((await threads.run('derive', { seed, firstIndex: 0, count: 1 })).secretKeys).toHaveLength(32);
  });

  it('the worker pool overwrites the keys of every chunk when one of them cannot be derived', async () => {
    await using threads = new RecordingThreads(2);
    await using pool = createWorkerPool({}, threads);
    // Three chunks: the third one fails when the first is done, and the second is still under way.
    threads.failingJob = 3;
    const pending = pool.deriveKeypairs({ seed, firstIndex: 0, count: 750 });
    await expect(pending).rejects.toThrow('job 3 failed');
    const derived = threads.outputs.map(output => (output as Output<'derive'>).secretKeys);
    expect(derived).toEqual([new Uint8Array(32 * 250), new Uint8Array(32 * 250)]);
    expect(seed).toEqual(new Uint8Array(64).fill(5));
  });

  it('the worker pool overwrites the keys of every opened keystore when another one cannot be opened', async () => {
    await using threads = new RecordingThreads(1);
    await using pool = createWorkerPool({}, threads);
    const publicKey = Buffer.from(publicKeyOf(deriveSecretKey(seed, 0))).toString('hex');
    const text = JSON.stringify(createCheapKeystore(deriveSecretKey(seed, 0), publicKey, 'right'));
    const keystores = ['right', 'right', 'wrong'].map(password => ({ name: 'a.json', text, password }));
    await expect(pool.decryptKeystores(keystores)).rejects.toMatchObject({ code: 'keystore-wrong-password' });
    expect(threads.outputs).toEqual([new Uint8Array(32), new Uint8Array(32)]);
  });

  it('the worker pool rejects what is not done when it is closed', async () => {
    const pool = createWorkerPool({ size: 1 });
    const pending = pool.deriveKeypairs({ seed, firstIndex: 0, count: 10_000 });
    const rejected = expect(pending).rejects.toMatchObject({ code: 'worker-pool-closed' });
    await pool[Symbol.asyncDispose]();
    await rejected;
    await expect(pool.deriveKeypairs({ seed, firstIndex: 0, count: 1 })).rejects.toMatchObject({
      code: 'worker-pool-closed',
    });
  });

  it('the worker pool lets the process end while its threads are idle, and reports a thread that exits', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, 'idle-pool.ts')],
      {
        timeout: 20_000,
      },
    );
    expect(stdout).toBe('32\nworker-crashed\n32\n');
  });

  it.each([
    ['scrypt', 16, 4],
    ['scrypt', 1.1, 3],
    ['scrypt', 1 / 8, 1],
    ['pbkdf2', 1 / 8, 4],
  ] as const)(
    'four threads encrypt keystores by %s with %s GiB of memory %s at once, also when some of it is kept for the next ones',
    async (kdf, gib, expected) => {
      const available = vi.spyOn(process, 'availableMemory').mockReturnValue(gib * 1024 ** 3);
      onTestFinished(() => available.mockRestore());
      const threads = new CountingThreads();
      const pool = createWorkerPool({}, threads);
      const keys = Array.from({ length: 8 }, () => ({
        secretKey: new Uint8Array(32),
        password: 'a password',
        path: 'm/12381/3600/0/0/0',
        kdf,
      }));
      await pool.encryptKeystores(keys);
      expect(threads.takeMost()).toBe(expected);
      available.mockReturnValue(0);
      await pool.encryptKeystores(keys);
      expect(threads.takeMost()).toBe(expected);
    },
  );

  it('the worker pool derives public keys, and zeros for what is no key', async () => {
    await using pool = createWorkerPool({ size: 1 });
    const key = new Uint8Array(32).fill(5);
    const flat = await pool.derivePublicKeys(
      concatBytes([key, new Uint8Array(32), new Uint8Array(32).fill(255)]),
    );
    expect(flat.subarray(0, 48)).toEqual(publicKeyOf(key));
    expect(flat.subarray(48)).toEqual(new Uint8Array(96));
    expect(key[0]).toBe(5);
  });
});
