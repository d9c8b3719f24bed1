import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkShares, readDepositData, readRemoteSignerFile } from '../support/checkers/operator-files.ts';
import {
  readLighthouseDefinitions,
  readProposerConfig,
  readSignerKeys,
} from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { expectEqual, expectSame } from './expectations.ts';

export interface WrittenFiles {
  readonly vault: string;
  readonly keyFolder: string;
  readonly clientFolders: readonly string[];
  readonly operatorFolder: string;
  readonly signerUrl: string;
  readonly feeRecipient: string;
  readonly keys: number;
  readonly oracles: number;
  readonly threshold: number;
  readonly genesisForkVersion: string;
}

/** Reads every file of the workflow with independent readers and compares what they found with each other. */
export function checkWrittenFiles(files: WrittenFiles): void {
  const deposits = readDepositData(
    readFileSync(join(files.operatorFolder, 'deposit_data.json'), 'utf8'),
    files,
  );
  expectEqual('validators in the deposit data', deposits.length, files.keys);
  console.log(`  deposit_data.json: ${deposits.length} deposits, credentials, roots and signatures verified`);

  const signer = readRemoteSignerFile(
    readFileSync(join(files.operatorFolder, 'remote_signer_config.json'), 'utf8'),
  );
  expectEqual('threshold', signer.threshold, files.threshold);
  expectSame('validators of the operator', [...signer.shares.keys()], deposits);
  for (const [publicKey, shares] of signer.shares) {
    expectEqual(`shares of ${publicKey}`, shares.length, files.oracles);
    checkShares(publicKey, shares, files.threshold);
  }
  console.log(
    `  remote_signer_config.json: ${files.oracles} shares of each validator, ${files.threshold} of them recombine to its key`,
  );

  const loaded = readKeyDirectory(files.keyFolder);
  const shares = [...signer.shares.values()].flat();
  expectSame('keys of Web3Signer', [...loaded.publicKeys], [...deposits, ...shares]);
  console.log(`  Web3Signer would load ${loaded.publicKeys.size} keys, exactly those of the operator`);

  const clients = files.clientFolders.map(folder => readClient(folder, files));
  expectSame('keys of all validator clients', clients.flat(), deposits);
  console.log(
    `  ${clients.length} validator clients have ${clients.map(keys => keys.length).join(', ')} keys; each key is in exactly one`,
  );
}

function readClient(folder: string, { signerUrl, feeRecipient }: WrittenFiles): string[] {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const entries = readLighthouseDefinitions(read('validator_definitions.yml'));
  for (const entry of entries) {
    expectEqual('signer of Lighthouse', entry.url, signerUrl);
    expectEqual('fee recipient of Lighthouse', entry.feeRecipient, feeRecipient);
  }
  const keys = readSignerKeys(read('signer_keys.yml'));
  expectSame(
    'keys of Lighthouse and of Teku',
    entries.map(entry => entry.publicKey),
    keys,
  );
  expectEqual(
    'fee recipient of Teku',
    readProposerConfig(read('proposer_config.json')).feeRecipient,
    feeRecipient,
  );
  return keys;
}
