import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect } from 'vitest';
import { findDirectory, isPutByUs, prepareDirectory } from '../../../src/lib/output-directory.ts';
import { it } from '../../support/fixtures.ts';

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
/** Giving to oneself is what every user may do: who is refused what does not hang on it. */
const owner = { uid, gid };

const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

describe('finding a directory', () => {
  it('findDirectory tells a missing directory from a file and from a link that leads nowhere', async ({
    directory: base,
  }) => {
    writeFileSync(join(base, 'file'), '');
    symlinkSync('nowhere', join(base, 'dangling'));
    for (const options of [{}, { owner }]) {
      expect(await findDirectory(join(base, 'missing', 'below'), options)).toBeUndefined();
      await expect(findDirectory(join(base, 'file'), options)).rejects.toMatchObject({
        code: 'not-a-directory',
      });
    }
    await expect(findDirectory(join(base, 'dangling'), {})).rejects.toMatchObject({ code: 'file-missing' });
    await expect(findDirectory(join(base, 'dangling'), { owner })).rejects.toMatchObject({
      code: 'directory-is-link',
    });
  });

  it('findDirectory follows links in this user’s directories, also for an owner: relative, absolute, one by another', async ({
    directory: base,
  }) => {
    mkdirSync(join(base, 'real', 'below'), { recursive: true });
    symlinkSync('real', join(base, 'one'));
    symlinkSync(join(base, 'one'), join(base, 'two'));
    symlinkSync(join('..', relative(join(base, '..'), base), 'two'), join(base, 'three'));
    for (const name of ['real', 'one', 'two', 'three']) {
      const path = join(base, name, 'below');
      await using found = await findDirectory(path, { owner });
      expect(found?.path).toBe(path);
      await using same = await findDirectory(join(base, 'real', 'below'), {});
      expect(found?.facts.identity).toBe(same?.facts.identity);
    }
    await expect(findDirectory(join(base, 'two'), { owner })).rejects.toMatchObject({
      code: 'directory-is-link',
    });
  });

  it('findDirectory does not go round in a circle of links', async ({ directory: base }) => {
    symlinkSync('b', join(base, 'a'));
    symlinkSync('a', join(base, 'b'));
    await expect(findDirectory(join(base, 'a', 'x'), { owner })).rejects.toMatchObject({
      code: 'file-error',
    });
  });
});

describe('preparing a directory', () => {
  it('prepareDirectory makes missing directories with the mode, also through a link, and leaves present modes', async ({
    directory: base,
  }) => {
    mkdirSync(join(base, 'real'), { mode: 0o711 });
    symlinkSync('real', join(base, 'link'));
    for (const [name, attributes] of Object.entries({
      plain: { mode: 0o750 },
      owned: { mode: 0o750, owner },
    })) {
      await using _made = await prepareDirectory(join(base, 'link', name, 'below'), attributes);
      expect([name, join(name, 'below')].map(path => modeOf(join(base, 'real', path)))).toEqual([
        0o750, 0o750,
      ]);
    }
    await using _there = await prepareDirectory(join(base, 'real'), { mode: 0o700, owner });
    expect(modeOf(join(base, 'real'))).toBe(0o711);
  });

  it.runIf(uid === 0)(
    'prepareDirectory gives an owner a directory that others could have put there only while it is empty',
    async ({ directory: base }) => {
      const open = join(base, 'open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      const attributes = { mode: 0o700, owner: { uid: 1000, gid: 1000 } };
      mkdirSync(join(open, 'empty'), { mode: 0o755 });
      await using _empty = await prepareDirectory(join(open, 'empty'), attributes);
      expect(lstatSync(join(open, 'empty'))).toMatchObject({ uid: 1000, gid: 1000 });
      mkdirSync(join(open, 'full'));
      writeFileSync(join(open, 'full', 'file'), '');
      await expect(prepareDirectory(join(open, 'full'), attributes)).rejects.toMatchObject({
        code: 'directory-of-others',
      });
      expect(lstatSync(join(open, 'full'))).toMatchObject({ uid: 0 });
      // Theirs already: nothing is given.
      chownSync(join(open, 'full'), 1000, 1000);
      await using _full = await prepareDirectory(join(open, 'full'), attributes);
      chmodSync(open, 0o755);
      chownSync(join(open, 'full'), 0, 0);
      await using _safe = await prepareDirectory(join(open, 'full'), attributes);
      expect(lstatSync(join(open, 'full'))).toMatchObject({ uid: 1000 });
    },
  );

  it('prepareDirectory takes the directory that findDirectory has found, and leaves nothing in it', async ({
    directory: base,
  }) => {
    await using found = await findDirectory(base, { owner });
    await using same = await prepareDirectory(base, { mode: 0o700, owner }, found);
    expect(same.facts.identity).toBe(found?.facts.identity);
    expect(readdirSync(base)).toEqual([]);
  });
});

describe('who can have put something into a directory', () => {
  const mine = { uid, gid };
  const others = { uid: uid + 1, gid: gid + 1 };

  it.each([
    ['of this user', { ...mine, mode: 0o40755 }, others, true],
    ['of this user, open to its own group', { ...mine, mode: 0o40775 }, others, true],
    ['of this user, open to another group', { uid, gid: gid + 1, mode: 0o40775 }, mine, false],
    ['of this user, open to all', { ...mine, mode: 0o40777 }, mine, false],
    ['sticky and open to all, what is of this user', { uid: 0, gid: 0, mode: 0o41777 }, mine, true],
    ['sticky and open to all, what is of another', { uid: 0, gid: 0, mode: 0o41777 }, others, false],
    ['of another user', { ...others, mode: 0o40700 }, mine, false],
  ])('isPutByUs knows who can have put something into a directory %s', (_, parent, entry, expected) => {
    expect(isPutByUs(entry, parent)).toBe(expected);
  });
});
