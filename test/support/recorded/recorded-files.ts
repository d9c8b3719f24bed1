// The files of the recorded vault as their readers find them, written by the services.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../../../src/db/database.ts';
import { writeValidatorConfigs } from '../../../src/services/fleet/clients/write-validator-configs.ts';
import { syncWeb3Signer } from '../../../src/services/fleet/key-files/sync-web3signer.ts';
import { writeOperatorConfig } from '../../../src/services/fleet/operator-files/write-operator-config.ts';
import type { WorkerPool } from '../../../src/workers/pool.ts';
import { readRemoteSignerFile } from '../checkers/operator-files.ts';
import { readKeyDirectory } from '../checkers/web3signer.ts';
import { RECORDED_ENCRYPT_KEY, recordedRef } from './recorded-vault.ts';

const FEE_RECIPIENT = '0x48319f97e5da1233c21c48b80097c0fb7a20ff86';

/** Shares by validator, as the operator reads them. */
export async function readOperatorView(database: Database, directory: string) {
  const { staleValidators } = await writeOperatorConfig(database, {
    ref: recordedRef,
    directory,
    check: false,
    attributes: { mode: 0o644 },
    // Whatever a run before has written there.
    removals: 'allow',
  });
  const file = readRemoteSignerFile(readFileSync(join(directory, 'remote_signer_config.json'), 'utf8'));
  return { shares: file.shares, threshold: file.threshold, staleValidators };
}

/** Public keys that Web3Signer would load. */
export async function readSignerView(
  database: Database,
  pool: WorkerPool,
  directory: string,
): Promise<ReadonlySet<string>> {
  await syncWeb3Signer(
    {
      database,
      pool,
      signers: [],
      say: () => undefined,
      warn: () => undefined,
      progress: { start: () => ({ advance() {}, finish() {} }) },
    },
    {
      ref: recordedRef,
      encryptKey: RECORDED_ENCRYPT_KEY,
      directory,
      layout: 'buckets',
      removals: 'allow',
      adopt: false,
      check: false,
      attributes: { mode: 0o600 },
      reloadTimeoutMs: 1_000,
    },
  );
  return readKeyDirectory(directory).publicKeys;
}

/** Writes one validator client's files, as the recorded runs did. */
export function writeClient(
  database: Database,
  directory: string,
  client: { index: number; total: number; reassign?: boolean; isBuilderEnabled?: boolean },
) {
  return writeValidatorConfigs(database, {
    ref: recordedRef,
    directory,
    clientIndex: client.index,
    totalClients: client.total,
    signerUrl: 'http://web3signer:6174',
    feeRecipient: FEE_RECIPIENT,
    check: false,
    reassign: client.reassign ?? false,
    isBuilderEnabled: client.isBuilderEnabled ?? true,
    attributes: { mode: 0o644 },
  });
}
