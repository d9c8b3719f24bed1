import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import { readKeyDirectory } from '../../../../support/checkers/web3signer.ts';
import { disposedAfterTest } from '../../../../support/fixtures.ts';
import { KeyDirectory, publicKeysOf, TEST_KEYS } from '../../../../support/scenes/key-directory.ts';

const it = test.extend(
  'keyDirectory',
  disposedAfterTest(() => new KeyDirectory()),
);

const snapshot = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory).map(name => {
      const { mode, mtimeMs } = statSync(join(directory, name));
      return [name, { mode, mtimeMs, content: readFileSync(join(directory, name), 'utf8') }];
    }),
  );

describe.each(['buckets', 'one-per-key'] as const)('layout %s', layout => {
  it('syncKeyFiles writes all keys privately, then touches only what changed', async ({ keyDirectory }) => {
    await keyDirectory.sync(TEST_KEYS.slice(1), { layout });
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(TEST_KEYS.slice(1)));
    for (const { mode } of Object.values(snapshot(keyDirectory.path))) expect(mode & 0o777).toBe(0o600);
    for (const name of readdirSync(keyDirectory.path)) utimesSync(join(keyDirectory.path, name), 1, 1);
    const before = snapshot(keyDirectory.path);
    expect(await keyDirectory.sync(TEST_KEYS.slice(1), { layout })).toMatchObject({
      isChanged: false,
      keyCount: 23,
    });
    expect(snapshot(keyDirectory.path)).toEqual(before);
    const result = await keyDirectory.sync(TEST_KEYS, { layout });
    expect(result).toMatchObject({ isChanged: true, removedKeys: 0 });
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(TEST_KEYS));
    if (layout === 'buckets') expect(result.files.added.length + result.files.changed.length).toBe(1);
  });

  it('syncKeyFiles with check says what it would do and writes nothing', async ({ keyDirectory }) => {
    expect(
      await keyDirectory.sync(TEST_KEYS, { layout, check: true, directory: join(keyDirectory.path, 'new') }),
    ).toMatchObject({
      isChanged: true,
    });
    expect(readdirSync(keyDirectory.path)).toEqual([]);
    await keyDirectory.sync(TEST_KEYS, { layout });
    const before = snapshot(keyDirectory.path);
    expect(await keyDirectory.sync(TEST_KEYS.slice(1), { layout, check: true })).toMatchObject({
      isChanged: true,
      removedKeys: 1,
    });
    expect(await keyDirectory.sync(TEST_KEYS, { layout, check: true })).toMatchObject({ isChanged: false });
    expect(
      await keyDirectory.sync(TEST_KEYS, { layout, check: true, attributes: { mode: 0o640 } }),
    ).toMatchObject({
      isChanged: true,
    });
    expect(snapshot(keyDirectory.path)).toEqual(before);
  });

  it('syncKeyFiles brakes before many removals as its policy says: refuse, keep, allow', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(TEST_KEYS, { layout });
    const before = snapshot(keyDirectory.path);
    const rest = TEST_KEYS.slice(5);
    await expect(keyDirectory.sync(rest, { layout })).rejects.toMatchObject({
      code: 'too-many-removals',
      exitCode: 3,
    });
    await expect(keyDirectory.sync([], { layout })).rejects.toThrow('24 of 24 keys');
    expect(snapshot(keyDirectory.path)).toEqual(before);
    const kept = await keyDirectory.sync(rest.slice(0, -1), { layout, removals: 'keep' });
    expect(kept).toMatchObject({ keptKeys: 6, removedKeys: 0, keyCount: 24 });
    expect(kept.warnings).toContainEqual(expect.stringMatching(/6 of 24 keys .* kept/));
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(TEST_KEYS));
    expect(await keyDirectory.sync(rest, { layout, removals: 'allow' })).toMatchObject({ removedKeys: 5 });
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(rest));
  });

  it('syncKeyFiles changes to the other layout without losing a key', async ({ keyDirectory }) => {
    await keyDirectory.sync(TEST_KEYS, { layout });
    const other = layout === 'buckets' ? 'one-per-key' : 'buckets';
    expect(await keyDirectory.sync(TEST_KEYS, { layout: other })).toMatchObject({ removedKeys: 0 });
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(TEST_KEYS));
    const isNumbered = (name: string) => name.startsWith('key_');
    expect(readKeyDirectory(keyDirectory.path).files.every(isNumbered)).toBe(other === 'one-per-key');
  });
});

describe('validators and shares', () => {
  const validators = TEST_KEYS.slice(0, 4);
  const shares = (from: number) =>
    TEST_KEYS.slice(from, from + 8).map(key => ({ ...key, isShare: true }) as const);
  const withShares = (from: number) => [...validators, ...shares(from)];

  it('syncKeyFiles replaces all shares without a question, and counts them apart', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(withShares(4));
    expect(await keyDirectory.sync(withShares(12), { check: true })).toMatchObject({
      removedKeys: 0,
      removedShares: 8,
    });
    const { warnings, ...replaced } = await keyDirectory.sync(withShares(12));
    expect(replaced).toMatchObject({ removedKeys: 0, removedShares: 8, keptKeys: 0, keyCount: 12 });
    expect(warnings.filter(line => line.includes('validators'))).toEqual([]);
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(withShares(12)));
  });

  it('syncKeyFiles brakes by the validators that go, whatever shares are beside them, and keeps both when told to', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(withShares(4));
    const fewer = [...validators.slice(1), ...shares(12)];
    await expect(keyDirectory.sync(fewer)).rejects.toMatchObject({
      code: 'too-many-removals',
      message: `This run would remove 1 of 4 keys from the signer's directory; nothing was changed. They are ${publicKeysOf(validators.slice(0, 1))}.`,
    });
    expect(await keyDirectory.sync(fewer, { removals: 'keep' })).toMatchObject({
      keptKeys: 9,
      removedKeys: 0,
      removedShares: 0,
      keyCount: 20,
    });
    expect(await keyDirectory.sync(fewer, { removals: 'allow' })).toMatchObject({
      removedKeys: 1,
      removedShares: 8,
    });
  });

  it('syncKeyFiles takes retired validators and their shares away without a question, and brakes by the others alone', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(withShares(4));
    // Half of the validators are retired, with half of the shares.
    const retired = RecordTable.from(
      [...validators.slice(0, 2), ...shares(4).slice(0, 4)].map(({ publicKey }) => publicKey),
      48,
    );
    const rest = [...validators.slice(2), ...shares(8).slice(0, 4)];
    const fewer = rest.slice(1);
    await expect(keyDirectory.sync(fewer, { retired })).rejects.toThrow('This run would remove 1 of 2 keys');
    // None of the retired ones stays, whatever is said of the others.
    expect(await keyDirectory.sync(fewer, { retired, removals: 'keep' })).toMatchObject({
      keptKeys: 1,
      removedKeys: 2,
      keyCount: 6,
    });
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(rest));
    await keyDirectory.sync(withShares(4));
    const { warnings, ...removed } = await keyDirectory.sync(rest, { retired });
    expect(removed).toMatchObject({ removedKeys: 2, removedShares: 4, keyCount: 6 });
    expect(warnings.join('\n')).toMatch(/^The keys of 2 validators are removed from .* has retired them/m);
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(rest));
    // All of a signer's validators may be retired.
    const all = RecordTable.from(
      rest.map(({ publicKey }) => publicKey),
      48,
    );
    await keyDirectory.sync([], { retired: all });
    expect(keyDirectory.loaded()).toEqual([]);
  });

  it('syncKeyFiles asks the database which keys are shares only for files that its record does not know', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(withShares(4));
    const unasked = async () => expect.fail('the record tells');
    await keyDirectory.sync(withShares(12), { listShares: unasked });
    for (const name of readdirSync(keyDirectory.path).filter(name => name.startsWith('.')))
      rmSync(join(keyDirectory.path, name));
    const known = new RecordTable(48);
    for (const { publicKey } of shares(12)) known.add(publicKey);
    const listShares = async () => known;
    expect(await keyDirectory.sync(withShares(4), { listShares })).toMatchObject({
      removedKeys: 0,
      removedShares: 8,
    });
  });

  it('syncKeyFiles takes a key of which nobody knows anything for a validator’s', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(withShares(4));
    const [name = ''] = readKeyDirectory(keyDirectory.path).files;
    const path = join(keyDirectory.path, name);
    const foreign = toHex(TEST_KEYS[20]?.secretKey ?? new Uint8Array());
    writeFileSync(path, `${readFileSync(path, 'utf8')}---\ntype: file-raw\nprivateKey: "${foreign}"\n`);
    await expect(keyDirectory.sync(withShares(4))).rejects.toMatchObject({ code: 'too-many-removals' });
    expect(await keyDirectory.sync(withShares(4), { removals: 'allow' })).toMatchObject({ removedKeys: 1 });
  });

  it('syncKeyFiles says before it removes a validator that signers disable it, and when it comes back, how to enable it', async ({
    keyDirectory,
  }) => {
    await keyDirectory.sync(TEST_KEYS);
    const [gone = ''] = publicKeysOf(TEST_KEYS.slice(0, 1));
    const told: { line: string; files: string[] }[] = [];
    const keys = publicKeysOf(TEST_KEYS);
    const warn = (line: string) => {
      const loaded = keyDirectory.loaded();
      told.push({ line, files: keys.filter(key => loaded.includes(key)) });
    };
    await keyDirectory.sync(TEST_KEYS.slice(1), { warn });
    const removal = told.find(({ line }) => line.includes(gone));
    expect(removal?.line).toMatch(
      /^The key of 1 validator is removed from .* disables that validator .* lasts when the keys come back/,
    );
    // It is there still.
    expect(removal?.files).toHaveLength(24);
    const checked = await keyDirectory.sync(TEST_KEYS, { check: true });
    expect(checked.warnings).toContainEqual(expect.stringContaining('would come back'));
    const back = await keyDirectory.sync(TEST_KEYS);
    expect(back.warnings).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^The key of 1 validator comes back to .* which had it before: ${gone}.* UPDATE validators SET enabled = true`,
        ),
      ),
    );
    expect((await keyDirectory.sync(TEST_KEYS)).warnings).not.toContainEqual(
      expect.stringMatching(/comes? back/),
    );
    // A file that somebody has removed, or a torn one, was gone at a reload just so.
    const [name = ''] = readKeyDirectory(keyDirectory.path).files;
    rmSync(join(keyDirectory.path, name));
    expect((await keyDirectory.sync(TEST_KEYS)).warnings).toContainEqual(
      expect.stringMatching(/comes? back to/),
    );
  });

  it('syncKeyFiles says nothing of keys that are new', async ({ keyDirectory }) => {
    await keyDirectory.sync(TEST_KEYS.slice(0, 10));
    const { warnings } = await keyDirectory.sync(TEST_KEYS);
    expect(warnings.filter(line => /comes? back/.test(line))).toEqual([]);
  });
});

describe('files of others', () => {
  const document = (index: number) =>
    `type: file-raw\nprivateKey: "${toHex(TEST_KEYS[index]?.secretKey ?? new Uint8Array())}"\n`;

  it('syncKeyFiles leaves files of other vaults, files of other names and broken files alone', async ({
    keyDirectory,
  }) => {
    const others = {
      'mainnet-0x1234567890abcdef1234567890abcdef12345678-00.yaml': 'x',
      'holesky-0x1234567890abcdef1234567890abcdef12345679-00.yaml': 'x',
      'my-own.yaml': document(3),
      'key_0.yaml': document(20),
    };
    for (const [name, content] of Object.entries(others))
      writeFileSync(join(keyDirectory.path, name), content);
    const theirs = snapshot(keyDirectory.path);
    await keyDirectory.sync(TEST_KEYS.slice(0, 10));
    await keyDirectory.sync(TEST_KEYS.slice(1, 10), { removals: 'allow' });
    expect(snapshot(keyDirectory.path)).toMatchObject(theirs);
    await expect(keyDirectory.sync(TEST_KEYS.slice(0, 10), { layout: 'one-per-key' })).rejects.toMatchObject({
      code: 'foreign-key-file',
    });
    expect(snapshot(keyDirectory.path)).toMatchObject(theirs);
  });

  it('syncKeyFiles adopts key_N.yaml files whose keys are all this vault’s, and no others', async ({
    keyDirectory,
  }) => {
    writeFileSync(join(keyDirectory.path, 'key_0.yaml'), document(0));
    writeFileSync(join(keyDirectory.path, 'key_1.yaml'), document(22));
    writeFileSync(join(keyDirectory.path, 'key_2.yaml'), `${document(1)}---\n${document(23)}`);
    writeFileSync(join(keyDirectory.path, 'key_3.yaml'), 'broken');
    const vaultPublicKeys = new Set(publicKeysOf(TEST_KEYS.slice(22, 23)).map(key => key));
    await keyDirectory.sync(TEST_KEYS.slice(0, 10), { adopt: true, vaultPublicKeys, removals: 'allow' });
    const numbered = readdirSync(keyDirectory.path).filter(name => name.startsWith('key_'));
    expect(numbered).toEqual(['key_2.yaml', 'key_3.yaml']);
  });

  it('syncKeyFiles names key_N.yaml files that it leaves, but not those of another vault', async ({
    keyDirectory,
  }) => {
    const own = TEST_KEYS.slice(0, 4);
    await keyDirectory.sync(own);
    const warned = async (options = {}) => (await keyDirectory.sync(own, options)).warnings.join('\n');
    expect(await warned()).not.toContain('also holds');
    await keyDirectory.sync(TEST_KEYS.slice(10, 13), {
      layout: 'one-per-key',
      vault: `0x${'12'.repeat(20)}`,
    });
    expect(await warned()).not.toContain('also holds');
    for (let place = 10; place < 35; place++)
      writeFileSync(join(keyDirectory.path, `key_${place}.yaml`), document(20));
    const names = Array.from({ length: 20 }, (_, i) => `key_${10 + i}.yaml`).join(', ');
    expect(await warned()).toContain(
      `also holds 25 files that are not known as this vault's (${names} and 5 more): Web3Signer loads the keys in there, too. --adopt takes over each file`,
    );
    expect(await warned({ adopt: true })).toContain('--adopt takes over no file that has another key');
  });

  it('syncKeyFiles mends a torn file of its own and says so', async ({ keyDirectory }) => {
    await keyDirectory.sync(TEST_KEYS);
    const [name = ''] = readKeyDirectory(keyDirectory.path).files;
    writeFileSync(join(keyDirectory.path, name), 'keyType: BLS\nprivateKey: ');
    const { warnings } = await keyDirectory.sync(TEST_KEYS);
    expect(warnings).toContainEqual(expect.stringContaining(`${name} is not a key file`));
    expect(keyDirectory.loaded()).toEqual(publicKeysOf(TEST_KEYS));
  });
});
