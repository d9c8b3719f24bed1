import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { keyFileSource } from '../../../src/signer/keys/sources/key-files.ts';
import { it } from '../../support/fixtures.ts';

/** What a vault of 25,000 validators has with eleven oracles, and more than a call can take arguments. */
const MANY = 300_000;
/** Above the group's order, so that its public key costs nothing: it has none. */
const NO_KEY = 'ff'.repeat(32);

function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
}

function keyFile(keys: number): string {
  const document = `keyType: BLS\nprivateKey: '0x${NO_KEY}'\ntype: file-raw\n`;
  return Array.from({ length: keys }, () => document).join('---\n');
}

describe('keyFileSource', () => {
  it('keyFileSource comes to all keys of a directory with 300,000, and says what is wrong with them', async ({
    directory,
  }) => {
    writeFiles(directory, { 'a.yaml': keyFile(MANY / 2), 'b.yaml': keyFile(MANY / 2) });
    await expect(keyFileSource({ directory, poolSize: 1 }).load()).rejects.toMatchObject({
      code: 'invalid-key',
      message: "a.yaml holds a key that is zero or not below the group's order.",
    });
  });

  it('keyFileSource names the one bad file after a file with 300,000 keys', async ({ directory }) => {
    writeFiles(directory, { 'a.yaml': keyFile(MANY), 'b.yaml': 'keyType: BLS\n' });
    await expect(keyFileSource({ directory }).load()).rejects.toMatchObject({
      code: 'invalid-key-file',
      message: expect.stringContaining('b.yaml'),
    });
  });
});
