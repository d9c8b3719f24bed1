import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { generateDataKey, importDataKey, openSecretKey } from '../../../src/domain/keys/envelope.ts';
import { combineKeyShares } from '../../../src/domain/keys/key-share.ts';
import { decryptKeystore, parseKeystore } from '../../../src/domain/keys/keystore.ts';
import { concatBytes, toHex } from '../../../src/lib/bytes.ts';
import { startedFile } from '../../../src/lib/package-root.ts';
import type { Input, JobName, Jobs, Output } from '../../../src/workers/jobs.ts';
import { createWorkerPool, openJobThreads, type SealedRow } from '../../../src/workers/pool.ts';
import { ThreadPool } from '../../../src/workers/thread-pool.ts';
import { createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';

const seed = new Uint8Array(64).fill(5);
const vault = new Uint8Array(20).fill(6);
const oracleSet = { hash: new Uint8Array(32).fill(7), threshold: 2, count: 3 };
const context = { chainId: 17000, vault };
const record = (flat: Uint8Array, i: number, width: number) => flat.slice(i * width, (i + 1) * width);

function validatorRow(publicKey: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array): SealedRow {
  return {
    kind: 'validator',
    publicKey,
    parentPublicKey: null,
    oracleSetHash: null,
    shareIndex: null,
    dataKeyId: 1,
    nonce,
    ciphertext,
  };
}

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
    const rows: SealedRow[] = [];
    for (let i = 0; i < 230; i++) {
      const parent = record(publicKeys, i, 48);
      rows.push(validatorRow(parent, record(sealed.nonces, i, 12), record(sealed.ciphertexts, i, 48)));
      for (let share = 0; share < 3; share++) {
        const place = 3 * i + share;
        rows.push({
          kind: 'share',
          publicKey: record(sealed.sharePublicKeys, place, 48),
          parentPublicKey: parent,
          oracleSetHash: oracleSet.hash,
          shareIndex: share,
          dataKeyId: 1,
          nonce: record(sealed.shareNonces, place, 12),
          ciphertext: record(sealed.shareCiphertexts, place, 48),
        });
      }
    }
    const input = { dataKeys: [{ id: 1, key: dataKey }], vault: context, rows };
    const opened = await pool.openKeys(input);
    for (const i of [0, 99, 100, 229]) {
      expect(record(opened, 4 * i, 32)).toEqual(record(secretKeys, i, 32));
      const shares = [2, 0].map(index => ({ index, secretKey: record(opened, 4 * i + 1 + index, 32) }));
      expect(combineKeyShares(shares)).toEqual(record(secretKeys, i, 32));
    }
    expect(await pool.openEach(input)).toEqual({ secretKeys: opened, refused: [] });
    const [first, second] = rows;
    if (first === undefined || second === undefined) return expect.fail();
    expect(openSecretKey(importDataKey(dataKey), { ...context, ...first }, first)).toEqual(
      record(secretKeys, 0, 32),
    );

    const swapped = rows
      .with(500, { ...first, publicKey: second.publicKey })
      .with(919, { ...first, publicKey: second.publicKey });
    await expect(pool.openKeys({ ...input, rows: swapped })).rejects.toMatchObject({
      code: 'row-tampered',
      message: expect.stringContaining(toHex(second.publicKey)),
      exitCode: 1,
      hint: expect.any(String),
    });
    const withoutThem = opened.slice();
    for (const place of [500, 919]) withoutThem.fill(0, 32 * place, 32 * (place + 1));
    expect(await pool.openEach({ ...input, rows: swapped })).toEqual({
      secretKeys: withoutThem,
      refused: [500, 919],
    });
    await expect(pool.openKeys({ ...input, dataKeys: [{ id: 2, key: dataKey }] })).rejects.toMatchObject({
      code: 'row-tampered',
    });
    await expect(pool.openKeys({ ...input, vault: { ...context, chainId: 17001 } })).rejects.toMatchObject({
      code: 'row-tampered',
    });
  });

  it.each([0, 1, 999, 1000, 1001])(
    'the worker pool opens %i rows, whatever its jobs’ size, and tells the place of a refused one at either end',
    async count => {
      await using pool = createWorkerPool({ size: 2 });
      const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: 0, count: 1 });
      const dataKey = generateDataKey();
      const sealed = await pool.sealKeypairs({
        ...context,
        dataKey,
        dataKeyId: 1,
        oracleSet: null,
        secretKeys,
        publicKeys,
      });
      const row = validatorRow(publicKeys, sealed.nonces, sealed.ciphertexts);
      const rows = Array.from({ length: count }, () => row);
      const input = { dataKeys: [{ id: 1, key: dataKey }], vault: context };
      const { secretKeys: opened, refused } = await pool.openEach({ ...input, rows });
      expect([opened.length, refused]).toEqual([32 * count, []]);
      for (let i = 0; i < count; i++) expect(record(opened, i, 32)).toEqual(secretKeys);
      const ends = count === 0 ? [] : [...new Set([0, count - 1])];
      const spoiled = rows.map((one, i) => (ends.includes(i) ? { ...one, shareIndex: 1 } : one));
      expect((await pool.openEach({ ...input, rows: spoiled })).refused).toEqual(ends);
    },
  );

  it('the worker pool refuses a row that opens to another’s key, or to none, as a writer with the data key could make it', async () => {
    await using pool = createWorkerPool({ size: 1 });
    const { secretKeys, publicKeys } = await pool.deriveKeypairs({ seed, firstIndex: 0, count: 2 });
    const dataKey = generateDataKey();
    const exchanged = new Uint8Array([...record(secretKeys, 1, 32), ...new Uint8Array(32)]);
    const sealed = await pool.sealKeypairs({
      ...context,
      dataKey,
      dataKeyId: 1,
      oracleSet: null,
      secretKeys: exchanged,
      publicKeys,
    });
    expect(sealed.sharePublicKeys).toHaveLength(0);
    for (const i of [0, 1]) {
      const publicKey = record(publicKeys, i, 48);
      const row = validatorRow(publicKey, record(sealed.nonces, i, 12), record(sealed.ciphertexts, i, 48));
      const input = { dataKeys: [{ id: 1, key: dataKey }], vault: context, rows: [row] };
      await expect(pool.openKeys(input)).rejects.toMatchObject({ code: 'row-tampered' });
      expect(await pool.openEach(input)).toEqual({ secretKeys: new Uint8Array(32), refused: [0] });
    }
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
