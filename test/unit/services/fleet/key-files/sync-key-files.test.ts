import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../../../../src/lib/bytes.ts';
import type { SyncKeyFilesOptions } from '../../../../../src/services/fleet/key-files/sync-key-files.ts';
import { readKeyDirectory } from '../../../../support/checkers/web3signer.ts';
import {
  KeyDirectory,
  publicKeysOf,
  TEST_KEYS,
  type TestKey,
} from '../../../../support/scenes/key-directory.ts';

let keyDirectory: KeyDirectory;
let directory: string;
beforeEach(() => {
  keyDirectory = new KeyDirectory();
  directory = keyDirectory.path;
});
afterEach(() => keyDirectory[Symbol.dispose]());

const sync = (keys: readonly TestKey[], options?: Partial<SyncKeyFilesOptions>) =>
  keyDirectory.sync(keys, options);
const loaded = () => keyDirectory.loaded();
const snapshot = () =>
  Object.fromEntries(
    readdirSync(directory).map(name => {
      const { mode, mtimeMs } = statSync(join(directory, name));
      return [name, { mode, mtimeMs, content: readFileSync(join(directory, name), 'utf8') }];
    }),
  );

describe.each(['buckets', 'one-per-key'] as const)('layout %s', layout => {
  it('writes all keys privately, then touches only what changed', async () => {
    await sync(TEST_KEYS.slice(1), { layout });
    expect(loaded()).toEqual(publicKeysOf(TEST_KEYS.slice(1)));
    for (const { mode } of Object.values(snapshot())) expect(mode & 0o777).toBe(0o600);
    for (const name of readdirSync(directory)) utimesSync(join(directory, name), 1, 1);
    const before = snapshot();
    expect(await sync(TEST_KEYS.slice(1), { layout })).toMatchObject({ isChanged: false, keyCount: 23 });
    expect(snapshot()).toEqual(before);
    const result = await sync(TEST_KEYS, { layout });
    expect(result).toMatchObject({ isChanged: true, removedKeys: 0 });
    expect(loaded()).toEqual(publicKeysOf(TEST_KEYS));
    if (layout === 'buckets') expect(result.files.added.length + result.files.changed.length).toBe(1);
  });

  it('with check says what it would do and writes nothing', async () => {
    expect(await sync(TEST_KEYS, { layout, check: true, directory: join(directory, 'new') })).toMatchObject({
      isChanged: true,
    });
    expect(readdirSync(directory)).toEqual([]);
    await sync(TEST_KEYS, { layout });
    const before = snapshot();
    expect(await sync(TEST_KEYS.slice(1), { layout, check: true })).toMatchObject({
      isChanged: true,
      removedKeys: 1,
    });
    expect(await sync(TEST_KEYS, { layout, check: true })).toMatchObject({ isChanged: false });
    expect(await sync(TEST_KEYS, { layout, check: true, attributes: { mode: 0o640 } })).toMatchObject({
      isChanged: true,
    });
    expect(snapshot()).toEqual(before);
  });

  it('brakes before many removals: refuse, keep, allow', async () => {
    await sync(TEST_KEYS, { layout });
    const before = snapshot();
    const rest = TEST_KEYS.slice(5);
    await expect(sync(rest, { layout })).rejects.toMatchObject({ code: 'too-many-removals', exitCode: 3 });
    await expect(sync([], { layout })).rejects.toThrow('24 of 24 keys');
    expect(snapshot()).toEqual(before);
    const kept = await sync(rest.slice(0, -1), { layout, removals: 'keep' });
    expect(kept).toMatchObject({ keptKeys: 6, removedKeys: 0, keyCount: 24 });
    expect(kept.warnings).toContainEqual(expect.stringMatching(/6 of 24 keys .* kept/));
    expect(loaded()).toEqual(publicKeysOf(TEST_KEYS));
    expect(await sync(rest, { layout, removals: 'allow' })).toMatchObject({ removedKeys: 5 });
    expect(loaded()).toEqual(publicKeysOf(rest));
  });

  it('changes to the other layout without losing a key', async () => {
    await sync(TEST_KEYS, { layout });
    const other = layout === 'buckets' ? 'one-per-key' : 'buckets';
    expect(await sync(TEST_KEYS, { layout: other })).toMatchObject({ removedKeys: 0 });
    expect(loaded()).toEqual(publicKeysOf(TEST_KEYS));
    const isNumbered = (name: string) => name.startsWith('key_');
    expect(readKeyDirectory(directory).files.every(isNumbered)).toBe(other === 'one-per-key');
  });
});

describe('files of others', () => {
  const document = (index: number) =>
    `type: file-raw\nprivateKey: "${toHex(TEST_KEYS[index]?.secretKey ?? new Uint8Array())}"\n`;

  it('leaves other vaults, other names and broken files alone', async () => {
    const others = {
      'mainnet-0x1234567890abcdef1234567890abcdef12345678-00.yaml': 'x',
      'holesky-0x1234567890abcdef1234567890abcdef12345679-00.yaml': 'x',
      'my-own.yaml': document(3),
      'key_0.yaml': document(20),
    };
    for (const [name, content] of Object.entries(others)) writeFileSync(join(directory, name), content);
    const theirs = snapshot();
    await sync(TEST_KEYS.slice(0, 10));
    await sync(TEST_KEYS.slice(1, 10), { removals: 'allow' });
    expect(snapshot()).toMatchObject(theirs);
    await expect(sync(TEST_KEYS.slice(0, 10), { layout: 'one-per-key' })).rejects.toMatchObject({
      code: 'foreign-key-file',
    });
    expect(snapshot()).toMatchObject(theirs);
  });

  it('adopts key_N.yaml files whose keys are all this vault’s, and no others', async () => {
    writeFileSync(join(directory, 'key_0.yaml'), document(0));
    writeFileSync(join(directory, 'key_1.yaml'), document(22));
    writeFileSync(join(directory, 'key_2.yaml'), `${document(1)}---\n${document(23)}`);
    writeFileSync(join(directory, 'key_3.yaml'), 'broken');
    const vaultPublicKeys = new Set(publicKeysOf(TEST_KEYS.slice(22, 23)).map(key => key));
    await sync(TEST_KEYS.slice(0, 10), { adopt: true, vaultPublicKeys, removals: 'allow' });
    const numbered = readdirSync(directory).filter(name => name.startsWith('key_'));
    expect(numbered).toEqual(['key_2.yaml', 'key_3.yaml']);
  });

  it('mends a torn file of its own and says so', async () => {
    await sync(TEST_KEYS);
    const [name = ''] = readKeyDirectory(directory).files;
    writeFileSync(join(directory, name), 'keyType: BLS\nprivateKey: ');
    const { warnings } = await sync(TEST_KEYS);
    expect(warnings).toContainEqual(expect.stringContaining(`${name} is not a key file`));
    expect(loaded()).toEqual(publicKeysOf(TEST_KEYS));
  });
});
