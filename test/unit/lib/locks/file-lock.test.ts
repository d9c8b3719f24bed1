import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { lockFile } from '../../../../src/lib/locks/file-lock.ts';
import { tryKernelLock } from '../../../../src/lib/locks/kernel-lock.ts';
import { parseHolder } from '../../../../src/lib/locks/lock-holder.ts';
import { it as base } from '../../../support/fixtures.ts';

const BUSY = { code: 'vault-in-use', subject: 'the thing', hint: 'Wait.' } as const;
const it = base.extend('path', ({ directory }) => join(directory, 'lock'));

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

/** Who has it, as an earlier release wrote it. */
function startOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

describe('a lock', () => {
  it('lockFile gives a lock to one only, keeps its files private, and leaves nothing behind', async ({
    directory,
    path,
  }) => {
    {
      await using lock = await lockFile(path, BUSY);
      lock.assertHeld();
      expect(readdirSync(directory).sort()).toEqual(['lock', 'lock-kernel']);
      for (const name of readdirSync(directory)) {
        expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
      }
      await expect(lockFile(path, BUSY)).rejects.toMatchObject({
        code: 'vault-in-use',
        exitCode: 1,
        message: `the thing is in use by process ${process.pid} on ${hostname()}.`,
        hint: 'Wait.',
      });
    }
    expect(readdirSync(directory)).toEqual([]);
    await using _again = await lockFile(path, BUSY);
  });

  it('lockFile respects an earlier release’s lock, and takes it when that process is gone', async ({
    path,
  }) => {
    writeFileSync(path, `${process.ppid} ${startOf(process.ppid)} 0123456789abcdef\n`);
    const clock = waitingClock();
    await expect(lockFile(path, BUSY, { clock })).rejects.toThrow(`in use by process ${process.ppid}`);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(path, `${pid} 1 0123456789abcdef\n`);
    await using _lock = await lockFile(path, BUSY, { clock });
    expect(clock.now(), 'watched').toBe(0);
    // And the other way round: that release finds pid and start where it looks for them.
    expect(readFileSync(path, 'utf8').split(' ').slice(0, 2)).toEqual([
      String(process.pid),
      startOf(process.pid),
    ]);
  });

  it('lockFile watches a lock that may be another machine’s, whose kernel says nothing here', async ({
    path,
  }) => {
    const facts = { host: 'other', kernel: 'another-boot', lockedFile: '1:2' };
    writeFileSync(path, `1 2 0123456789abcdef\n${JSON.stringify(facts)}\n000000000004\n`);
    const clock = waitingClock();
    const watched: string[] = [];
    await using _lock = await lockFile(path, BUSY, { clock, onWatch: line => void watched.push(line) });
    expect(clock.now()).toBe(15_000);
    expect(watched).toEqual([expect.stringContaining('process 1 on other holds it, or has left it behind.')]);
  });

  it('a file lock is not freed by removing the file that the kernel has locked', async ({ path }) => {
    await using lock = await lockFile(path, BUSY);
    rmSync(`${path}-kernel`);
    await expect(lockFile(path, BUSY)).rejects.toMatchObject({ code: 'vault-in-use' });
    lock.assertHeld();
  });

  it('a file lock is lost for good to whoever has put his own in its place', async ({ path }) => {
    await using lock = await lockFile(path, BUSY, { tryKernelLock: () => 'unavailable' });
    const own = readFileSync(path, 'utf8');
    writeFileSync(path, own.replace(/^\d+ /, '77 '));
    const lost = { code: 'lock-lost', message: expect.stringContaining('was taken over by process 77 on') };
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining(lost));
    writeFileSync(path, own);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'lock-lost' }));
  });

  it('a file lock is kept when somebody has only moved its file away', async ({ directory, path }) => {
    await using lock = await lockFile(path, BUSY, { tryKernelLock: () => 'unavailable' });
    rmSync(path);
    lock.assertHeld();
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  it('lockFile refuses to lock where something else stands in the place of its file', async ({
    directory,
    path,
  }) => {
    mkdirSync(`${path}-kernel`);
    await expect(lockFile(path, BUSY)).rejects.toMatchObject({ code: 'lock-failed' });
    rmSync(`${path}-kernel`, { recursive: true });
    writeFileSync(`${path}-kernel`, 'x'.repeat(5000));
    await expect(lockFile(path, BUSY)).rejects.toMatchObject({
      code: 'lock-failed',
      message: expect.stringContaining(`${path}-kernel cannot be locked`),
    });
    await expect(lockFile(join(directory, 'missing', 'lock'), BUSY)).rejects.toMatchObject({
      code: 'file-missing',
    });
  });
});

describe('a lock of the kernel', () => {
  it('tryKernelLock says nothing of itself on stderr, also where it is experimental', ({ path }) => {
    const script = `
      const { tryKernelLock } = await import(${JSON.stringify(join(import.meta.dirname, '../../../../src/lib/locks/kernel-lock.ts'))});
      console.log(typeof tryKernelLock(${JSON.stringify(path)}));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([run.stdout, run.stderr]).toEqual(['object\n', '']);
  });

  it('tryKernelLock refuses a second holder, and takes a file that nobody has locked', ({
    directory,
    path,
  }) => {
    const lock = tryKernelLock(path);
    if (typeof lock === 'string') throw new Error(lock);
    expect(tryKernelLock(path)).toBe('held');
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
    writeFileSync(path, '');
    const again = tryKernelLock(path);
    expect(again).toMatchObject({ file: `${statSync(path).dev}:${statSync(path).ino}` });
    if (typeof again !== 'string') again.release();
  });
});

describe('the holder of a lock', () => {
  it.each(['', 'x', '0\n', '12 \n', '1 2 t\nnot json\n1\n', `${'9'.repeat(30)} 1 t\n`])(
    'parseHolder finds no host in %j',
    text => {
      expect(parseHolder(text)?.host).toBeUndefined();
    },
  );
});
