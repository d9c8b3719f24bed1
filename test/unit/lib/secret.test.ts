import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readSecretFile } from '../../../src/lib/secret.ts';
import { it as base } from '../../support/fixtures.ts';

/** Writes a file, the same one every time, and gives its path. */
const it = base.extend(
  'secretFile',
  ({ directory }) =>
    async (content: string | Uint8Array, mode = 0o600): Promise<string> => {
      const path = join(directory, 'secret');
      await writeFile(path, content);
      await chmod(path, mode);
      return path;
    },
);

describe('readSecretFile', () => {
  it.for([
    ['abc', 'abc'],
    ['abc\n', 'abc'],
    ['abc\r\n', 'abc'],
    [' a b \n\n', ' a b \n'],
  ])('readSecretFile strips one newline at most from %j', async ([content = '', value], { secretFile }) => {
    expect(await readSecretFile(await secretFile(content))).toEqual({ value, warnings: [] });
  });

  it('readSecretFile warns when others can read the file', async ({ secretFile }) => {
    const path = await secretFile('abc', 0o640);
    const { warnings } = await readSecretFile(path);
    expect(warnings).toEqual([`${path} can be read by other users (mode 0640); chmod 600 keeps it private.`]);
  });

  it('readSecretFile refuses an empty, a missing and a binary file, and names it', async ({
    directory,
    secretFile,
  }) => {
    const path = await secretFile('\n');
    await expect(readSecretFile(path)).rejects.toThrow(`${path} is empty`);
    await secretFile(Uint8Array.of(0xff, 0xfe));
    await expect(readSecretFile(path)).rejects.toThrow(`${path} is not UTF-8 text.`);
    await expect(readSecretFile(`${path}x`)).rejects.toThrow(`${path}x does not exist.`);
    await expect(readSecretFile(directory)).rejects.toThrow(`${directory} is a directory`);
  });
});
