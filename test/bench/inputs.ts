import { createHash } from 'node:crypto';
import { mnemonicToSeed } from '../../src/domain/keys/mnemonic.ts';
import { type OracleSet, oracleSetHash } from '../../src/domain/protocol/oracle-config.ts';
import type { WorkerPool } from '../../src/workers/pool.ts';

/** The mnemonic of the recorded run of the Python operator: its first public keys are known. */
export const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';

export const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
export const NETWORK = 'hoodi';
export const CHAIN_ID = 560048;

export interface Scheme {
  readonly count: number;
  readonly oracles: number;
  readonly threshold: number;
}

export function benchSeed(): Uint8Array {
  return mnemonicToSeed(MNEMONIC);
}

/** The first keys of the mnemonic: secret keys of 32 bytes and public keys of 48, flat. */
export function benchKeys(
  pool: WorkerPool,
  count: number,
): Promise<{ secretKeys: Uint8Array; publicKeys: Uint8Array }> {
  return pool.deriveKeypairs({ seed: benchSeed(), firstIndex: 0, count });
}

/** Bytes that look random and are the same in every run. */
export function fixedBytes(label: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(label).digest());
}

/** An oracle set that is what its hash says. */
export function benchOracleSet({ oracles, threshold }: Omit<Scheme, 'count'>): OracleSet {
  const publicKeys = Array.from({ length: oracles }, (_, i) => fixedBytes(`oracle ${i}`, 64));
  const hash = oracleSetHash({
    exitSignatureRecoverThreshold: threshold,
    oracles: publicKeys.map(publicKey => ({ publicKey })),
  });
  return { hash, configIpfsHash: 'bench', threshold, publicKeys };
}
