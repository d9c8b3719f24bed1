import { remoteDbExample } from '../../cli/examples.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import {
  assertUnchanged,
  describeRetired,
  FILE_OPTIONS,
  fileAttributes,
  fileLine,
} from '../../cli/flags/written-files.ts';
import { defaulted, flag, optional } from '../../cli/options/option.ts';
import { choice, directory as folder } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup-operator.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import {
  OPERATOR_REMOVAL_POLICIES,
  writeOperatorConfig,
} from '../../services/fleet/operator-files/write-operator-config.ts';
import { lockVaultsOf } from '../../services/local-keys/lock-vault.ts';
import { vaultDirectory } from '../../settings/vault-directory.ts';

const OPTIONS = {
  outputDir: optional({
    description: "The folder where configuration files will be saved. Default is the vault's directory.",
    env: 'REMOTE_DB_OUTPUT_DIR',
    value: folder({ exists: false }),
  }),
  removals: defaulted(() => 'refuse', {
    description:
      'What to do when more than a tenth of the validators would vanish from remote_signer_config.json: refuse, or allow it.',
    value: choice(OPERATOR_REMOVAL_POLICIES),
  }),
  force: flag({
    description:
      'Replaces deposit_data.json also when it has entries of keys that were not uploaded, which are lost then.',
  }),
  vaultPublicKey,
  ...FILE_OPTIONS,
};

export default class RemoteDbSetupOperator extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Create operator remote signer configuration.';
  static override examples = [remoteDbExample('setup-operator', '--network mainnet')];

  async run() {
    const options = await this.resolve();
    keepHeapSmall();
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    const directory = options.outputDir ?? vaultDirectory(options.dataDir, options.vault);
    // "create-keys" and "remote-signer-setup" write files of the same names.
    await using _lock = await lockVaultsOf(options.check ? [] : [directory], this.warn);
    const result = await writeOperatorConfig(remote.database, {
      ref: remote.ref,
      directory,
      attributes: fileAttributes(options, 'public'),
      check: options.check,
      removals: options.removals,
      force: options.force,
      verifyingKey: options.vaultPublicKey,
      whenInterrupted,
    });
    if (result.staleValidators > 0) {
      this.warn(
        `${result.staleValidators} validators are left out: their shares are of an earlier oracle set. Upload their keystores again.`,
      );
    }
    if (result.retiredValidators > 0) this.hint(describeRetired(result.retiredValidators, 'validator'));
    const { remoteSignerConfigPath, depositDataPath } = result;
    const files = [
      {
        what: 'Operator remote signer configuration',
        path: remoteSignerConfigPath,
        isChanged: result.isRemoteSignerConfigChanged,
      },
      { what: 'Operator deposit data', path: depositDataPath, isChanged: result.isDepositDataChanged },
    ];
    for (const file of files) this.say(fileLine(file, options));
    assertUnchanged(
      options,
      result.isChanged,
      `${remoteSignerConfigPath} or ${depositDataPath} would change.`,
    );
    if (result.isChanged) {
      this.say('Successfully created operator configuration file.');
      this.hint('Next: start the operator with --remote-signer-url.');
    }
    return {
      remoteSignerConfigFile: remoteSignerConfigPath,
      depositDataFile: depositDataPath,
      validators: result.validators,
      staleValidators: result.staleValidators,
      retiredValidators: result.retiredValidators,
      changed: result.isChanged,
    };
  }
}
