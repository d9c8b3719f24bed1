import { describe, expect, it } from 'vitest';
import { derivesKeys } from '../../../src/cli/kdf-process.ts';

describe('derivesKeys', () => {
  it.each([
    ['create-keys', true],
    ['create-keys --vault 0x12 --count 3', true],
    ['deposit-data --vault 0x12 --output-file file', true],
    ['recover', true],
    ['remote-signer-setup --split', true],
    ['remote-db upload-keypairs', true],
    ['remote-db --db-url-file url --vault 0x12 upload-keypairs --pool-size 2', true],
    ['create-keys --help', false],
    ['remote-db setup-web3signer', false],
    ['remote-db create-keys', false],
    ['upload-keypairs', false],
    ['validators-exit', false],
    ['signer --keystores-dir keystores', false],
    ['start', false],
    ['--version', false],
    ['', false],
  ])('the command line "%s" is one that derives keys in its own threads: %s', (line, expected) => {
    expect(derivesKeys(line.split(' '))).toBe(expected);
  });
});
