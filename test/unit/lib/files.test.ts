import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  createFileExclusive,
  directoryModeOf,
  ensureDirectory,
  isMemoryFileSystem,
  parseFileMode,
  parseOwner,
  removeLeftovers,
  writeFileAtomic,
  writeIfChanged,
} from '../../../src/lib/files.ts';
import { it } from '../../support/fixtures.ts';

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;

describe('writeFileAtomic', () => {
  it('writeFileAtomic writes content and mode, whatever the umask, and leaves no temporary file', async ({
    directory,
  }) => {
    const before = process.umask(0o077);
    try {
      await writeFileAtomic(join(directory, 'a'), 'one', { mode: 0o644 });
      await writeFileAtomic(join(directory, 'a'), Buffer.from('two'), { mode: 0o640 });
    } finally {
      process.umask(before);
    }
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('two');
    expect(await modeOf(join(directory, 'a'))).toBe(0o640);
    expect(await readdir(directory)).toEqual(['a']);
  });

  it('writeFileAtomic names the path when the directory is missing or a file, or the target a directory', async ({
    directory,
  }) => {
    await writeFile(join(directory, 'file'), '');
    await mkdir(join(directory, 'dir'));
    const cases = [
      ['missing/a', 'file-missing'],
      ['file/a', 'not-a-directory'],
      ['dir', 'is-a-directory'],
    ] as const;
    for (const [name, code] of cases) {
      await expect(writeFileAtomic(join(directory, name), 'x', { mode: 0o600 })).rejects.toMatchObject({
        code,
        message: expect.stringContaining(join(directory, name)),
      });
    }
    expect(await readdir(directory)).toEqual(['dir', 'file']);
  });

  it.runIf(isRoot)('writeFileAtomic gives the file to the owner asked for', async ({ directory }) => {
    await writeFileAtomic(join(directory, 'a'), 'x', { mode: 0o600, owner: { uid: 1000 } });
    expect(await stat(join(directory, 'a'))).toMatchObject({ uid: 1000, gid: process.getgid?.() });
  });

  it.runIf(canMount)(
    'writeFileAtomic says that a full disk is full, keeps the old file and removes its temporary file',
    async ({ directory }) => {
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
      if (mounted.status !== 0) return;
      try {
        const path = join(directory, 'a');
        await writeFileAtomic(path, 'old', { mode: 0o600 });
        await expect(writeFileAtomic(path, new Uint8Array(1 << 20), { mode: 0o600 })).rejects.toMatchObject({
          code: 'disk-full',
          message: expect.stringContaining(path),
        });
        expect(await readFile(path, 'utf8')).toBe('old');
        expect(await readdir(directory)).toEqual(['a']);
        expect(await isMemoryFileSystem(join(directory, 'not', 'yet', 'made'))).toBe(true);
      } finally {
        spawnSync('umount', [directory]);
      }
    },
  );

  it('writeFileAtomic removes what a killed run left of its file, and nothing of a process that still runs', async ({
    directory,
  }) => {
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    const names = {
      ended: `.a.${ended}.0123456789abcdef.stakewise-tmp`,
      running: `.a.${process.ppid}.0123456789abcdef.stakewise-tmp`,
      otherFile: `.b.${ended}.0123456789abcdef.stakewise-tmp`,
      foreign: '.a.swp',
    };
    for (const name of Object.values(names)) await writeFile(join(directory, name), '');
    await writeFileAtomic(join(directory, 'a'), 'x', { mode: 0o600 });
    expect(await readdir(directory)).toEqual([names.running, names.foreign, names.otherFile, 'a'].sort());
    await removeLeftovers(directory);
    expect(await readdir(directory)).toEqual([names.running, names.foreign, 'a'].sort());
  });
});

describe('writeIfChanged', () => {
  it('writeIfChanged keeps the mtime of equal content and corrects the mode', async ({ directory }) => {
    const path = join(directory, 'a');
    expect(await writeIfChanged(path, 'x', { mode: 0o644 })).toBe('added');
    await utimes(path, 1000, 1000);
    expect(await writeIfChanged(path, 'x', { mode: 0o644 })).toBe('unchanged');
    expect(await writeIfChanged(path, 'x', { mode: 0o600 })).toBe('adjusted');
    expect(await stat(path)).toMatchObject({ mtimeMs: 1_000_000 });
    expect(await modeOf(path)).toBe(0o600);
    expect(await writeIfChanged(path, 'y', { mode: 0o600 })).toBe('changed');
    expect((await stat(path)).mtimeMs).toBeGreaterThan(1_000_000);
  });

  it('writeIfChanged replaces a link by a file and leaves its target alone', async ({ directory }) => {
    await writeFile(join(directory, 'target'), 'x');
    await symlink(join(directory, 'target'), join(directory, 'a'));
    expect(await writeIfChanged(join(directory, 'a'), 'x', { mode: 0o600 })).toBe('changed');
    expect((await stat(join(directory, 'a'))).ino).not.toBe((await stat(join(directory, 'target'))).ino);
  });
});

describe('createFileExclusive', () => {
  it('createFileExclusive creates a private file and never overwrites one', async ({ directory }) => {
    const path = join(directory, 'key');
    await createFileExclusive(path, 'secret');
    expect(await modeOf(path)).toBe(0o600);
    await expect(createFileExclusive(path, 'other')).rejects.toMatchObject({ code: 'file-exists' });
    expect(await readFile(path, 'utf8')).toBe('secret');
    expect(await readdir(directory)).toEqual(['key']);
  });
});

describe('ensureDirectory', () => {
  it('ensureDirectory gives every directory that it makes the mode, and leaves that of an existing one', async ({
    directory,
  }) => {
    await ensureDirectory(join(directory, 'a', 'b'), { mode: 0o755 });
    expect([await modeOf(join(directory, 'a')), await modeOf(join(directory, 'a', 'b'))]).toEqual([
      0o755, 0o755,
    ]);
    await ensureDirectory(join(directory, 'a'), { mode: 0o700 });
    expect(await modeOf(join(directory, 'a'))).toBe(0o755);
  });

  it.runIf(isRoot)(
    'ensureDirectory gives an existing directory to the owner asked for',
    async ({ directory }) => {
      await ensureDirectory(directory, { mode: 0o700, owner: { uid: 1000, gid: 1001 } });
      expect(await stat(directory)).toMatchObject({ uid: 1000, gid: 1001 });
    },
  );

  it('ensureDirectory refuses a path that is a file or lies below one', async ({ directory }) => {
    await writeFile(join(directory, 'file'), '');
    const path = join(directory, 'file', 'below');
    await expect(ensureDirectory(path, { mode: 0o700 })).rejects.toMatchObject({ code: 'not-a-directory' });
    await expect(ensureDirectory(join(directory, 'file'), { mode: 0o700 })).rejects.toMatchObject({
      code: 'not-a-directory',
    });
  });
});

describe('parsing', () => {
  it('parseFileMode and parseOwner read modes and owners, and refuse others', () => {
    expect([parseFileMode('0640'), parseFileMode('644'), parseFileMode('0o600')]).toEqual([
      0o640, 0o644, 0o600,
    ]);
    for (const text of ['', '0940', '07777', 'rw', '0044'])
      expect(() => parseFileMode(text)).toThrow(/file mode/i);
    expect([parseOwner('1000'), parseOwner('1000:0')]).toEqual([{ uid: 1000 }, { uid: 1000, gid: 0 }]);
    for (const text of ['', 'root', '-1', '1:', '4294967295', '1:4294967295']) {
      expect(() => parseOwner(text)).toThrow(/not an owner/);
    }
  });

  it('directoryModeOf lets those who may read files enter their directory', () => {
    expect([0o600, 0o640, 0o644].map(directoryModeOf)).toEqual([0o700, 0o750, 0o755]);
  });
});
