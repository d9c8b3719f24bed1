import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import { isLeaseHeld, type LeaseRef } from '../../../src/db/leases.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import {
  closeTransaction,
  listTransactions,
  recordAttempt,
  recordIntent,
} from '../../../src/db/transactions.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { holdLease, type LeaseOptions } from '../../../src/transactions/lease.ts';
import { createPgliteUrl } from '../../support/postgres/pglite.ts';
import { createTestDatabase, runSql, type TestDatabase } from '../../support/postgres/postgres.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { waitUntil } from '../../support/wait-until.ts';

const CHAIN_ID = 1;
const resources = new AsyncDisposableStack();
let server: TestDatabase;
let database: Database;
let other: Database;
const { log } = recordingLog();

beforeAll(async () => {
  server = resources.use(await createTestDatabase());
  database = resources.use(await openDatabase({ url: server.url }));
  other = resources.use(await openDatabase({ url: server.url }));
});
afterAll(() => resources.disposeAsync());

const newVault = () => toHex(randomBytes(20));

function hold(vault: string, options: Partial<LeaseOptions> = {}, on = database) {
  const timing = { ttlMs: 3_000, renewMs: 50 };
  return holdLease({ database: on, log }, { chainId: CHAIN_ID, vault, holder: 'one', ...timing, ...options });
}

const refOf = (vault: string, epoch: bigint): LeaseRef => ({
  chainId: CHAIN_ID,
  vault: fromHex(vault, 20),
  epoch,
});

function expire(vault: string): Promise<unknown> {
  const text =
    'update stakewise_operator.operator_leases set expires_at = clock_timestamp() where vault = $1';
  return runSql(server.url, text, [Buffer.from(vault.slice(2), 'hex')]);
}

const intent = (key: string) => ({
  kind: 'harvest',
  key,
  sender: new Uint8Array(20),
  nonce: 0n,
  recipient: new Uint8Array(20),
  data: new Uint8Array(4),
  gasLimit: 21_000n,
  deadline: undefined,
  valueWei: 0n,
  bumpCeilingWei: 1n,
});
const attempt = () => ({
  hash: new Uint8Array(randomBytes(32)),
  nonce: 0n,
  purpose: 'call' as const,
  raw: new Uint8Array(9),
  maxFeeWei: 2n,
  maxPriorityFeeWei: 1n,
  mac: undefined,
});

describe('the lease', () => {
  it('a lease has one holder at a time; the next one begins a new epoch as soon as it is given back', async () => {
    const vault = newVault();
    const first = await hold(vault);
    expect([first.epoch, first.isFresh(), first.signal.aborted]).toEqual([1n, true, false]);
    const waiting = hold(vault, { holder: 'two' }, other);
    // Held beyond its first term.
    await sleep(300);
    await expect(Promise.race([waiting, sleep(10, 'waits')])).resolves.toBe('waits');
    await first[Symbol.asyncDispose]();
    await using second = await waiting;
    expect([second.epoch, first.isFresh(), first.signal.aborted]).toEqual([2n, false, true]);
    expect(await isLeaseHeld(database, refOf(vault, 1n))).toBe(false);
    expect(await isLeaseHeld(database, refOf(vault, 2n))).toBe(true);
  });

  it('a lease that is taken by force is lost to whoever held it, who then waits for it as anybody does', async () => {
    const vault = newVault();
    await using first = await hold(vault);
    const second = await hold(vault, { holder: 'two', force: true }, other);
    expect(second.epoch).toBe(2n);
    expect([
      await isLeaseHeld(database, refOf(vault, 1n)),
      await recordIntent(database, refOf(vault, 1n), intent('late')),
    ]).toEqual([false, undefined]);
    await waitUntil('the first holder to notice', () => first.signal.aborted, {
      lastSeen: () => first.isFresh(),
    });
    const waiting = hold(vault);
    await second[Symbol.asyncDispose]();
    await using third = await waiting;
    expect(third.epoch).toBe(3n);
  });

  it('a lease tells that it was taken and is renewed, and whether the database answers', async () => {
    const told: string[] = [];
    const observer = {
      databaseAnswered: (isAnswered: boolean) => void told.push(isAnswered ? 'answered' : 'silent'),
      leaseTaken: () => void told.push('taken'),
      leaseRenewed: () => void told.push('renewed'),
    };
    const own = await openDatabase({ url: server.url });
    const options = { chainId: CHAIN_ID, vault: newVault(), holder: 'one', ttlMs: 3_000, renewMs: 20 };
    await using _held = await holdLease({ database: own, log, observer }, options);
    expect(told).toEqual(['answered', 'taken', 'renewed']);
    await waitUntil('the lease to be renewed', () => told.length >= 5, { lastSeen: () => told });
    expect(told.slice(3, 5)).toEqual(['answered', 'renewed']);
    await own[Symbol.asyncDispose]();
    await waitUntil('the database to be silent', () => told.includes('silent'), { lastSeen: () => told });
  });

  it('a lease is one for each vault, and of a hundred that ask for it one gets it', async () => {
    await using _one = await hold(newVault());
    const vault = newVault();
    const stop = new AbortController();
    const taken = Array.from({ length: 100 }, (_, i) =>
      hold(vault, { signal: stop.signal, holder: `${i}` }, i % 2 === 0 ? database : other),
    );
    await using winner = await Promise.race(taken);
    expect(winner.epoch).toBe(1n);
    stop.abort();
    const outcomes = await Promise.allSettled(taken);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('a lease is prolonged while its holder lives, and taken over when the holder is gone for its term', async () => {
    const vault = newVault();
    await using first = await hold(vault, { ttlMs: 400, renewMs: 100 });
    // Two terms, in which it must not end.
    await sleep(800);
    expect([first.epoch, first.isFresh(), first.signal.aborted]).toEqual([1n, true, false]);
    const abandoned = newVault();
    // As a stopped process: it renews no more.
    await using _stopped = await hold(abandoned, { ttlMs: 400, renewMs: 60_000 });
    const startedAt = performance.now();
    await using next = await hold(abandoned, { ttlMs: 400 }, other);
    expect(next.epoch).toBe(2n);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('a lease ends for its holder when it was taken over, or was not renewed for its term', async () => {
    const vault = newVault();
    await using first = await hold(vault);
    await expire(vault);
    await using second = await hold(vault, { holder: 'two' }, other);
    await waitUntil('the first holder to see that its lease is lost', () => first.signal.aborted);
    expect(first.signal.reason).toMatchObject({ code: 'lease-lost' });
    expect([second.epoch, first.isFresh()]).toEqual([2n, false]);

    await using away = await hold(newVault(), { ttlMs: 200, renewMs: 60_000 });
    await waitUntil('the end of a term that nobody has prolonged', () => away.signal.aborted);
    expect([away.isFresh(), away.signal.aborted]).toEqual([false, true]);
  });

  it('a lease is not fresh, before any timer, once its process was stopped for too long', async () => {
    await using lease = await hold(newVault(), { ttlMs: 150, renewMs: 60_000 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect([lease.signal.aborted, lease.isFresh()]).toEqual([false, false]);
  });

  it('a lease fences what is recorded: nothing without it, and an earlier holder changes nothing any more', async () => {
    const vault = newVault();
    const scope = refOf(vault, 0n);
    await using first = await hold(vault);
    const old = refOf(vault, first.epoch);
    const id = (await recordIntent(database, old, intent('a'))) ?? 0n;
    expect(id).toBeGreaterThan(0n);
    expect(await recordIntent(database, old, intent('a'))).toBeUndefined();
    await expect(recordIntent(database, old, intent('b'))).rejects.toThrow('transactions_one_open');
    await expire(vault);
    await using second = await hold(vault, { holder: 'two' }, other);
    expect(await recordAttempt(database, old, id, attempt())).toBe(false);
    expect(await closeTransaction(database, old, id, { state: 'abandoned' })).toBe(false);
    const now = refOf(vault, second.epoch);
    // Not its own until it is adopted.
    expect(await recordAttempt(other, now, id, attempt())).toBe(false);
    expect(await closeTransaction(other, now, id, { state: 'abandoned' })).toBe(false);
    expect(await recordIntent(database, old, intent('c'))).toBeUndefined();
    expect((await listTransactions(database, scope, 9)).map(({ state }) => state)).toEqual(['intended']);
  });

  it('a lease makes whoever takes it over wait for what its holder is recording', async () => {
    const vault = newVault();
    await using first = await hold(vault);
    const taken = Promise.withResolvers<bigint | undefined>();
    await database.db.transaction().execute(async db => {
      const session = { ...database, db };
      await recordIntent(session, refOf(vault, first.epoch), intent('a'));
      // Its term ends while the statement's transaction is still open.
      const expiring = expire(vault).then(() => hold(vault, { holder: 'two' }, other));
      expiring.then(lease => {
        taken.resolve(lease.epoch);
        return resources.use(lease);
      }, taken.reject);
      await expect(Promise.race([taken.promise, sleep(150, 'waits')])).resolves.toBe('waits');
    });
    expect(await taken.promise).toBe(2n);
    expect(await listTransactions(other, refOf(vault, 2n), 9)).toHaveLength(1);
  });

  it('a lease is free at once in the embedded database, which a second process cannot open', async () => {
    await using place = await createPgliteUrl();
    const vault = newVault();
    {
      await using embedded = await openDatabase({ url: place.url });
      await migrateDatabase(embedded, { programVersion: '1.0.0' });
      await hold(vault, {}, embedded).then(lease => expect(lease.epoch).toBe(1n));
      await expect(openDatabase({ url: place.url })).rejects.toMatchObject({ code: 'db-in-use' });
      // As after a kill: nobody gave it back.
      const again = await hold(vault, {}, embedded);
      expect(again.epoch).toBe(2n);
      const ref = refOf(vault, again.epoch);
      const id = (await recordIntent(embedded, ref, intent('a'))) ?? 0n;
      expect(await recordAttempt(embedded, ref, id, attempt())).toBe(true);
      expect(await closeTransaction(embedded, ref, id, { state: 'reverted' })).toBe(true);
      await again[Symbol.asyncDispose]();
    }
  });
});
