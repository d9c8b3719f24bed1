import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { checkSignerTls, SIGNER_CONNECTION_OPTIONS } from '../../cli/flags/signer.ts';
import { slashingDbUrl } from '../../cli/flags/slashing-db.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { checkWeb3SignerConfig, WEB3SIGNER_CONFIG_OPTIONS } from '../../cli/flags/web3signer-config.ts';
import {
  assertUnchanged,
  FILE_OPTIONS,
  fileAttributes,
  fileLine,
  outputDir,
} from '../../cli/flags/written-files.ts';
import { invalidValue } from '../../cli/options/command-line-error.ts';
import { defaulted, flag, type Resolved, repeated, required } from '../../cli/options/option.ts';
import { choice, httpUrl } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup-web3signer.ts';
import { prepareSignerConfig } from '../../cli/signer-config.ts';
import { signerConnection } from '../../cli/signer-connection.ts';
import { openForeignDb } from '../../compose/foreign-db.ts';
import { openRemoteSigner } from '../../compose/nodes.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { REMOVAL_POLICIES } from '../../domain/fleet/removals.ts';
import { keysDisabled, WAY_BACK } from '../../domain/fleet/slashing-protection.ts';
import { KEY_LAYOUTS } from '../../domain/fleet/web3signer-key-file.ts';
import { DifferencesError, UsageError } from '../../lib/errors.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { syncWeb3Signer } from '../../services/fleet/key-files/sync-web3signer.ts';
import { writeSignerConfig } from '../../services/fleet/key-files/write-signer-config.ts';
import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = {
  encryptKey,
  outputDir: required(
    outputDir(
      'Enter the folder where web3signer keystores will be saved',
      'The folder where web3signer keystores will be saved.',
    ),
  ),
  layout: defaulted(() => 'buckets', {
    description:
      'Up to 256 files named after network and vault (buckets), or key_N.yaml files (one-per-key).',
    value: choice(KEY_LAYOUTS),
  }),
  removals: defaulted(() => 'refuse', {
    description:
      'What to do when more than a tenth of the keys would be removed: refuse, keep them, or allow it.',
    value: choice(REMOVAL_POLICIES),
  }),
  adopt: flag({ description: "Takes over key_N.yaml files whose keys are all this vault's." }),
  web3signerEndpoint: repeated({
    description: 'A Web3Signer to reload and to compare with; may be given several times.',
    value: httpUrl,
  }),
  slashingDbUrl,
  vaultPublicKey,
  ...SIGNER_CONNECTION_OPTIONS,
  ...FILE_OPTIONS,
  ...WEB3SIGNER_CONFIG_OPTIONS,
};

const SUCCESS = 'Successfully retrieved web3signer private keys from the database.';

/** What a run that only compares says of the keys. */
function keysLine(
  { outputDir }: { readonly outputDir: string },
  { keyCount, isChanged }: { readonly keyCount: number; readonly isChanged: boolean },
): string {
  return isChanged
    ? `${keyCount} private keys in ${outputDir} would be written.`
    : `The directory ${outputDir} with ${keyCount} private keys is up to date.`;
}

function check(options: Resolved<typeof OPTIONS>): void {
  checkSignerTls(options);
  checkWeb3SignerConfig(options);
}

export default class RemoteDbSetupWeb3Signer extends remoteDbCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Retrieves web3signer private keys from the database.';
  static override examples = [
    remoteDbExample(
      'setup-web3signer --encrypt-key-file ./encrypt-key --output-dir ./web3signer',
      '--network mainnet',
    ),
  ];

  async run() {
    keepHeapSmall();
    const options = await this.resolve();
    const connection = await signerConnection(options);
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    const config = await prepareSignerConfig(options, { network: remote.ref.network.name, warn: this.warn });
    await using pool = createWorkerPool();
    await using connections = new AsyncDisposableStack();
    const clients = options.web3signerEndpoint.map(url =>
      connections.use(openRemoteSigner(url, connection, options)),
    );
    const slashingDb =
      options.slashingDbUrl &&
      connections.use(await this.openSlashingDb(options.slashingDbUrl, options.waitForDb));
    const { files, signers, disabled } = await syncWeb3Signer(
      {
        database: remote.database,
        pool,
        signers: clients,
        slashingDb,
        progress: this.progress('passing'),
        say: this.say,
        whenInterrupted,
        warn: this.warn,
      },
      {
        ref: remote.ref,
        encryptKey: options.encryptKey,
        directory: options.outputDir,
        layout: options.layout,
        removals: options.removals,
        adopt: options.adopt,
        check: options.check,
        attributes: fileAttributes(options, 'keys'),
        reloadTimeoutMs: 30 * 60_000,
        verifyingKey: options.vaultPublicKey,
      },
    );
    const configFile = config && {
      what: 'Web3Signer configuration',
      path: config.path,
      isChanged: await writeSignerConfig(config.text, {
        path: config.path,
        attributes: fileAttributes(options, 'public'),
        check: options.check,
      }),
    };
    if (files.removedShares > 0) this.hint(describeShares(files, options.check));
    const { added, changed, adjusted, removed } = files.files;
    if (options.check && files.isChanged && disabled.length > 0) this.warn(keysDisabled(disabled));
    const isChanged = files.isChanged || configFile?.isChanged === true;
    this.say(options.check ? keysLine(options, files) : SUCCESS);
    if (configFile !== undefined) this.say(fileLine(configFile, options));
    assertUnchanged(
      options,
      isChanged,
      configFile?.isChanged
        ? `${options.outputDir} or ${configFile.path} would change.`
        : `${options.outputDir} would change: ${added.length} files added, ${changed.length} changed, ${adjusted.length} with another mode or owner, ${removed.length} removed.`,
    );
    if (configFile?.isChanged)
      this.hint(`Next: start Web3Signer again, with --config-file=${configFile.path} eth2.`);
    else if (files.isChanged && options.web3signerEndpoint.length === 0)
      this.hint('Next: have Web3Signer read the files: restart it, or POST /reload.');
    assertEnabled(disabled);
    return {
      keys: files.keyCount,
      changed: isChanged,
      removedKeys: files.removedKeys,
      removedShares: files.removedShares,
      keptKeys: files.keptKeys,
      files: {
        added: added.length,
        changed: changed.length,
        adjusted: adjusted.length,
        removed: removed.length,
      },
      signers,
      configFile: configFile?.path,
    };
  }

  private async openSlashingDb(
    dbUrl: DatabaseSettings['dbUrl'],
    waitForDb: number | undefined,
  ): Promise<Awaited<ReturnType<typeof openForeignDb>>> {
    try {
      return await openForeignDb({ dbUrl, waitForDb }, '--slashing-db-url', this.warn);
    } catch (error) {
      // What only opening it shows to be wrong with the URL, such as a file that it names.
      if (error instanceof UsageError && error.code === 'invalid-db-url')
        throw invalidValue('--slashing-db-url', error);
      throw error;
    }
  }
}

/** @throws DifferencesError 'validators-disabled' */
function assertEnabled(disabled: readonly string[]): void {
  if (disabled.length === 0) return;
  throw new DifferencesError('validators-disabled', keysDisabled(disabled), {
    hint: `The way back: ${WAY_BACK}.`,
  });
}

/** Shares that go with every change of the oracle set, told apart from validators' keys. */
function describeShares(
  { removedKeys, removedShares }: { readonly removedKeys: number; readonly removedShares: number },
  isCheck: boolean,
): string {
  const verb = isCheck ? 'would be removed' : 'were removed';
  const whose =
    removedKeys === 0 ? 'a replaced oracle set' : 'a replaced oracle set or of removed validators';
  return `${removedShares} key shares of ${whose} ${verb}; they sign exits only.`;
}
