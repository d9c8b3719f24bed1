import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import {
  allowUnverifiedIpfs,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  IPFS_OPTIONS,
  oracleSetHash,
} from '../../cli/flags/nodes.ts';
import { poolSize } from '../../cli/flags/pool-size.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import { fromDbSchema, fromDbUrl, fromEncryptKey } from '../../cli/flags/v3-operator.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { flag, optional, requiredUnless } from '../../cli/options/option.ts';
import { file } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/import-v3-operator.ts';
import { uploadChainSettings } from '../../cli/upload-chain-settings.ts';
import { openForeignDb } from '../../compose/foreign-db.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { openUploadChain } from '../../compose/upload-chain.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { EXIT } from '../../lib/errors.ts';
import { countOf } from '../../lib/plural.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { readDepositList } from '../../services/local-keys/read-deposit-list.ts';
import {
  type ImportReport,
  importV3Operator,
  isBroken,
} from '../../services/remote-db/import/import-v3-operator.ts';
import { vaultDirectory } from '../../settings/vault-directory.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = {
  fromDbUrl,
  fromDbSchema,
  fromEncryptKey,
  encryptKey,
  executionEndpoints: requiredUnless('dryRun', executionEndpoints),
  dryRun: dryRunFlag(
    'Checks every key and the deposit data, and shows what would be imported. Stores nothing.',
  ),
  skipBroken: flag({
    description:
      'Imports the other keys when some are not what their public keys say. A validator that is left out signs nothing.',
  }),
  rowsWithoutVault: flag({
    description: 'Takes rows that name no vault, as versions 4 and 5 store them, for those of this vault.',
  }),
  depositDataFile: optional({
    description:
      'Path to the deposit_data.json file. Default is what the Python operator has stored in its database.',
    env: 'DEPOSIT_DATA_FILE',
    value: file({ exists: true }),
  }),
  allowRegistered: flag({
    description:
      'Imports the keys also when the next entry of the deposit data is registered already, which blocks the entries behind it.',
  }),
  ...EXECUTION_TIMEOUTS,
  oracleSetHash,
  poolSize,
  allowUnverifiedIpfs,
  ...IPFS_OPTIONS,
};

export default class RemoteDbImportV3Operator extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary =
    "Takes the keys of the Python operator's database, which stays as it is, into the remote DB.";
  static override description =
    'Every key is decrypted, derived and compared with its public key before anything is stored. The shares are made anew for the oracles of today. docs/migration.md tells the whole way, and the way back.';
  static override examples = [
    remoteDbExample(
      'import-v3-operator --from-db-url-file ./old-db-url --from-encrypt-key-file ./old-encrypt-key --encrypt-key-file ./encrypt-key --dry-run',
    ),
    remoteDbExample(
      'import-v3-operator --from-db-url-file ./old-db-url --from-encrypt-key-file ./old-encrypt-key --encrypt-key-file ./encrypt-key --execution-endpoints http://localhost:8545',
    ),
  ];

  async run() {
    const options = await this.resolve();
    keepHeapSmall();
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    await using source = await openForeignDb(
      { dbUrl: options.fromDbUrl, waitForDb: options.waitForDb },
      '--from-db-url',
      this.warn,
    );
    const { address } = remote.ref;
    const vaultDir = vaultDirectory(options.dataDir, address);
    const depositData =
      options.depositDataFile === undefined
        ? undefined
        : await readDepositList(vaultDir, options.depositDataFile);
    await using chain = openUploadChain(remote.ref, uploadChainSettings(options), {
      warn: this.warn,
      hint: this.hint,
    });
    await using pool = createWorkerPool({ size: options.poolSize });
    const report = await importV3Operator(
      {
        ...chain.asks,
        database: remote.database,
        source,
        pool,
        progress: this.progress('passing'),
        say: this.say,
        warn: this.warn,
        whenInterrupted,
      },
      {
        ref: remote.ref,
        encryptKey: options.encryptKey,
        sourceKey: options.fromEncryptKey,
        sourceSchema: options.fromDbSchema,
        depositData,
        takesRowsWithoutVault: options.rowsWithoutVault,
        skipsBroken: options.skipBroken,
        isDryRun: options.dryRun,
        allowRegistered: options.allowRegistered,
        lockTimeoutMs: 10 * 60_000,
      },
    );
    this.tell(report, address);
    if (options.dryRun && !options.skipBroken && isBroken(report)) process.exitCode = EXIT.differences;
    const { keys, malformed, counts, depositDataEntries, upload } = report;
    return {
      dryRun: options.dryRun,
      oldKeys: keys,
      malformedKeys: malformed,
      depositDataEntries,
      oldShares: counts.shares,
      keysOfOtherVaults: counts.ofOthers,
      ...(upload && {
        stored: upload.stored,
        shares: upload.shares,
        oracles: upload.oracles,
        threshold: upload.threshold,
        vaultPublicKey: formatVaultPublicKey(upload.verifyingKey),
      }),
    };
  }

  private tell({ keys, malformed, counts, depositDataEntries, upload }: ImportReport, vault: string): void {
    const counted = (state: ImportReport['keys'][number]['state']) =>
      keys.filter(key => key.state === state).length;
    if (upload === undefined) {
      for (const { publicKey, state } of keys) this.say(`${publicKey} ${state}`);
      for (const publicKey of malformed) this.say(`${publicKey} broken`);
      this.say(
        `Checked ${countOf(keys.length + malformed.length, 'key')} of the ${vault} vault: ${counted('new')} new, ${counted('stored')} stored already, ${counted('broken') + malformed.length} broken; ${countOf(depositDataEntries, 'entry', 'entries')} of deposit data. Nothing was stored.`,
      );
    } else {
      this.say(
        `Successfully imported ${countOf(upload.keys, 'key')} of the ${vault} vault; ${upload.stored} were not complete here before.`,
      );
    }
    if (counts.ofOthers > 0)
      this.hint(
        `Left where they are: ${countOf(counts.ofOthers, 'key')} of other vaults. The Python operator has divided the keys of all vaults together among validator clients: "setup-validator --check" shows which would come and go.`,
      );
    if (upload === undefined) return;
    if (counts.shares > 0) {
      this.hint(
        `Not taken: ${countOf(counts.shares, 'key share')}. New ones were made, since nothing says for which oracles the old ones are.`,
      );
    }
    this.hint(vaultPublicKeyHint(upload.verifyingKey));
    this.hint(
      'Next: remote-db assign --like-reference, then setup-web3signer --adopt, setup-validator and setup-operator; docs/migration.md tells the order.',
    );
  }
}
