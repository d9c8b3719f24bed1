import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/lib/bytes.ts';
import { KeyDirectory, publicKeysOf, TEST_KEYS, type TestKey } from '../support/scenes/key-directory.ts';

describe('syncKeyFiles, killed at any file operation', () => {
  const before = TEST_KEYS.slice(0, 6);
  const after = [...TEST_KEYS.slice(1, 6), ...TEST_KEYS.slice(6, 8)];
  const hexKeys = (keys: readonly TestKey[]) => keys.map(key => [toHex(key.publicKey), toHex(key.secretKey)]);
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
    const { syncKeyFiles } = await import(${JSON.stringify(new URL('../../src/services/fleet/key-files/sync-key-files.ts', import.meta.url).href)});
    await syncKeyFiles({
      directory, layout, network: 'holesky', vault: '0x1234567890abcdef1234567890abcdef12345678', removals: 'allow',
      adopt: false, check: false, attributes: { mode: 0o600 },
      keys: keys.map(([publicKey, secretKey]) => ({
        publicKey: new Uint8Array(Buffer.from(publicKey.slice(2), 'hex')), secretKey: new Uint8Array(Buffer.from(secretKey.slice(2), 'hex')),
      })),
    });
  `;

  it.each(['buckets', 'one-per-key'] as const)(
    'syncKeyFiles in layout %s, killed at any file operation, loses no lasting key; the next run completes',
    async layout => {
      using keyDirectory = new KeyDirectory();
      const directory = keyDirectory.path;
      const sync = keyDirectory.sync.bind(keyDirectory);
      const loaded = () => keyDirectory.loaded();
      await sync(before, { layout });
      const start = mkdtempSync(join(tmpdir(), 'keys-start-'));
      try {
        cpSync(directory, start, { recursive: true, preserveTimestamps: true });
        const lasting = publicKeysOf(TEST_KEYS.slice(1, 6));
        for (let killAt = 1; ; killAt++) {
          rmSync(directory, { recursive: true });
          cpSync(start, directory, { recursive: true, preserveTimestamps: true });
          const argument = JSON.stringify([directory, layout, killAt, hexKeys(after)]);
          const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, argument], {
            encoding: 'utf8',
          });
          expect(loaded()).toEqual(expect.arrayContaining(lasting));
          await sync(after, { layout, removals: 'allow' });
          expect(loaded()).toEqual(publicKeysOf(after));
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
