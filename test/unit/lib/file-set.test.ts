import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { applyFileSet, hasChanges, listFiles, planFileSet } from '../../../src/lib/file-set.ts';
import { HeldDirectory } from '../../../src/lib/held-directory.ts';
import { it as base } from '../../support/fixtures.ts';

const attributes = { mode: 0o644 };
const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
const it = base.extend('filled', ({ directory }) => {
  for (const name of ['a', 'b', 'c', 'foreign']) writeFileSync(join(directory, name), name, { mode: 0o644 });
  return directory;
});

const contents = (directory: string) =>
  Object.fromEntries(readdirSync(directory).map(name => [name, readFileSync(join(directory, name), 'utf8')]));
const wantedFiles = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([name, text]) => [name, new Uint8Array(Buffer.from(text))]));

describe('a set of files', () => {
  it('applyFileSet brings files to their wanted contents as planned, and removes owned files only', async ({
    filled: directory,
  }) => {
    const wanted = wantedFiles({ a: 'a', b: 'new', d: 'd' });
    await using held = await HeldDirectory.open(directory, { followLink: false });
    const plan = await planFileSet(held, wanted, ['a', 'b', 'c'], attributes);
    expect(plan).toEqual({ added: ['d'], changed: ['b'], adjusted: [], unchanged: ['a'], removed: ['c'] });
    await applyFileSet(held, wanted, plan, attributes);
    expect(contents(directory)).toEqual({ a: 'a', b: 'new', d: 'd', foreign: 'foreign' });
    expect(hasChanges(await planFileSet(held, wanted, ['a', 'b'], attributes))).toBe(false);
    expect(await listFiles(join(directory, 'missing'))).toEqual([]);
  });

  it.runIf(canMount)(
    'applyFileSet leaves a set of files as it was when the disk is full half-way',
    async ({ filled: directory }) => {
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory]).status).toBe(0);
      try {
        writeFileSync(join(directory, 'a'), 'old');
        writeFileSync(join(directory, 'b'), 'b');
        const wanted = wantedFiles({ a: 'new', big: 'x'.repeat(1 << 20), c: 'c' });
        await using held = await HeldDirectory.open(directory, { followLink: false });
        const plan = await planFileSet(held, wanted, ['a', 'b'], attributes);
        await expect(applyFileSet(held, wanted, plan, attributes)).rejects.toMatchObject({
          code: 'disk-full',
          message: expect.stringContaining(join(directory, 'big')),
        });
        expect(contents(directory)).toEqual({ a: 'old', b: 'b' });
      } finally {
        spawnSync('umount', [directory]);
      }
    },
  );
});
