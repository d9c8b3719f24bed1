import { randomBytes } from 'node:crypto';
import { getAddress } from 'ethers';
import type { Database } from '../../../src/db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../../src/db/keypairs.ts';
import { insertOracleSet } from '../../../src/db/oracle-sets.ts';
import { type OracleSet, oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { setupVault } from '../../../src/services/remote-db/setup-vault.ts';
import { unlockVault, type VaultRef } from '../../../src/services/remote-db/unlock-vault.ts';
import type { WorkerPool } from '../../../src/workers/pool.ts';
import { activateRawKeys, sealRawKeys } from './sealed-vault.ts';

/** A vault of hoodi with keys of its own, as `setup` and an upload leave it, and without keystores: one of many in a database. */
export interface RawVault {
  readonly ref: VaultRef;
  readonly encryptKey: string;
  readonly vaultId: number;
  readonly oracleSet: OracleSet;
  /** Validators in the order of their public keys. */
  readonly keypairs: readonly NewKeypair[];
}

/** Stores a vault of so many validators, with shares for so many oracles of which two make a signature. */
export async function storeRawVault(
  database: Database,
  pool: WorkerPool,
  { validators, oracles }: { readonly validators: number; readonly oracles: number },
): Promise<RawVault> {
  const ref = {
    network: resolveNetwork('hoodi'),
    address: getAddress(`0x${randomBytes(20).toString('hex')}`),
  };
  const encryptKey = randomBytes(32).toString('base64');
  await setupVault(database, { ref, programVersion: '1.0.0', encryptKey, ifNeeded: true });
  using unlocked = await unlockVault(database, ref, encryptKey);
  const { vaultId, dataKeyId } = unlocked.vault;
  const oracleSet = rawOracleSet(oracles);
  const secretKeys = rawSecretKeys(validators);
  const publicKeys = await pool.derivePublicKeys(secretKeys);
  const sealed = await sealRawKeys(pool, unlocked, { secretKeys, publicKeys }, oracleSet);
  const keypairs = sealed.toSorted((a, b) => Buffer.compare(a.publicKey, b.publicKey));
  await insertOracleSet(database, vaultId, oracleSet);
  await insertKeypairs(database, { vaultId, dataKeyId, oracleSetHash: oracleSet.hash, keypairs });
  await activateRawKeys(database, unlocked, ref, oracleSet, keypairs);
  return { ref, encryptKey, vaultId, oracleSet, keypairs };
}

/** An oracle set that is what its hash says. */
export function rawOracleSet(oracles: number, threshold = 2): OracleSet {
  const publicKeys = Array.from({ length: oracles }, () => new Uint8Array(randomBytes(64)));
  const hash = oracleSetHash({
    exitSignatureRecoverThreshold: threshold,
    oracles: publicKeys.map(publicKey => ({ publicKey })),
  });
  return { hash, configIpfsHash: 'bafyoracles', threshold, publicKeys };
}

/** Random secret keys, flat: below the group's order, whose first byte is 0x73. */
export function rawSecretKeys(count: number): Uint8Array {
  const flat = new Uint8Array(randomBytes(32 * count));
  for (let i = 0; i < count; i++) flat[32 * i] = 1;
  return flat;
}
