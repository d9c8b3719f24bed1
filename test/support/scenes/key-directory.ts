import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { type Hex, toHex } from '../../../src/lib/bytes.ts';
import {
  type SyncKeyFilesOptions,
  syncKeyFiles,
} from '../../../src/services/fleet/key-files/sync-key-files.ts';
import { readKeyDirectory } from '../checkers/web3signer.ts';

/** A signing key of a test, both halves as bytes. */
export interface TestKey {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The same 24 keys in every run. */
export const TEST_KEYS: readonly TestKey[] = Array.from({ length: 24 }, (_, index) => {
  const secretKey = new Uint8Array(createHash('sha256').update(`signing key ${index}`).digest());
  secretKey[0] = (secretKey[0] ?? 0) & 0x3f;
  return { secretKey, publicKey: publicKeyOf(secretKey) };
});

/** Public keys as Web3Signer lists them, sorted. */
export function publicKeysOf(keys: readonly TestKey[]): Hex[] {
  return keys.map(key => toHex(key.publicKey)).sort();
}

/** A directory that Web3Signer would read; it is gone when it is disposed. */
export class KeyDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'keys-'));

  /** Writes the keys as `setup-web3signer` does. */
  sync(keys: readonly TestKey[], options: Partial<SyncKeyFilesOptions> = {}) {
    return syncKeyFiles({
      directory: this.path,
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

  /** Public keys that Web3Signer would load, sorted. */
  loaded(): string[] {
    return [...readKeyDirectory(this.path).publicKeys].sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
