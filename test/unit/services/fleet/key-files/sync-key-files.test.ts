import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import {
  type SyncKeyFilesOptions,
  syncKeyFiles,
} from '../../../../../src/services/fleet/key-files/sync-key-files.ts';
import { readKeyDirectory } from '../../../../support/checkers/web3signer.ts';

const allKeys = Array.from({ length: 24 }, (_, index) => {
  const secretKey = new Uint8Array(createHash('sha256').update(`signing key ${index}`).digest());
  secretKey[0] = (secretKey[0] ?? 0) & 0x3f;
  return { secretKey, publicKey: publicKeyOf(secretKey) };
});
const publicKeys = (keys: typeof allKeys) => keys.map(key => toHex(key.publicKey)).sort();

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keys-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function sync(keys: typeof allKeys, options: Partial<SyncKeyFilesOptions> = {}) {
  return syncKeyFiles({
    directory,
    network: 'holesky',
    vault: '0x1234567890AbcdEF1234567890aBcdef12345678',
    layout: 'buckets',
    keys,
    removals: 'refuse',
    adopt: false,
    check: false,
    attributes: { mode: 0o600 },
    ...options,
  });
}
const loaded = () => [...readKeyDirectory(directory).publicKeys].sort();
const snapshot = () =>
  Object.fromEntries(
    readdirSync(directory).map(name => {
      const { mode, mtimeMs } = statSync(join(directory, name));
      return [name, { mode, mtimeMs, content: readFileSync(join(directory, name), 'utf8') }];
    }),
  );

describe.each(['buckets', 'one-per-key'] as const)('layout %s', layout => {
  it('writes all keys privately, then touches only what changed', async () => {
    await sync(allKeys.slice(1), { layout });
    expect(loaded()).toEqual(publicKeys(allKeys.slice(1)));
    for (const { mode } of Object.values(snapshot())) expect(mode & 0o777).toBe(0o600);
    for (const name of readdirSync(directory)) utimesSync(join(directory, name), 1, 1);
    const before = snapshot();
    expect(await sync(allKeys.slice(1), { layout })).toMatchObject({ isChanged: false, keyCount: 23 });
    expect(snapshot()).toEqual(before);
    const result = await sync(allKeys, { layout });
    expect(result).toMatchObject({ isChanged: true, removedKeys: 0 });
    expect(loaded()).toEqual(publicKeys(allKeys));
    if (layout === 'buckets') expect(result.files.added.length + result.files.changed.length).toBe(1);
  });

  it('with check says what it would do and writes nothing', async () => {
    expect(await sync(allKeys, { layout, check: true, directory: join(directory, 'new') })).toMatchObject({
      isChanged: true,
    });
    expect(readdirSync(directory)).toEqual([]);
    await sync(allKeys, { layout });
    const before = snapshot();
    expect(await sync(allKeys.slice(1), { layout, check: true })).toMatchObject({
      isChanged: true,
      removedKeys: 1,
    });
    expect(await sync(allKeys, { layout, check: true })).toMatchObject({ isChanged: false });
    expect(await sync(allKeys, { layout, check: true, attributes: { mode: 0o640 } })).toMatchObject({
      isChanged: true,
    });
    expect(snapshot()).toEqual(before);
  });

  it('brakes before many removals: refuse, keep, allow', async () => {
    await sync(allKeys, { layout });
    const before = snapshot();
    const rest = allKeys.slice(5);
    await expect(sync(rest, { layout })).rejects.toMatchObject({ code: 'too-many-removals', exitCode: 3 });
    await expect(sync([], { layout })).rejects.toThrow('24 of 24 keys');
    expect(snapshot()).toEqual(before);
    const kept = await sync(rest.slice(0, -1), { layout, removals: 'keep' });
    expect(kept).toMatchObject({ keptKeys: 6, removedKeys: 0, keyCount: 24 });
    expect(kept.warnings).toContainEqual(expect.stringMatching(/6 of 24 keys .* kept/));
    expect(loaded()).toEqual(publicKeys(allKeys));
    expect(await sync(rest, { layout, removals: 'allow' })).toMatchObject({ removedKeys: 5 });
    expect(loaded()).toEqual(publicKeys(rest));
  });

  it('changes to the other layout without losing a key', async () => {
    await sync(allKeys, { layout });
    const other = layout === 'buckets' ? 'one-per-key' : 'buckets';
    expect(await sync(allKeys, { layout: other })).toMatchObject({ removedKeys: 0 });
    expect(loaded()).toEqual(publicKeys(allKeys));
    const isNumbered = (name: string) => name.startsWith('key_');
    expect(readKeyDirectory(directory).files.every(isNumbered)).toBe(other === 'one-per-key');
  });
});

describe('files of others', () => {
  const document = (index: number) =>
    `type: file-raw\nprivateKey: "${toHex(allKeys[index]?.secretKey ?? new Uint8Array())}"\n`;

  it('leaves other vaults, other names and broken files alone', async () => {
    const others = {
      'mainnet-0x1234567890abcdef1234567890abcdef12345678-00.yaml': 'x',
      'holesky-0x1234567890abcdef1234567890abcdef12345679-00.yaml': 'x',
      'my-own.yaml': document(3),
      'key_0.yaml': document(20),
    };
    for (const [name, content] of Object.entries(others)) writeFileSync(join(directory, name), content);
    const theirs = snapshot();
    await sync(allKeys.slice(0, 10));
    await sync(allKeys.slice(1, 10), { removals: 'allow' });
    expect(snapshot()).toMatchObject(theirs);
    await expect(sync(allKeys.slice(0, 10), { layout: 'one-per-key' })).rejects.toMatchObject({
      code: 'foreign-key-file',
    });
    expect(snapshot()).toMatchObject(theirs);
  });

  it('adopts key_N.yaml files whose keys are all this vault’s, and no others', async () => {
    writeFileSync(join(directory, 'key_0.yaml'), document(0));
    writeFileSync(join(directory, 'key_1.yaml'), document(22));
    writeFileSync(join(directory, 'key_2.yaml'), `${document(1)}---\n${document(23)}`);
    writeFileSync(join(directory, 'key_3.yaml'), 'broken');
    const vaultPublicKeys = new Set(publicKeys(allKeys.slice(22, 23)).map(key => key));
    await sync(allKeys.slice(0, 10), { adopt: true, vaultPublicKeys, removals: 'allow' });
    const numbered = readdirSync(directory).filter(name => name.startsWith('key_'));
    expect(numbered).toEqual(['key_2.yaml', 'key_3.yaml']);
  });

  it('mends a torn file of its own and says so', async () => {
    await sync(allKeys);
    const [name = ''] = readKeyDirectory(directory).files;
    writeFileSync(join(directory, name), 'keyType: BLS\nprivateKey: ');
    const { warnings } = await sync(allKeys);
    expect(warnings).toContainEqual(expect.stringContaining(`${name} is not a key file`));
    expect(loaded()).toEqual(publicKeys(allKeys));
  });
});

describe('killed at any file operation', () => {
  const before = allKeys.slice(0, 6);
  const after = [...allKeys.slice(1, 6), ...allKeys.slice(6, 8)];
  const hexKeys = (keys: typeof allKeys) => keys.map(key => [toHex(key.publicKey), toHex(key.secretKey)]);
  // Dies with SIGKILL at the n-th call that changes the file system.
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const [directory, layout, killAt, keys] = JSON.parse(process.argv[1]);
    let calls = 0;
    const wrap = (target, name) => {
      const original = target[name];
      target[name] = function (...args) {
        if (++calls === killAt) process.kill(process.pid, 'SIGKILL');
        return original.apply(this, args);
      };
    };
    const probe = await fs.promises.open('/dev/null');
    for (const name of ['writeFile', 'chmod', 'sync']) wrap(Object.getPrototypeOf(probe), name);
    await probe.close();
    for (const name of ['open', 'rename', 'unlink']) wrap(fs.promises, name);
    syncBuiltinESMExports();
    const { syncKeyFiles } = await import(${JSON.stringify(new URL('../../../../../src/services/fleet/key-files/sync-key-files.ts', import.meta.url).href)});
    await syncKeyFiles({
      directory, layout, network: 'holesky', vault: '0x1234567890abcdef1234567890abcdef12345678', removals: 'allow',
      adopt: false, check: false, attributes: { mode: 0o600 },
      keys: keys.map(([publicKey, secretKey]) => ({
        publicKey: new Uint8Array(Buffer.from(publicKey.slice(2), 'hex')), secretKey: new Uint8Array(Buffer.from(secretKey.slice(2), 'hex')),
      })),
    });
  `;

  it.each(['buckets', 'one-per-key'] as const)(
    '%s: every file whole, no lasting key missing, the next run completes',
    async layout => {
      await sync(before, { layout });
      const start = mkdtempSync(join(tmpdir(), 'keys-start-'));
      try {
        cpSync(directory, start, { recursive: true, preserveTimestamps: true });
        const lasting = publicKeys(allKeys.slice(1, 6));
        for (let killAt = 1; ; killAt++) {
          rmSync(directory, { recursive: true });
          cpSync(start, directory, { recursive: true, preserveTimestamps: true });
          const argument = JSON.stringify([directory, layout, killAt, hexKeys(after)]);
          const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, argument], {
            encoding: 'utf8',
          });
          expect(loaded()).toEqual(expect.arrayContaining(lasting));
          await sync(after, { layout, removals: 'allow' });
          expect(loaded()).toEqual(publicKeys(after));
          expect(readdirSync(directory).filter(name => name.endsWith('tmp'))).toEqual([]);
          if (run.signal === null) {
            expect(run.stderr).toBe('');
            expect(killAt).toBeGreaterThan(20);
            break;
          }
        }
      } finally {
        rmSync(start, { recursive: true });
      }
    },
  );
});

describe('a vault with 300,000 keys and shares', () => {
  it('has them written, compared and counted', async () => {
    // No keys of the curve, which nothing looks at here: files are compared by what they hold.
    const many = Array.from({ length: 300_000 }, (_, index) => {
      const secretKey = new Uint8Array(32).fill(1);
      new DataView(secretKey.buffer).setUint32(4, index);
      const publicKey = new Uint8Array(48).fill(index & 255);
      new DataView(publicKey.buffer).setUint32(4, index);
      return { secretKey, publicKey };
    });
    expect(await sync(many)).toMatchObject({ keyCount: 300_000, removedKeys: 0, isChanged: true });
    expect(await sync(many)).toMatchObject({ keyCount: 300_000, isChanged: false });
    const fewer = many.filter((_, index) => index % 100 !== 0);
    expect(await sync(fewer, { removals: 'allow' })).toMatchObject({ keyCount: 297_000, removedKeys: 3_000 });
  });
});
