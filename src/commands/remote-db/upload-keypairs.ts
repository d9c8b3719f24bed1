import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { KEYSTORE_PASSWORD_OPTIONS } from '../../cli/flags/keystores.ts';
import {
  allowUnverifiedIpfs,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  IPFS_OPTIONS,
  oracleSetHash,
} from '../../cli/flags/nodes.ts';
import { poolSize } from '../../cli/flags/pool-size.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { keystoreLocation } from '../../cli/keystore-location.ts';
import { flag, optional } from '../../cli/options/option.ts';
import { file } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/upload-keypairs.ts';
import { uploadChainSettings } from '../../cli/upload-chain-settings.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { openUploadChain } from '../../compose/upload-chain.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { countOf } from '../../lib/plural.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { readDepositList } from '../../services/local-keys/read-deposit-list.ts';
import { keystoreSource } from '../../services/remote-db/keystore-source.ts';
import { type UploadResult, uploadKeypairs } from '../../services/remote-db/upload-keypairs.ts';
import { vaultDirectory } from '../../settings/vault-directory.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = {
  encryptKey,
  executionEndpoints,
  ...EXECUTION_TIMEOUTS,
  oracleSetHash,
  depositDataFile: optional({
    description:
      'Path to the deposit_data.json file. Default is the file generated with "create-keys" command.',
    env: 'DEPOSIT_DATA_FILE',
    value: file({ exists: true }),
  }),
  ...KEYSTORE_PASSWORD_OPTIONS,
  poolSize,
  pruneShares: flag({ description: 'Removes shares of oracle sets that no key uses any more.' }),
  allowRegistered: flag({
    description:
      'Uploads other keys or deposit data also when the next entry of the deposit data is registered already, which blocks the entries behind it.',
  }),
  dryRun: dryRunFlag(
    'Opens every keystore that is not stored yet, checks all that an upload checks, shows what it would store, and stores nothing.',
  ),
  allowUnverifiedIpfs,
  ...IPFS_OPTIONS,
};

export default class RemoteDbUploadKeypairs extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Generates shares for the local keypairs, updates configs in the remote DB.';
  static override examples = [
    remoteDbExample(
      'upload-keypairs --encrypt-key-file ./encrypt-key --execution-endpoints http://localhost:8545',
    ),
  ];

  async run() {
    const options = await this.resolve();
    keepHeapSmall();
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    const { address } = remote.ref;
    const vaultDir = vaultDirectory(options.dataDir, address);
    const depositData = await readDepositList(vaultDir, options.depositDataFile);
    await using chain = openUploadChain(remote.ref, uploadChainSettings(options), {
      warn: this.warn,
      hint: this.hint,
    });
    await using pool = createWorkerPool({ size: options.poolSize });
    const result = await uploadKeypairs(
      {
        database: remote.database,
        pool,
        progress: this.progress('passing'),
        say: this.say,
        warn: this.warn,
        whenInterrupted,
        ...chain.asks,
      },
      {
        ref: remote.ref,
        encryptKey: options.encryptKey,
        depositData,
        pruneShares: options.pruneShares,
        allowRegistered: options.allowRegistered,
        check: options.dryRun,
        lockTimeoutMs: 10 * 60_000,
        command: 'remote-db upload-keypairs',
        findKeys: () =>
          keystoreSource(keystoreLocation(options, vaultDir), { say: this.say, warn: this.warn }),
      },
    );
    const { verifyingKey, preview, keys: keystores, ...counts } = result;
    if (options.dryRun) {
      for (const line of linesOfPreview(result, options.pruneShares)) this.say(line);
      return { keystores, ...counts, dryRun: options.dryRun };
    }
    this.say(`Successfully uploaded keypairs and shares for the ${address} vault.`);
    this.hint(
      'Next: remote-db setup-web3signer, then setup-validator and setup-operator, wherever their files are used.',
    );
    this.hint(vaultPublicKeyHint(verifyingKey));
    return { keystores, ...counts, vaultPublicKey: formatVaultPublicKey(verifyingKey) };
  }
}

/** What an upload would do, for its --dry-run. */
function linesOfPreview(result: UploadResult, prunesShares: boolean): string[] {
  const { keys, stored, oracles, threshold, preview } = result;
  const { validatorsBefore, validatorsAfterwards, isOtherDepositData } = preview;
  return [
    `Would store ${countOf(stored, 'keypair')} with ${oracles} shares each (${threshold} of ${oracles} oracles); ${keys - stored} of ${countOf(keys, 'keystore')} are stored already.`,
    `Readers would see ${countOf(validatorsAfterwards, 'validator')} instead of ${validatorsBefore}; an upload removes none.`,
    isOtherDepositData ? 'The deposit data would be replaced.' : 'The deposit data would stay as it is.',
    ...(prunesShares ? ['Shares of oracle sets that no key uses any more would be removed.'] : []),
  ];
}
