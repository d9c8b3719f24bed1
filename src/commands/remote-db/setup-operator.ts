import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { FILE_OPTIONS, fileAttributes } from '../../cli/flags/written-files.ts';
import { oclifFlags } from '../../cli/options/oclif-flags.ts';
import { defaulted, optional } from '../../cli/options/option.ts';
import { choice, directory as folder } from '../../cli/options/value-kinds.ts';
import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { DifferencesError } from '../../lib/errors.ts';
import {
  OPERATOR_REMOVAL_POLICIES,
  writeOperatorConfig,
} from '../../services/fleet/operator-files/write-operator-config.ts';
import { lockVaultsOf } from '../../services/local-keys/lock-vault.ts';
import { vaultDirectory } from '../../settings/vault-config.ts';

const OPTIONS = {
  outputDir: optional({
    description: "The folder where configuration files will be saved. Default is the vault's directory.",
    env: 'REMOTE_DB_OUTPUT_DIR',
    value: folder({ exists: false }),
  }),
  removals: defaulted(() => 'refuse', {
    description:
      'What to do when more than a tenth of the validators of a file would vanish from it: refuse, or allow it.',
    value: choice(OPERATOR_REMOVAL_POLICIES),
  }),
  vaultPublicKey,
  ...FILE_OPTIONS,
};

export default class RemoteDbSetupOperator extends RemoteDbCommand {
  static override summary = 'Create operator remote signer configuration.';
  static override usage = 'remote-db setup-operator [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --network mainnet setup-operator',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolveWithGroup(OPTIONS);
    await using remote = await openRemoteDb(options, this.config.version);
    const directory = options.outputDir ?? vaultDirectory(options.dataDir, options.vault);
    // "create-keys" and "remote-signer-setup" write files of the same names.
    await using _lock = await lockVaultsOf(options.check ? [] : [directory], this.alert);
    const result = await writeOperatorConfig(remote.database, {
      ref: remote.ref,
      directory,
      attributes: fileAttributes(options, 'public'),
      check: options.check,
      removals: options.removals,
      verifyingKey: options.vaultPublicKey,
    });
    if (result.staleValidators > 0) {
      this.alert(
        `${result.staleValidators} validators are left out: their shares are of an earlier oracle set. Upload their keystores again.`,
      );
    }
    if (options.check && result.isChanged) {
      throw new DifferencesError(
        'files-differ',
        `${result.remoteSignerConfigPath} or ${result.depositDataPath} would change.`,
        { hint: 'Run the command without --check.' },
      );
    }
    this.say(`Operator remote signer configuration saved to ${result.remoteSignerConfigPath} file.`);
    this.say(`Operator deposit data saved to ${result.depositDataPath} file.`);
    this.say('Successfully created operator configuration file.');
    this.advise('Next: start the operator with --remote-signer-url.');
    const { isChanged: changed, ...written } = result;
    return { ...written, changed };
  }
}
