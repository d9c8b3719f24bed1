import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkWrittenFiles } from './check-written-files.ts';
import type { Run } from './runner.ts';

export interface DistributeKeysOptions {
  readonly run: Run;
  /** `remote-db` with the options of its group. */
  readonly remoteDb: readonly string[];
  readonly vault: string;
  readonly folder: string;
  /** Where `setup-web3signer` writes. */
  readonly keyFolder: string;
  /** Where `setup-operator` writes. */
  readonly operatorFolder: string;
  readonly networkFile: string;
  readonly executionUrl: string;
  readonly keys: number;
  readonly oracles: { readonly count: number; readonly threshold: number };
}

const CLIENTS = 3;
const FEE_RECIPIENT = '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B';
const SIGNER_URL = 'http://web3signer:9000';

/** Uploads the keys, writes what signer, validator clients and operator need, and reads it back as they would. */
export async function distributeKeys(options: DistributeKeysOptions): Promise<void> {
  const { run, remoteDb, vault, folder, keyFolder, operatorFolder, keys, oracles } = options;
  const encryptKey = ['--encrypt-key-file', join(folder, 'encrypt-key')];
  const execution = ['--execution-endpoints', options.executionUrl];
  await run('./v3-operator', [...remoteDb, 'setup', ...encryptKey]);
  await run('./v3-operator', [...remoteDb, 'upload-keypairs', ...encryptKey, ...execution]);
  await run('./v3-operator', [...remoteDb, 'setup-web3signer', ...encryptKey, '--output-dir', keyFolder]);
  const clientFolders = Array.from({ length: CLIENTS }, (_, client) => join(folder, `validator${client}`));
  for (const [client, directory] of clientFolders.entries()) {
    await run('./v3-operator', [
      ...remoteDb,
      'setup-validator',
      '--validator-index',
      String(client),
      '--total-validators',
      String(CLIENTS),
      '--web3signer-endpoint',
      SIGNER_URL,
      '--fee-recipient',
      FEE_RECIPIENT,
      '--output-dir',
      directory,
    ]);
  }
  await run('./v3-operator', [...remoteDb, 'setup-operator']);
  await run('./v3-operator', [...remoteDb, 'verify', ...encryptKey]);

  console.log('Reading every written file back by its consumer’s rules…');
  checkWrittenFiles({
    vault,
    keyFolder,
    clientFolders,
    operatorFolder,
    keys,
    signerUrl: SIGNER_URL,
    feeRecipient: FEE_RECIPIENT,
    oracles: oracles.count,
    threshold: oracles.threshold,
    genesisForkVersion: JSON.parse(readFileSync(options.networkFile, 'utf8')).genesisForkVersion,
  });
}
