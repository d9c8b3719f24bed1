import { remoteDbExample } from '../../cli/examples.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { assertUnchanged, FILE_OPTIONS, fileAttributes, outputDir } from '../../cli/flags/written-files.ts';
import { CommandLineError } from '../../cli/options/command-line-error.ts';
import { defaulted, flag, optional, type Resolved, required } from '../../cli/options/option.ts';
import { choice, directory, feeRecipientAddress, httpUrl, integer } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup-validator.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { REMOVAL_POLICIES } from '../../domain/fleet/removals.ts';
import { keepYoungGenerationSmall } from '../../lib/young-generation.ts';
import { writeValidatorConfigs } from '../../services/fleet/clients/write-validator-configs.ts';

const OPTIONS = {
  validatorIndex: required({
    description: 'The validator index to generate the configuration files.',
    value: integer({ min: 0 }),
    prompt: 'Enter the validator index to generate the configuration files',
  }),
  totalValidators: required({
    description: 'The total number of validators connected to the web3signer.',
    value: integer({ min: 1 }),
    prompt: 'Enter the total number of validators connected to the web3signer',
  }),
  web3signerEndpoint: required({
    description: 'The endpoint of the web3signer service.',
    value: httpUrl,
    prompt: 'Enter the endpoint of the web3signer service',
  }),
  feeRecipient: required({
    description: 'The recipient address for MEV & priority fees.',
    value: feeRecipientAddress,
    prompt: 'Enter the recipient address for MEV & priority fees',
  }),
  outputDir: required(
    outputDir(
      'Enter the folder where configuration files will be saved',
      'The folder where configuration files will be saved.',
    ),
  ),
  disableProposalBuilder: flag({ description: 'Disable proposal builder for Teku and Prysm clients.' }),
  templateDir: optional({
    description: 'Folder with templates of your own.',
    value: directory({ exists: true }),
  }),
  reassign: flag({ description: 'Lets keys move between validators when their number changes.' }),
  removals: defaulted(() => 'refuse', {
    description:
      "What to do when more than a tenth of the files' keys would be removed: refuse, keep them, or allow it.",
    value: choice(REMOVAL_POLICIES),
  }),
  vaultPublicKey,
  ...FILE_OPTIONS,
};

function check(options: Resolved<typeof OPTIONS>): void {
  if (options.validatorIndex >= options.totalValidators) {
    throw new CommandLineError(
      'index-out-of-range',
      'Invalid value: validator index must be less than total validators',
    );
  }
  if (options.reassign && options.vaultPublicKey !== undefined) {
    throw new CommandLineError(
      'contradiction',
      'With --vault-public-key the plan is changed by "remote-db assign --reassign --encrypt-key-file" only, not by --reassign.',
    );
  }
}

export default class RemoteDbSetupValidator extends remoteDbCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary =
    'Creates validator configuration files for Lighthouse, Prysm, and Teku clients to sign data using keys from database.';
  static override examples = [
    remoteDbExample(
      'setup-validator --validator-index 0 --total-validators 10 --web3signer-endpoint http://localhost:9000 --fee-recipient 0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B --output-dir ./validator0',
      '--network mainnet',
    ),
  ];

  async run() {
    const options = await this.resolve();
    keepYoungGenerationSmall();
    const { validatorIndex, totalValidators } = options;
    await using remote = await openRemoteDb(options, this.config.version);
    const result = await writeValidatorConfigs(remote.database, {
      ref: remote.ref,
      clientIndex: validatorIndex,
      totalClients: totalValidators,
      reassign: options.reassign,
      signerUrl: options.web3signerEndpoint,
      feeRecipient: options.feeRecipient,
      check: options.check,
      directory: options.outputDir,
      templateDirectory: options.templateDir,
      removals: options.removals,
      verifyingKey: options.vaultPublicKey,
      isBuilderEnabled: !options.disableProposalBuilder,
      attributes: fileAttributes(options, 'public'),
    });
    for (const warning of result.warnings) this.warn(warning);
    assertUnchanged(options, result.isChanged, `Files in ${options.outputDir} would change.`);
    const [definitions, signerKeys, proposerConfig] = result.paths;
    this.say(`Generated configs with ${result.keyCount} keys for validator with index ${validatorIndex}.`);
    this.say(`Validator definitions for Lighthouse saved to ${definitions} file.`);
    this.say(`Signer keys for Teku\\Prysm saved to ${signerKeys} file.`);
    this.say(`Proposer config for Teku\\Prysm saved to ${proposerConfig} file.`);
    this.say('');
    this.say('Successfully created validator configuration files.');
    this.hint(
      'Next: restart the validator client; Lighthouse needs --init-slashing-protection for new keys.',
    );
    return {
      validatorIndex,
      totalValidators,
      keys: result.keyCount,
      removedKeys: result.removedKeys,
      keptKeys: result.keptKeys,
      paths: result.paths,
      changed: result.isChanged,
    };
  }
}
