import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { SIGNER_CONNECTION_OPTIONS, signerConnection } from '../../cli/flags/signer.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { FILE_OPTIONS, fileAttributes, outputDir } from '../../cli/flags/written-files.ts';
import { oclifFlags } from '../../cli/options/oclif-flags.ts';
import { defaulted, flag, repeated, required } from '../../cli/options/option.ts';
import { choice, httpUrl } from '../../cli/options/value-kinds.ts';
import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { openRemoteSigner } from '../../compose/nodes.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { REMOVAL_POLICIES } from '../../domain/fleet/removals.ts';
import { KEY_LAYOUTS } from '../../domain/fleet/web3signer-key-file.ts';
import { DifferencesError } from '../../lib/errors.ts';
import { syncWeb3Signer } from '../../services/fleet/key-files/sync-web3signer.ts';
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
  vaultPublicKey,
  ...SIGNER_CONNECTION_OPTIONS,
  ...FILE_OPTIONS,
};

export default class RemoteDbSetupWeb3Signer extends RemoteDbCommand {
  static override summary = 'Retrieves web3signer private keys from the database.';
  static override usage = 'remote-db setup-web3signer [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --network mainnet setup-web3signer --encrypt-key-file ./encrypt-key --output-dir ./web3signer',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolveWithGroup(OPTIONS);
    await using remote = await openRemoteDb(options, this.config.version);
    await using pool = createWorkerPool();
    await using connections = new AsyncDisposableStack();
    const connection = await signerConnection(options);
    const clients = options.web3signerEndpoint.map(url =>
      connections.use(openRemoteSigner(url, connection, options)),
    );
    const { files, signers } = await syncWeb3Signer(
      {
        database: remote.database,
        pool,
        signers: clients,
        progress: this.bars,
        say: this.say,
        warn: this.alert,
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
    const { added, changed, adjusted, removed } = files.files;
    if (options.check && files.isChanged) {
      throw new DifferencesError(
        'files-differ',
        `${options.outputDir} would change: ${added.length} files added, ${changed.length} changed, ${adjusted.length} with another mode or owner, ${removed.length} removed.`,
        { hint: 'Run the command without --check.' },
      );
    }
    this.say('Successfully retrieved web3signer private keys from the database.');
    if (options.web3signerEndpoint.length === 0)
      this.advise('Next: have Web3Signer read the files: restart it, or POST /reload.');
    return {
      keys: files.keyCount,
      changed: files.isChanged,
      removedKeys: files.removedKeys,
      keptKeys: files.keptKeys,
      files: {
        added: added.length,
        changed: changed.length,
        adjusted: adjusted.length,
        removed: removed.length,
      },
      signers,
    };
  }
}
