import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { lockVaultDirectory, lockVaultsOf } from '../../../../src/services/local-keys/lock-vault.ts';
import { it as base } from '../../../support/fixtures.ts';

const [FIRST, SECOND] = [`0x${'1a'.repeat(20)}`, `0x${'2b'.repeat(20)}`];
/** A data directory with the directories of two vaults, and what is done and said there. */
const it = base.extend('vaults', ({ directory: folder }) => {
  const warned: string[] = [];
  const warn = (line: string) => void warned.push(line);
  for (const name of [FIRST, SECOND]) {
    mkdirSync(join(folder, name, 'keystores'), { recursive: true });
    writeFileSync(join(folder, name, 'config.json'), '{}');
  }
  return {
    folder,
    warned,
    warn,
    lock: (name: string) => lockVaultDirectory(join(folder, name), warn),
    inUse: (name: string) => ({
      code: 'vault-in-use',
      message: expect.stringContaining(`The vault directory ${join(folder, name)} is in use by process`),
    }),
  };
});

describe('the lock of a vault’s directory', () => {
  it('lockVaultsOf locks the vault directories of files at whatever depth, and of files not there yet', async ({
    vaults: { folder, warn, lock, inUse },
  }) => {
    const paths = [join(folder, FIRST, 'keystores', 'a.json'), join(folder, SECOND, 'merged.json')];
    {
      await using both = await lockVaultsOf(paths, warn);
      both.assertHeld();
      await expect(lock(FIRST)).rejects.toMatchObject(inUse(FIRST));
      await expect(lock(SECOND)).rejects.toMatchObject(inUse(SECOND));
    }
    await using _first = await lock(FIRST);
    await expect(lockVaultsOf(paths, warn)).rejects.toMatchObject(inUse(FIRST));
    // What was taken before the refused one is given back.
    await using _second = await lock(SECOND);
  });

  it('lockVaultsOf takes one lock for all names of a directory', async ({
    vaults: { folder, warn, lock, inUse },
  }) => {
    mkdirSync(join(folder, 'volume'));
    writeFileSync(join(folder, 'volume', 'config.json'), '{}');
    const name = `0x${'3c'.repeat(20)}`;
    symlinkSync('volume', join(folder, name));
    symlinkSync(FIRST, join(folder, 'link'));
    {
      await using _linked = await lockVaultsOf([join(folder, name), join(folder, 'link', 'x.json')], warn);
      await expect(lock('volume')).rejects.toMatchObject({ code: 'vault-in-use' });
      await expect(lock(FIRST)).rejects.toMatchObject(inUse(FIRST));
    }
    expect(readdirSync(join(folder, 'volume'))).toEqual(['config.json']);
  });

  it('lockVaultsOf leaves directories alone that are not those of a vault', async ({
    vaults: { folder, warn },
  }) => {
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'config.json'), '{}');
    mkdirSync(join(folder, `0x${'4d'.repeat(20)}`));
    const paths = [join(other, 'x.json'), join(folder, `0x${'4d'.repeat(20)}`, 'y.json'), folder];
    await using _none = await lockVaultsOf(paths, warn);
    expect(readdirSync(other)).toEqual(['config.json']);
    expect(readdirSync(join(folder, `0x${'4d'.repeat(20)}`))).toEqual([]);
  });

  it('lockVaultDirectory makes the directory of a vault that has none yet', async ({
    vaults: { folder, warned, lock },
  }) => {
    const name = `0x${'5e'.repeat(20)}`;
    await using _lock = await lock(name);
    expect(readdirSync(join(folder, name)).sort()).toEqual(['.lock', '.lock-kernel']);
    expect(warned).toEqual([]);
  });
});
