import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { findPassword } from '../../../src/db/password-file.ts';
import { it } from '../../support/fixtures.ts';

const PLACE = { host: 'db.example', port: 5432, database: 'keys', user: 'operator' };

async function write(directory: string, text: string, mode = 0o600): Promise<string> {
  const path = join(directory, 'pgpass');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe('findPassword', () => {
  it.for<readonly [what: string, text: string, place: Partial<typeof PLACE>, password: string | undefined]>([
    ['a line that fits', 'db.example:5432:keys:operator:s3cret\n', {}, 's3cret'],
    ['a short line of wildcards', '*:*:*:*:p\n', {}, 'p'],
    ['the first line that fits', '*:*:*:other:a\n*:*:keys:*:b\n*:*:*:*:c\n', {}, 'b'],
    ['a line with colons and backslashes', 'db.example:*:*:operator:a:b\\:c\\\\d\n', {}, 'a:b:c\\d'],
    ['a database whose name has a colon', '*:*:a\\:b:*:p\n', { database: 'a:b' }, 'p'],
    ['an IPv6 address', '\\:\\:1:5432:*:*:p\n', { host: '::1' }, 'p'],
    ['a socket by the name of localhost', 'localhost:5432:*:*:p\n', { host: '/run/postgresql' }, 'p'],
    ['the end of a file without a last line end', '*:*:*:*:p', {}, 'p'],
    ['lines that end as on Windows', '# mine\r\n\r\n*:*:*:*:p\r\n', {}, 'p'],
    ['a comment that would fit', '#*:*:*:*:p\n', {}, undefined],
    ['another host', 'other:*:*:*:p\n', {}, undefined],
    ['another port', '*:5433:*:*:p\n', {}, undefined],
    ['a line with too few fields', 'db.example:5432:operator:p\n', {}, undefined],
  ])('findPassword reads %s', async ([, text, place, password], { directory }) => {
    const warnings: string[] = [];
    const path = await write(directory, text);
    expect(await findPassword(path, { ...PLACE, ...place }, line => warnings.push(line))).toBe(password);
    expect(warnings).toEqual([]);
  });

  it('findPassword does not read a file that others may read, and says so as libpq does', async ({
    directory,
  }) => {
    const warnings: string[] = [];
    const path = await write(directory, '*:*:*:*:p\n', 0o640);
    expect(await findPassword(path, PLACE, line => warnings.push(line))).toBeUndefined();
    expect(warnings).toEqual([
      `The password file "${path}" has group or world access; permissions should be u=rw (0600) or less: it is not read.`,
    ]);
  });

  it('findPassword says that a directory is no file, and nothing of a file that is missing', async ({
    directory,
  }) => {
    const warnings: string[] = [];
    await mkdir(join(directory, 'folder'));
    const warn = (line: string) => void warnings.push(line);
    expect(await findPassword(join(directory, 'folder'), PLACE, warn)).toBeUndefined();
    expect(await findPassword(join(directory, 'nothing'), PLACE, warn)).toBeUndefined();
    expect(warnings).toEqual([
      `The password file "${join(directory, 'folder')}" is not a plain file: it is not read.`,
    ]);
  });
});
