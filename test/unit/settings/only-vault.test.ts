import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { onlyVaultOf } from '../../../src/settings/vault-directory.ts';
import { it } from '../../support/fixtures.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';

function initialise(directory: string, vault: string): void {
  mkdirSync(join(directory, vault.toLowerCase()));
  writeFileSync(join(directory, vault.toLowerCase(), 'config.json'), '{}');
}

describe('onlyVaultOf', () => {
  it('a data directory with one vault has it, checksummed, whatever else lies there', ({ directory }) => {
    initialise(directory, VAULT);
    mkdirSync(join(directory, `0x${'11'.repeat(20)}`));
    mkdirSync(join(directory, 'backup'));
    expect(onlyVaultOf(directory)).toBe(VAULT);
  });

  it('a data directory with two vaults, without any, or that is not there, has no only one', ({
    directory,
  }) => {
    expect(onlyVaultOf(directory)).toBeUndefined();
    expect(onlyVaultOf(join(directory, 'none'))).toBeUndefined();
    initialise(directory, VAULT);
    initialise(directory, `0x${'22'.repeat(20)}`);
    expect(onlyVaultOf(directory)).toBeUndefined();
  });
});
