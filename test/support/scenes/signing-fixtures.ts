import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptKeystore, formatKeystore } from '../../../src/domain/keys/keystore.ts';
import type { ProgressReporter } from '../../../src/lib/progress.ts';

/** Facts of a chain that the devnet's servers and the program agree on. */
export const EXIT_CHAIN = {
  genesisValidatorsRoot: new Uint8Array(32).fill(0xd3),
  capellaForkVersion: Uint8Array.of(0x40, 0, 0, 0x38),
  capellaForkEpoch: 0,
} as const;

export const TEST_VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';

/** 0x01 credentials that withdraw to the vault. */
export function credentialsOf(vault: string): Uint8Array {
  return Buffer.from(`01${'00'.repeat(11)}${vault.slice(2)}`, 'hex');
}

export const silentProgress: ProgressReporter = { start: () => ({ advance() {}, finish() {} }) };

/** A secret key for tests: 32 bytes of the number. */
export function testSecretKey(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(number);
  key[0] = 0x11;
  return key;
}

/** Writes keystores (pbkdf2) and their common password. */
export async function writeTestKeystores(
  directory: string,
  secretKeys: readonly Uint8Array[],
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'password.txt'), 'a password', { mode: 0o600 });
  for (const [i, secretKey] of secretKeys.entries()) {
    const path = `m/12381/3600/${i}/0/0`;
    const keystore = await encryptKeystore({ secretKey, password: 'a password', path, kdf: 'pbkdf2' });
    const name = `keystore-${path.replaceAll('/', '_')}-1.json`;
    writeFileSync(join(directory, name), formatKeystore(keystore), { mode: 0o600 });
  }
}
