import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeldDirectory } from '../../../src/lib/held-directory.ts';
import { replaceEntry, writeEntryIfChanged } from '../../../src/lib/held-files.ts';

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'held-'));
  directory = join(parent, 'directory');
  mkdirSync(directory);
});
afterEach(() => rmSync(parent, { recursive: true }));

const MODES = [
  ['by its handle', true],
  ['by its path, as where there is no /proc', false],
] as const;

describe.each(MODES)('a directory that is held %s', (_, byHandle) => {
  const open = () => HeldDirectory.open(directory, { followLink: false, byHandle });

  it('is written to and read', async () => {
    await using held = await open();
    await replaceEntry(held, 'a', 'one', { mode: 0o640 });
    expect(await writeEntryIfChanged(held, 'a', 'one', { mode: 0o640 })).toBe('unchanged');
    expect(await writeEntryIfChanged(held, 'a', 'one', { mode: 0o600 })).toBe('adjusted');
    expect(await writeEntryIfChanged(held, 'a', 'two', { mode: 0o600 })).toBe('changed');
    expect(await writeEntryIfChanged(held, 'b', 'two', { mode: 0o600 })).toBe('added');
    expect((await held.entries()).map(entry => entry.name).sort()).toEqual(['a', 'b']);
    expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('two');
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o600);
    await held.confirm();
  });

  it('reads regular files only, of a size that one of ours could have', async () => {
    await using held = await open();
    writeFileSync(join(directory, 'file'), 'content');
    symlinkSync('file', join(directory, 'link'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    mkdirSync(join(directory, 'below'));
    writeFileSync(join(directory, 'huge'), '');
    truncateSync(join(directory, 'huge'), 65 * 1024 * 1024);
    expect(await held.read('file')).toMatchObject({ content: Buffer.from('content') });
    expect(await held.read('link')).toBe('irregular');
    expect(await held.read('pipe')).toBe('irregular');
    expect(await held.read('none')).toBe('missing');
    await expect(held.read('below')).rejects.toMatchObject({ code: 'is-a-directory' });
    await expect(held.read('huge')).rejects.toMatchObject({ code: 'file-too-large' });
  });

  it('has no entries elsewhere', async () => {
    await using held = await open();
    for (const name of ['../a', '', 'a/b', 'a\0']) {
      await expect(held.at(name, async () => undefined)).rejects.toThrow(RangeError);
    }
  });

  it('notices that another one stands in its place', async () => {
    await using held = await open();
    renameSync(directory, join(parent, 'aside'));
    mkdirSync(directory);
    await expect(held.confirm()).rejects.toMatchObject({ code: 'directory-swapped' });
  });
});

describe('a directory that was exchanged for a link', () => {
  const exchange = () => {
    mkdirSync(join(parent, 'victim'));
    renameSync(directory, join(parent, 'aside'));
    symlinkSync(join(parent, 'victim'), directory);
  };

  it('is still written to when it is held by its handle', async () => {
    await using held = await HeldDirectory.open(directory, { followLink: false });
    exchange();
    await replaceEntry(held, 'a', 'one', { mode: 0o600 });
    expect([readdirSync(join(parent, 'aside')), readdirSync(join(parent, 'victim'))]).toEqual([['a'], []]);
  });

  it('is refused when it is held by its path', async () => {
    await using held = await HeldDirectory.open(directory, { followLink: false, byHandle: false });
    exchange();
    await expect(replaceEntry(held, 'a', 'one', { mode: 0o600 })).rejects.toMatchObject({
      code: 'directory-swapped',
    });
    expect([readdirSync(join(parent, 'aside')), readdirSync(join(parent, 'victim'))]).toEqual([[], []]);
  });

  it('is not opened', async () => {
    exchange();
    await expect(HeldDirectory.open(directory, { followLink: false })).rejects.toThrow(/ENOTDIR|ELOOP/);
    await using followed = await HeldDirectory.open(directory, { followLink: true });
    expect(await followed.entries()).toEqual([]);
  });
});

describe('a directory that may be searched and not listed', () => {
  it('is held, written to, and not swept', async () => {
    if (process.getuid?.() === 0) {
      const child = [
        // What is imported may be in a checkout that others cannot enter.
        `const { HeldDirectory } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/lib/held-directory.ts'))});`,
        `const { replaceEntry } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/lib/held-files.ts'))});`,
        'process.setgid(1000); process.setuid(1000);',
        `await using held = await HeldDirectory.open(${JSON.stringify(directory)}, { followLink: false });`,
        "await replaceEntry(held, 'a', 'one', { mode: 0o644 });",
      ].join('\n');
      chmodSync(parent, 0o755);
      chmodSync(directory, 0o733);
      execFileSync(process.execPath, ['--input-type=module', '-e', child], { stdio: 'pipe' });
    } else {
      chmodSync(directory, 0o300);
      await using held = await HeldDirectory.open(directory, { followLink: false });
      await replaceEntry(held, 'a', 'one', { mode: 0o644 });
      chmodSync(directory, 0o700);
    }
    expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('one');
  });
});
