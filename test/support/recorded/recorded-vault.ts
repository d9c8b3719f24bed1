// The vault of the recorded runs (test/vectors/v3-operator/03-remote-db): ten keys of one mnemonic, four oracles, on holesky.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import { type DepositDataEntry, parseDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { depositListOf } from '../../../src/domain/consensus/deposit-list.ts';
import { createKeyDeriver, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../src/domain/keys/mnemonic.ts';
import type { OracleSet } from '../../../src/domain/protocol/oracle-config.ts';
import { oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { keystoreSource } from '../../../src/services/remote-db/keystore-source.ts';
import { setupVault } from '../../../src/services/remote-db/setup-vault.ts';
import type { VaultRef } from '../../../src/services/remote-db/unlock-vault.ts';
import { type UploadOptions, uploadKeypairs } from '../../../src/services/remote-db/upload-keypairs.ts';
import { createWorkerPool, type WorkerPool } from '../../../src/workers/pool.ts';
import { createCheapKeystore } from '../scenes/bad-input/keystore.ts';
import { readRecorded, readRecordedJson } from './vectors.ts';

export const RECORDED_VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
export const RECORDED_MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
export const KEYSTORE_PASSWORD = 'planted keystore password';

/** Base64 of 32 bytes, as `setup` printed it. */
export const RECORDED_ENCRYPT_KEY = readRecorded('03-remote-db/encrypt_key.txt').trim();

export const recordedRef: VaultRef = {
  network: resolveNetwork('holesky'),
  address: RECORDED_VAULT,
};

/** Secret keys of the recorded mnemonic, by index. */
export function recordedSecretKeys(count: number): Uint8Array[] {
  const derive = createKeyDeriver(mnemonicToSeed(RECORDED_MNEMONIC));
  return Array.from({ length: count }, (_, index) => derive(index));
}

/** Deposit data of the first keys. */
export function recordedDepositData(): { readonly path: string; readonly entries: DepositDataEntry[] } {
  const path = '03-remote-db/local_deposit_data.json';
  return { path, entries: parseDepositData(readRecorded(path), path) };
}

/** The root that the recorded chain had for the vault. */
export function recordedRoot(): Uint8Array {
  const path = '03-remote-db/oracles_and_chain_inputs.json';
  return fromHex(readRecordedJson<{ validators_root: string }>(path).validators_root, 32);
}

/** The oracles of the recorded configuration: three of four recover. */
export function recordedOracleSet(): OracleSet {
  const { config } = readRecordedJson<{ config: unknown }>('03-remote-db/oracles_and_chain_inputs.json');
  const parsed = parseOracleConfig(new TextEncoder().encode(JSON.stringify(config)));
  return {
    hash: oracleSetHash(parsed),
    configIpfsHash: 'QmRecordedRecordedRecordedRecordedRecordedRecor',
    threshold: parsed.exitSignatureRecoverThreshold,
    publicKeys: parsed.oracles.map(oracle => oracle.publicKey),
  };
}

/** Oracles nobody has seen before. */
export function inventOracleSet(count: number, threshold: number): OracleSet {
  const publicKeys = Array.from({ length: count }, () => new Uint8Array(randomBytes(64)));
  const oracles = publicKeys.map(publicKey => ({ publicKey }));
  return {
    hash: oracleSetHash({ oracles, exitSignatureRecoverThreshold: threshold }),
    configIpfsHash: `QmInvented${randomBytes(16).toString('hex')}`,
    threshold,
    publicKeys,
  };
}

/** Writes keystores that open at once, and the password file beside them. */
export function writeKeystores(directory: string, secretKeys: readonly Uint8Array[]): void {
  mkdirSync(directory, { recursive: true });
  for (const [index, secretKey] of secretKeys.entries()) {
    const publicKey = Buffer.from(publicKeyOf(secretKey)).toString('hex');
    const keystore = createCheapKeystore(secretKey, publicKey, KEYSTORE_PASSWORD);
    writeFileSync(
      join(directory, `keystore-${publicKey.slice(0, 12)}-${index}.json`),
      JSON.stringify(keystore),
      {
        mode: 0o600,
      },
    );
  }
  writeFileSync(join(directory, 'password.txt'), KEYSTORE_PASSWORD, { mode: 0o600 });
}

export interface RecordedUpload extends Partial<Pick<UploadOptions, 'pruneShares'>> {
  readonly depositData?: { readonly path: string; readonly entries: readonly DepositDataEntry[] };
  readonly keystoresDir: string;
  readonly oracleSet?: OracleSet;
  readonly root?: Uint8Array | null;
  /** Called with every line that is said, while the upload waits. */
  readonly onSay?: (line: string) => void;
}

/** Uploads to the recorded vault; chain and IPFS answer what the options say. @returns what was said and warned of too */
export async function uploadRecorded(database: Database, pool: WorkerPool, upload: RecordedUpload) {
  const said: string[] = [];
  const warnings: string[] = [];
  const { keystoresDir, oracleSet = recordedOracleSet(), root = recordedRoot() } = upload;
  const say = (line: string) => {
    said.push(line);
    upload.onSay?.(line);
  };
  const warn = (line: string) => void warnings.push(line);
  const { keys: keystores, ...counts } = await uploadKeypairs(
    {
      database,
      pool,
      progress: { start: () => ({ advance() {}, finish() {} }) },
      fetchDepositDataRoot: async () => root,
      fetchDepositDataPlace: async () => null,
      isRegistered: async () => false,
      fetchOracleSet: async () => oracleSet,
      say,
      warn,
    },
    {
      ref: recordedRef,
      encryptKey: RECORDED_ENCRYPT_KEY,
      lockTimeoutMs: 10_000,
      depositData: depositListOf(upload.depositData ?? recordedDepositData()),
      command: 'remote-db upload-keypairs',
      findKeys: () =>
        keystoreSource({ keystoresDir, passwordFiles: [join(keystoresDir, 'password.txt')] }, { say, warn }),
      pruneShares: upload.pruneShares ?? false,
      allowRegistered: false,
    },
  );
  return { result: { keystores, ...counts }, said, warnings };
}

/** Gives the recorded vault its recorded encryption key. */
export function setupRecorded(database: Database) {
  return setupVault(database, {
    ref: recordedRef,
    programVersion: '1.0.0',
    encryptKey: RECORDED_ENCRYPT_KEY,
    ifNeeded: false,
  });
}

/** The recorded vault as the recorded upload left it, in a migrated database. */
export async function fillWithRecordedVault(url: string, keystoresDir: string): Promise<void> {
  await using database = await openDatabase({ url });
  await using pool = createWorkerPool();
  await setupRecorded(database);
  await uploadRecorded(database, pool, { keystoresDir });
}
