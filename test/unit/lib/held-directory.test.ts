import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { HeldDirectory } from '../../../src/lib/held-directory.ts';
import { replaceEntry, writeEntryIfChanged } from '../../../src/lib/held-files.ts';
import { it as base } from '../../support/fixtures.ts';

interface Places {
  readonly parent: string;
  /** What is held; it lies in the other one. */
  readonly directory: string;
}

const it = base.extend('places', ({ directory: parent }): Places => {
  const directory = join(parent, 'directory');
  mkdirSync(directory);
  return { parent, directory };
});

const MODES = [
  ['by its handle', true],
  ['by its path, as where there is no /proc', false],
] as const;

describe.each(MODES)('a directory that is held %s', (_, byHandle) => {
  const open = (directory: string) => HeldDirectory.open(directory, { followLink: false, byHandle });

  it('a held directory is written to and read', async ({ places: { directory } }) => {
    await using held = await open(directory);
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

  it('a held directory reads regular files only, of a size that one of ours could have', async ({
    places: { directory },
  }) => {
    await using held = await open(directory);
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

  it('a held directory compares regular files of any size with bytes', async ({ places: { directory } }) => {
    await using held = await open(directory);
    const content = Buffer.alloc(65 * 1024 * 1024 + 1, 'content');
    writeFileSync(join(directory, 'file'), content, { mode: 0o640 });
    writeFileSync(join(directory, 'empty'), '');
    symlinkSync('file', join(directory, 'link'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    mkdirSync(join(directory, 'below'));
    expect(await held.compare('file', content)).toMatchObject({ mode: 0o100640 });
    expect(await held.compare('empty', new Uint8Array())).toMatchObject({ uid: process.getuid?.() });
    expect(await held.compare('file', content.subarray(1))).toBe('different');
    for (const place of [0, 1024 * 1024, content.length - 1]) {
      const other = Buffer.from(content);
      other[place] = 0;
      expect(await held.compare('file', other), `byte ${place}`).toBe('different');
    }
    for (const name of ['link', 'pipe']) expect(await held.compare(name, content)).toBe('different');
    expect(await held.compare('none', content)).toBe('missing');
    await expect(held.compare('below', content)).rejects.toMatchObject({ code: 'is-a-directory' });
    expect(await writeEntryIfChanged(held, 'file', content, { mode: 0o640 })).toBe('unchanged');
  });

  it('a held directory refuses names of entries elsewhere', async ({ places: { directory } }) => {
    await using held = await open(directory);
    for (const name of ['../a', '', 'a/b', 'a\0']) {
      await expect(held.at(name, async () => undefined)).rejects.toThrow(RangeError);
    }
  });

  it('a held directory notices that another one stands in its place', async ({
    places: { directory, parent },
  }) => {
    await using held = await open(directory);
    renameSync(directory, join(parent, 'aside'));
    mkdirSync(directory);
    await expect(held.confirm()).rejects.toMatchObject({ code: 'directory-swapped' });
  });
});

describe('a directory that was exchanged for a link', () => {
  const exchange = ({ parent, directory }: Places) => {
    mkdirSync(join(parent, 'victim'));
    renameSync(directory, join(parent, 'aside'));
    symlinkSync(join(parent, 'victim'), directory);
  };

  it('a directory exchanged for a link is still written to when it is held by its handle', async ({
    places: { directory, parent },
  }) => {
    await using held = await HeldDirectory.open(directory, { followLink: false });
    exchange({ parent, directory });
    await replaceEntry(held, 'a', 'one', { mode: 0o600 });
    expect([readdirSync(join(parent, 'aside')), readdirSync(join(parent, 'victim'))]).toEqual([['a'], []]);
  });

  it('a directory exchanged for a link is refused when it is held by its path', async ({
    places: { directory, parent },
  }) => {
    await using held = await HeldDirectory.open(directory, { followLink: false, byHandle: false });
    exchange({ parent, directory });
    await expect(replaceEntry(held, 'a', 'one', { mode: 0o600 })).rejects.toMatchObject({
      code: 'directory-swapped',
    });
    expect([readdirSync(join(parent, 'aside')), readdirSync(join(parent, 'victim'))]).toEqual([[], []]);
  });

  it('HeldDirectory.open opens a directory exchanged for a link only when told to follow links', async ({
    places: { directory, parent },
  }) => {
    exchange({ parent, directory });
    await expect(HeldDirectory.open(directory, { followLink: false })).rejects.toThrow(/ENOTDIR|ELOOP/);
    await using followed = await HeldDirectory.open(directory, { followLink: true });
    expect(await followed.entries()).toEqual([]);
  });
});

describe('a directory that may be searched and not listed', () => {
  it('a directory that may be searched and not listed is held and written to', async ({
    places: { directory, parent },
  }) => {
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
