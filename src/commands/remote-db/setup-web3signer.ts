import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import type { REMOTE_DB_OPTIONS } from '../../cli/flags/remote-db.ts';
import { checkSignerTls, SIGNER_CONNECTION_OPTIONS, web3signerEndpoint } from '../../cli/flags/signer.ts';
import { slashingDbUrl } from '../../cli/flags/slashing-db.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { checkWatch, refuseJson, WATCH_FILES_OPTIONS } from '../../cli/flags/watch-files.ts';
import { checkWeb3SignerConfig, WEB3SIGNER_CONFIG_OPTIONS } from '../../cli/flags/web3signer-config.ts';
import {
  assertUnchanged,
  describeRetired,
  FILE_OPTIONS,
  fileAttributes,
  fileLine,
  outputDir,
} from '../../cli/flags/written-files.ts';
import { invalidValue } from '../../cli/options/command-line-error.ts';
import { defaulted, flag, type Resolved, required } from '../../cli/options/option.ts';
import { choice } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup-web3signer.ts';
import { prepareSignerConfig } from '../../cli/signer-config.ts';
import { signerConnection } from '../../cli/signer-connection.ts';
import { watchSettings } from '../../cli/watch-settings.ts';
import { openForeignDb } from '../../compose/foreign-db.ts';
import { openRemoteSigner } from '../../compose/nodes.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { type WatchedHandles, watchFiles } from '../../compose/watch-files.ts';
import { passwordOf } from '../../db/database-url.ts';
import { REMOVAL_POLICIES } from '../../domain/fleet/removals.ts';
import { keysDisabled, WAY_BACK } from '../../domain/fleet/slashing-protection.ts';
import { KEY_LAYOUTS } from '../../domain/fleet/web3signer-key-file.ts';
import { DifferencesError, UsageError } from '../../lib/errors.ts';
import { countingProgress } from '../../lib/progress.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { type SyncWeb3SignerDeps, syncWeb3Signer } from '../../services/fleet/key-files/sync-web3signer.ts';
import { writeSignerConfig } from '../../services/fleet/key-files/write-signer-config.ts';
import type { DatabaseSettings } from '../../settings/remote-db-settings.ts';
import type { SignerConnectionSettings } from '../../settings/signing-settings.ts';
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
  web3signerEndpoint: web3signerEndpoint(
    'A Web3Signer to reload and to compare with; may be given several times.',
  ),
  slashingDbUrl,
  vaultPublicKey,
  ...SIGNER_CONNECTION_OPTIONS,
  ...FILE_OPTIONS,
  ...WEB3SIGNER_CONFIG_OPTIONS,
  ...WATCH_FILES_OPTIONS,
};

type Given = Resolved<typeof REMOTE_DB_OPTIONS & typeof OPTIONS>;

/** What the files are written with, and who is told. */
interface Work
  extends Pick<WatchedHandles, 'database' | 'ref' | 'warn'>,
    Pick<SyncWeb3SignerDeps, 'progress' | 'say' | 'whenInterrupted'> {
  readonly connection: SignerConnectionSettings;
  /** Web3Signer's own configuration, where it is written. */
  readonly config: Awaited<ReturnType<typeof prepareSignerConfig>>;
  readonly check: boolean;
}

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
  checkWatch(options, { '--adopt': options.adopt });
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
    if (options.watch) return await this.follow(options, connection);
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    const config = await prepareSignerConfig(options, { network: remote.ref.network.name, warn: this.warn });
    const progress = this.progress('passing');
    const told = { progress, say: this.say, whenInterrupted, warn: this.warn };
    const { files, signers, retiredValidators, disabled, configFile } = await this.write(options, {
      ...remote,
      ...told,
      connection,
      config,
      check: options.check,
    });
    if (retiredValidators > 0) this.hint(describeRetired(retiredValidators, 'validator'));
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
    if (configFile?.isChanged) this.hint(`Next: ${startAgain(configFile.path)}`);
    else if (files.isChanged && options.web3signerEndpoint.length === 0)
      this.hint('Next: have Web3Signer read the files: restart it, or POST /reload.');
    assertEnabled(disabled);
    return {
      keys: files.keyCount,
      changed: isChanged,
      removedKeys: files.removedKeys,
      removedShares: files.removedShares,
      keptKeys: files.keptKeys,
      retiredKeys: retiredValidators,
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

  /** Brings the files to what the database has, once. What it opens for that is closed when it has ended. */
  private async write(options: Given, work: Work) {
    const { config, check } = work;
    await using pool = createWorkerPool();
    await using connections = new AsyncDisposableStack();
    const signers = options.web3signerEndpoint.map(url =>
      connections.use(openRemoteSigner(url, work.connection, options)),
    );
    const slashingDb =
      options.slashingDbUrl &&
      connections.use(await this.openSlashingDb(options.slashingDbUrl, options.waitForDb));
    const synced = await syncWeb3Signer(
      { ...work, pool, signers, slashingDb },
      {
        ref: work.ref,
        encryptKey: options.encryptKey,
        directory: options.outputDir,
        layout: options.layout,
        removals: options.removals,
        adopt: options.adopt,
        check,
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
        check,
      }),
    };
    return { ...synced, configFile };
  }

  /** Keeps the files in line with the database until it is told to stop. @returns nothing that was written at its end */
  private async follow(options: Given, connection: SignerConnectionSettings) {
    refuseJson(this.jsonEnabled());
    const settings = watchSettings(options, {
      command: 'setup-web3signer',
      argv: this.argv,
      secrets: [
        options.encryptKey,
        options.signerPfxPassword,
        options.slashingDbUrl && passwordOf(options.slashingDbUrl.url),
        ...options.web3signerEndpoint.flatMap(url => url.secrets),
      ],
    });
    await watchFiles(settings, { programVersion: this.config.version }, handles => {
      const work = async (check: boolean) => {
        const config = await prepareSignerConfig(options, {
          network: handles.ref.network.name,
          warn: handles.warn,
        });
        const progress = countingProgress(handles.wants);
        const written = await this.write(options, {
          ...handles,
          connection,
          config,
          progress,
          say: () => undefined,
          check,
        });
        if (!check && written.configFile?.isChanged) handles.warn(startAgain(written.configFile.path));
        if (!check) assertEnabled(written.disabled);
        const { files, configFile } = written;
        const isChanged = files.isChanged || configFile?.isChanged === true;
        return { keysWanted: files.keyCount - files.keptKeys, keysWritten: files.keyCount, isChanged };
      };
      return { write: () => work(false), compare: async () => (await work(true)).isChanged };
    });
    return NOTHING_WRITTEN;
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

/** What is there to return of a command that went on until it was stopped: its files are those of its last look. */
const NOTHING_WRITTEN = {
  keys: 0,
  changed: false,
  removedKeys: 0,
  removedShares: 0,
  keptKeys: 0,
  retiredKeys: 0,
  files: { added: 0, changed: 0, adjusted: 0, removed: 0 },
  signers: [],
};

/** What a configuration that has changed asks for. */
function startAgain(path: string): string {
  return `start Web3Signer again, with --config-file=${path} eth2.`;
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
