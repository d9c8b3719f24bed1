import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { keyFileSource } from '../../../../src/signer/keys/sources/key-files.ts';
import { it } from '../../../support/fixtures.ts';
import { mountSecret } from '../../../support/scenes/secret-volume.ts';

const documentOf = (value: number) =>
  `type: file-raw\nkeyType: BLS\nprivateKey: '0x${value.toString(16).padStart(64, '0')}'\n`;

describe('keyFileSource', () => {
  it('keyFileSource loads each key file of a secret volume once, and none that an editor has left', async ({
    directory,
  }) => {
    mountSecret(directory, { 'key_0.yaml': documentOf(1), 'key_1.yml': documentOf(2) });
    mkdirSync(join(directory, '.backup'));
    for (const name of ['.backup/key_0.yaml', '.key_0.yaml', 'key_0.yaml~', 'README.md'])
      writeFileSync(join(directory, name), 'no key');
    const { publicKeys } = await keyFileSource({ directory, poolSize: 1 }).load();
    const expected = [1, 2].map(value => publicKeyOf(new Uint8Array(32).fill(value, 31)));
    expect(publicKeys).toEqual(expected);
  });
});
