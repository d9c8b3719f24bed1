// The embedded database belongs to one process. Containers that share a volume see neither each other's processes nor clocks.
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { embeddedDatabasePath } from '../../../src/compose/transaction-store.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { openPglite } from '../../../src/db/pglite.ts';
import { type FileLockOptions, lockFile } from '../../../src/lib/locks/file-lock.ts';
import { pgliteTemplate } from '../../support/postgres/pglite-template.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../../support/programs/cli.ts';
import { startLineProcess } from '../../support/programs/line-process.ts';
import {
  asUser,
  inContainer,
  requireNamespaces,
  requireOtherUsers,
} from '../../support/programs/namespaces.ts';
import { runProcess } from '../../support/programs/run-process.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const HOLDER = join(PROJECT_ROOT, 'test/support/programs/embedded-child.ts');
const BUSY = { code: 'vault-in-use', subject: 'the thing', hint: '' } as const;
/** An ordinary user of this machine, who is not the one that runs the tests. */
const OTHER_USER = 1000;

let folder: ReturnType<typeof temporaryDirectory>;
let path: string;
beforeAll(() => {
  requireNamespaces();
  requireOtherUsers();
});
beforeEach(() => {
  folder = temporaryDirectory();
  chmodSync(folder.path, 0o755);
  path = join(realpathSync(folder.path), 'db');
});
afterEach(() => folder[Symbol.dispose]());

const holder = (...words: string[]): [string, ...string[]] => [process.execPath, HOLDER, path, ...words];
const inAnother = (...words: string[]) => startLineProcess(inContainer(holder(...words)));
const refused = (pid: number | string) =>
  `refused db-in-use: The embedded database ${path} is in use by process ${pid} on ${hostname()}.`;

/** How many rows are there when nobody has it open. */
async function countRows(): Promise<bigint | undefined> {
  const database = await openPglite(path);
  try {
    const { rows } = await database.query<{ count: bigint }>('select count(*) from numbers', []);
    return rows[0]?.count;
  } finally {
    await database.close();
  }
}

/** A database that is there already: how it is made is not in question where it is opened. */
async function putDatabase(): Promise<void> {
  (await pgliteTemplate()).copyTo(path);
}

/** A clock that is always as far as somebody has waited by it. */
function waitingClock() {
  let nowMs = 0;
  return {
    now: () => nowMs,
    async sleep(durationMs: number) {
      nowMs += durationMs;
    },
  };
}

/** Stands at the end of the first watch at once, and goes on as time does: a holder that lives counts by it. */
function clockThatGoesOn() {
  const waiting = waitingClock();
  const beganAtMs = performance.now();
  return {
    now: () => waiting.now() + performance.now() - beganAtMs,
    sleep: (durationMs: number) => (waiting.now() < 15_000 ? waiting.sleep(durationMs) : sleep(durationMs)),
  };
}

/** A file system on which the kernel locks nothing. */
const withoutLocks: FileLockOptions = { tryKernelLock: () => 'unavailable' };

describe('H3 · the embedded database, opened twice', () => {
  beforeEach(putDatabase);

  it('another container: opens the embedded database while a process writes, both pid 1 → refused, no row is lost', async () => {
    await using first = inAnother();
    expect(await first.next()).toBe('open by 1');
    expect(await first.ask('insert 250')).toBe('250 rows');
    await using second = inAnother();
    expect(await second.next()).toBe(refused(1));
    expect(await first.ask('insert 250')).toBe('500 rows');
    expect(await first.ask('close')).toBe('closed');
    expect(await countRows()).toBe(500n);
  });

  it('another container: runs "operator tx list" on a database in use → exit 1 and a sentence, and no row is lost', async () => {
    path = embeddedDatabasePath(realpathSync(folder.path), VAULT);
    const database = await openDatabase({ url: `pglite:${path}` });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    await database.close();
    const env = { VAULT, NETWORK: 'mainnet', DATA_DIR: folder.path };
    const list = () => runProcess(inContainer([join(PROJECT_ROOT, 'operator'), 'tx', 'list']), { env });

    await using first = inAnother();
    expect(await first.next()).toBe('open by 1');
    expect(await first.ask('insert 500')).toBe('500 rows');
    expect(await list()).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `Error: The embedded database ${path} is in use by process 1 on ${hostname()}.\nWait for that process to end, or use a Postgres server: only it can serve several processes.\n`,
    });
    expect(await first.ask('insert 1')).toBe('501 rows');
    await first.ask('close');
    expect(await list()).toEqual({
      exitCode: 0,
      stdout: 'The operator has sent no transactions.\n',
      stderr: '',
    });
    expect(await countRows()).toBe(501n);
  });

  it('another container: five pairs open the embedded database in the same moment → one of each has it', {
    timeout: 120_000,
  }, async () => {
    for (let round = 1; round <= 5; round++) {
      await using stack = new AsyncDisposableStack();
      const pair = [inAnother(), inAnother()].map(one => stack.use(one));
      const answers = await Promise.all(pair.map(one => one.next()));
      const winner = pair[answers.indexOf('open by 1')];
      expect(
        answers.filter(answer => answer.startsWith('refused db-in-use')),
        answers.join(),
      ).toHaveLength(1);
      expect(await winner?.ask('insert 10')).toBe(`${round * 10} rows`);
      await winner?.ask('close');
    }
    expect(await countRows()).toBe(50n);
  });

  it('another container: opens the embedded database after kill -9 of its holder → free at once, with all commits', async () => {
    await using first = inAnother();
    expect(await first.next()).toBe('open by 1');
    expect(await first.ask('insert 100')).toBe('100 rows');
    first.kill('SIGKILL');
    await first.ended;
    expect(readdirSync(folder.path)).toContain('db.lock');
    const watched: string[] = [];
    const again = await openPglite(path, { onWatch: line => void watched.push(line) });
    await again.close();
    expect(watched).toEqual([]);
    expect(await countRows()).toBe(100n);
  });

  it('another container: opens a database that its holder has recovered after a crash → the lock still holds', async () => {
    await using killed = inAnother();
    await killed.next();
    await killed.ask('insert 100');
    killed.kill('SIGKILL');
    await killed.ended;
    await using recovered = inAnother();
    expect(await recovered.next()).toBe('open by 1');
    await using second = inAnother();
    expect(await second.next()).toBe(refused(1));
    expect(await recovered.ask('insert 1')).toBe('101 rows');
  });

  it('another container: waits until the holder of the embedded database is stopped for long → refused all the same', async () => {
    await using first = startLineProcess(holder());
    expect(await first.next()).toBe(`open by ${first.pid}`);
    first.kill('SIGSTOP');
    // By this clock, hours pass.
    await expect(openPglite(path, { clock: waitingClock() })).rejects.toMatchObject({ code: 'db-in-use' });
    first.kill('SIGCONT');
    expect(await first.ask('insert 1')).toBe('1 rows');
  });

  it('another container: opens the embedded database by a link to its directory → refused', async () => {
    await using first = inAnother();
    expect(await first.next()).toBe('open by 1');
    symlinkSync(path, join(folder.path, 'link'));
    await expect(openPglite(join(folder.path, 'link'))).rejects.toMatchObject({ code: 'db-in-use' });
  });

  it('another container: mounts the embedded database itself, its lock being outside → refused with a sentence', async () => {
    const mounted = await runProcess([
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs tmpfs "$0" && exec "$@"',
      path,
      ...holder(),
    ]);
    expect(mounted.stdout).toBe(
      `refused db-is-mount-point: ${path} is the top of a volume, so that the lock of an embedded database in it would lie outside of the volume.\n`,
    );
  });

  it('local user: opens the embedded database twice in one process → refused, and the lock against others stays', async () => {
    const first = await openPglite(path);
    await expect(openPglite(path)).rejects.toMatchObject({ code: 'db-in-use' });
    await using second = inAnother();
    expect(await second.next()).toBe(refused(process.pid));
    await first.close();
    await using third = inAnother();
    expect(await third.next()).toBe('open by 1');
  });
});

describe('H3 · the same on a file system without locks', () => {
  beforeEach(putDatabase);

  it('another container: opens a held database on a file system without locks, its clocks being wrong → refused', async () => {
    const setBack = ['--import', 'data:text/javascript,Date.now=()=>0'];
    const [node, ...words] = holder('no-locks');
    await using first = startLineProcess(inContainer([node, ...setBack, ...words]));
    expect(await first.next()).toBe('open by 1');
    for (const monotonicOffsetS of [0, 86_400]) {
      await using second = startLineProcess(inContainer([node, ...setBack, ...words], { monotonicOffsetS }));
      expect(await second.next()).toBe(refused(1));
    }
    expect(await first.ask('insert 3')).toBe('3 rows');
    await first.ask('close');
    expect(await countRows()).toBe(3n);
  });

  it('another container: has kernel locks where the holder of the database has none → refused by the counter', async () => {
    await using first = inAnother('no-locks');
    expect(await first.next()).toBe('open by 1');
    await using second = inAnother();
    expect(await second.next()).toBe(refused(1));
  });

  it('another container: opens a database without locks after kill -9 → watched for 15 s of its clock, then taken', async () => {
    await using first = inAnother('no-locks');
    await first.next();
    await first.ask('insert 7');
    first.kill('SIGKILL');
    await first.ended;
    const clock = waitingClock();
    const watched: string[] = [];
    const again = await openPglite(path, {
      tryKernelLock: () => 'unavailable',
      onWatch: line => void watched.push(line),
      clock,
    });
    await again.close();
    expect(watched).toEqual([
      `${path}.lock is there: process 1 on ${hostname()} holds it, or has left it behind. Watching it for 15 s.`,
    ]);
    expect(clock.now()).toBe(15_000);
    expect(await countRows()).toBe(7n);
  });

  it('another container: takes a database over from a process that stood still → woken, that one writes nothing more', async () => {
    await using first = startLineProcess(holder('no-locks'));
    expect(await first.next()).toBe(`open by ${first.pid}`);
    expect(await first.ask('insert 5')).toBe('5 rows');
    first.kill('SIGSTOP');
    const second = await openPglite(path, { tryKernelLock: () => 'unavailable', clock: waitingClock() });
    await second.query('insert into numbers default values', []);
    first.kill('SIGCONT');
    const lost = `refused lock-lost: The embedded database ${path} was taken over by process ${process.pid} on ${hostname()} while this process stood still; this process changes nothing more there.`;
    expect(await first.ask('insert 5')).toBe(lost);
    expect(await first.ask('insert 1')).toBe(lost);
    expect(await first.ask('close')).toBe('closed');
    await second.query('insert into numbers default values', []);
    await second.close();
    expect(await countRows()).toBe(7n);
  });

  it('another container: three watch a dead lock and take it over together → one has it', async () => {
    const lock = join(folder.path, 'lock');
    writeFileSync(lock, '1 2 dead\n{"host":"gone"}\n000000000007\n');
    const take = () => lockFile(lock, BUSY, { ...withoutLocks, clock: clockThatGoesOn() });
    const attempts = await Promise.allSettled([take(), take(), take()]);
    const taken = attempts.filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'vault-in-use' });
      else attempt.value.assertHeld();
    }
  });

  it('hostile file: the lock file is a link → refused, its target untouched', async () => {
    const lock = join(folder.path, 'lock');
    writeFileSync(join(folder.path, 'target'), 'precious');
    symlinkSync('target', lock);
    await expect(lockFile(lock, BUSY, { ...withoutLocks, clock: waitingClock() })).rejects.toThrow(lock);
    symlinkSync('target', `${lock}-kernel`);
    await expect(lockFile(lock, BUSY)).rejects.toMatchObject({ code: 'lock-failed' });
    expect(readFileSync(join(folder.path, 'target'), 'utf8')).toBe('precious');
  });

  it('hostile file: the lock file names a holder with control characters → only what has the right form is shown', async () => {
    const lock = join(folder.path, 'lock');
    const held = await lockFile(lock, BUSY);
    writeFileSync(lock, '1 2 token\n{"host":"x\\u001b[2Jforged"}\n000000000007\n');
    await expect(lockFile(lock, BUSY)).rejects.toThrow(/^the thing is in use by process 1\.$/);
    writeFileSync(lock, '\u001b[2J\n');
    await expect(lockFile(lock, BUSY)).rejects.toThrow(/^the thing is in use by another process\.$/);
    await held[Symbol.asyncDispose]();
  });
});

describe('H3 · the files of the embedded database', () => {
  it('another uid: reads and writes the files of a database in use → denied, all are 0600 and 0700', async () => {
    const database = await openPglite(path);
    await database.query('create table numbers (number serial)', []);
    expect(openToOthers(path)).toEqual([]);
    await database.query('insert into numbers select generate_series(1, 10000)', []);
    await database.query('vacuum full numbers', []);
    expect(openToOthers(path)).toEqual([]);
    for (const attempt of [`cat '${path}/PG_VERSION'`, `echo x >> '${path}/PG_VERSION'`]) {
      const run = await runProcess(asUser(OTHER_USER, ['sh', '-c', attempt]));
      expect(run.stderr, attempt).toContain('denied');
      expect(run.exitCode, attempt).not.toBe(0);
    }
    await database.close();
    expect(openToOthers(path)).toEqual([]);
  });

  it('another uid: comes by database files of an earlier release, which all could write → closed when it is opened', async () => {
    await (await openPglite(path)).close();
    for (const name of ['.', ...namesBelow(path)]) {
      const { mode } = lstatSync(join(path, name));
      chmodSync(join(path, name), (mode & 0o040000) === 0 ? 0o666 : 0o777);
    }
    expect(openToOthers(path).length).toBeGreaterThan(900);
    await (await openPglite(path)).close();
    expect(openToOthers(path)).toEqual([]);
  });

  it('another uid: has left links and second names of root’s files in the database → those keep their modes', async () => {
    await (await openPglite(path)).close();
    const victim = join(folder.path, 'victim');
    const victims = join(folder.path, 'victims');
    writeFileSync(victim, 'precious', { mode: 0o644 });
    mkdirSync(victims, { mode: 0o755 });
    writeFileSync(join(victims, 'inside'), 'precious', { mode: 0o644 });
    symlinkSync(victim, join(path, 'base', 'file'));
    symlinkSync(victims, join(path, 'base', 'directory'));
    linkSync(victim, join(path, 'base', 'second-name'));
    await (await openPglite(path)).close();
    const modes = [victim, victims, join(victims, 'inside')].map(one => statSync(one).mode & 0o777);
    expect(modes).toEqual([0o644, 0o755, 0o644]);
  });

  it('another uid: runs "operator tx list" on root’s embedded database → a sentence about whose it is', async () => {
    path = embeddedDatabasePath(realpathSync(folder.path), VAULT);
    const database = await openDatabase({ url: `pglite:${path}` });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    await database.close();
    const env = { VAULT, NETWORK: 'mainnet', DATA_DIR: folder.path };
    const operator = [join(PROJECT_ROOT, 'operator'), 'tx', 'list'];
    expect(await runProcess(asUser(OTHER_USER, operator), { env })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: belongsTo(0, OTHER_USER),
    });
  });

  it('another uid: finds one file of root in its embedded database → a sentence about whose it is, not that it cannot start', async () => {
    path = embeddedDatabasePath(realpathSync(folder.path), VAULT);
    const database = await openDatabase({ url: `pglite:${path}` });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    await database.close();
    for (const name of ['.', ...namesBelow(folder.path)])
      lchownSync(join(folder.path, name), OTHER_USER, OTHER_USER);
    const env = { VAULT, NETWORK: 'mainnet', DATA_DIR: folder.path };
    const operator = [join(PROJECT_ROOT, 'operator'), 'tx', 'list'];
    for (const left of ['global/pg_control', 'base']) {
      lchownSync(join(path, left), 0, 0);
      expect(await runProcess(asUser(OTHER_USER, operator), { env }), left).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(
          `Error: ${join(path, left)}, a part of the embedded database, belongs to user 0; this process runs as user ${OTHER_USER} and may not use it.\nRun the command as that user (a container: with --user 0:0)`,
        ),
      });
      lchownSync(join(path, left), OTHER_USER, OTHER_USER);
    }
    expect(await runProcess(asUser(OTHER_USER, operator), { env })).toMatchObject({ exitCode: 0 });
  });

  it('another uid: as root, runs "operator tx list" on a user’s database → a sentence, and no file of root is left', async () => {
    path = embeddedDatabasePath(realpathSync(folder.path), VAULT);
    const database = await openDatabase({ url: `pglite:${path}` });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    await database.close();
    for (const name of ['.', ...namesBelow(folder.path)])
      lchownSync(join(folder.path, name), OTHER_USER, OTHER_USER);
    const env = { VAULT, NETWORK: 'mainnet', DATA_DIR: folder.path };
    const operator = [join(PROJECT_ROOT, 'operator'), 'tx', 'list'];
    expect(await runProcess(operator, { env })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: belongsTo(OTHER_USER, 0),
    });
    const owners = namesBelow(folder.path).map(name => lstatSync(join(folder.path, name)).uid);
    expect(new Set(owners)).toEqual(new Set([OTHER_USER]));
    expect(await runProcess(asUser(OTHER_USER, operator), { env })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
  });
});

function belongsTo(owner: number, user: number): string {
  return (
    `Error: The embedded database ${path} belongs to user ${owner}; this process runs as user ${user} and may not use it.\n` +
    `Run the command as that user (a container: with --user ${owner}:${owner}), or give the directory with all its files to this one (chown -R).\n`
  );
}

function namesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true }).map(String);
}

/** What others than the owner may do anything with. */
function openToOthers(directory: string): string[] {
  return ['.', ...namesBelow(directory)].filter(name => {
    const { mode } = lstatSync(join(directory, name));
    return (mode & 0o077) !== 0;
  });
}
