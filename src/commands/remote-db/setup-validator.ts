import { linesOfDifferences, linesOfUses, usesOfClients } from '../../cli/client-lines.ts';
import { remoteDbExample } from '../../cli/examples.ts';
import {
  CLIENT_FILE_OPTIONS,
  checkClientIdentity,
  clientSettings,
  plainSignerUrl,
} from '../../cli/flags/client-files.ts';
import type { REMOTE_DB_OPTIONS } from '../../cli/flags/remote-db.ts';
import { vaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { checkWatch, refuseJson, WATCH_FILES_OPTIONS } from '../../cli/flags/watch-files.ts';
import {
  assertUnchanged,
  describeRetired,
  FILE_OPTIONS,
  fileAttributes,
  fileLine,
  outputDir,
} from '../../cli/flags/written-files.ts';
import { CommandLineError } from '../../cli/options/command-line-error.ts';
import { defaulted, flag, optional, type Resolved, required } from '../../cli/options/option.ts';
import { choice, directory, feeRecipientAddress, integer } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup-validator.ts';
import { watchSettings } from '../../cli/watch-settings.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { watchFiles } from '../../compose/watch-files.ts';
import type { AssignmentPlan } from '../../db/assignments.ts';
import { REMOVAL_POLICIES } from '../../domain/fleet/removals.ts';
import { shownSignerUrl } from '../../domain/fleet/validator-config.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { writeValidatorConfigs } from '../../services/fleet/clients/write-validator-configs.ts';
import { PlanGuard } from '../../services/fleet/watch/plan-guard.ts';
import type { VaultRef } from '../../services/remote-db/vault-ref.ts';

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
    value: plainSignerUrl,
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
  ...CLIENT_FILE_OPTIONS,
  templateDir: optional({
    description:
      'Folder with templates of your own: each *.eta in it makes a file, as docs/templates.md tells.',
    value: directory({ exists: true }),
  }),
  reassign: flag({
    description:
      'Lets keys move between validators when their number changes. Stop those that lose keys first.',
  }),
  removals: defaulted(() => 'refuse', {
    description:
      "What to do when more than a tenth of the files' keys would be removed: refuse, keep them, or allow it.",
    value: choice(REMOVAL_POLICIES),
  }),
  vaultPublicKey,
  ...FILE_OPTIONS,
  ...WATCH_FILES_OPTIONS,
};

type Given = Resolved<typeof REMOTE_DB_OPTIONS & typeof OPTIONS>;

/** What each file is, in the manual's words. */
const MANUAL_NAMES: Readonly<Record<string, string>> = {
  'validator_definitions.yml': 'Validator definitions for Lighthouse',
  'signer_keys.yml': 'Signer keys for Teku\\Prysm',
  'proposer_config.json': 'Proposer config for Teku\\Prysm',
};

function check(options: Resolved<typeof OPTIONS>): void {
  checkClientIdentity(options);
  checkWatch(options);
  if (options.watch && options.reassign) {
    throw new CommandLineError(
      'contradiction',
      '--watch moves no keys from one client to another by itself.',
      {
        hint: 'Stop the clients that lose keys and wait two epochs, then run the command once with --reassign and without --watch; a watch goes on from its files.',
      },
    );
  }
  if (options.validatorIndex >= options.totalValidators) {
    throw new CommandLineError(
      'index-out-of-range',
      'Invalid value: validator index must be less than total validators',
    );
  }
  if (options.reassign && options.vaultPublicKey !== undefined) {
    throw new CommandLineError(
      'contradiction',
      'With --vault-public-key the plan is not changed here: stop the clients that lose keys, then run "remote-db assign --reassign --encrypt-key-file".',
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
    keepHeapSmall();
    if (options.watch) return await this.follow(options);
    const { validatorIndex, totalValidators } = options;
    const whenInterrupted = this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    const settings = clientSettings(options);
    const attributes = fileAttributes(options, 'public');
    const result = await writeValidatorConfigs(remote.database, {
      ...filesOptions(options, remote.ref),
      whenInterrupted,
    });
    for (const warning of result.warnings) this.warn(warning);
    if (!options.check)
      this.say(`Generated configs with ${result.keyCount} keys for validator with index ${validatorIndex}.`);
    for (const { name, path, isChanged } of result.files)
      this.say(fileLine({ what: MANUAL_NAMES[name] ?? name, path, isChanged }, options));
    if (options.check) for (const line of linesOfDifferences(result)) this.say(line);
    assertUnchanged(
      options,
      result.isChanged,
      `Files in ${options.outputDir} would change: ${result.added.length} keys would come, ${result.removed.length} go, and ${result.changedEntries.size} entries be others.`,
    );
    if (result.retiredKeys > 0) this.hint(describeRetired(result.retiredKeys, 'key'));
    const uses = usesOfClients({
      ...settings,
      directory: options.outputDir,
      signerUrl: shownSignerUrl(options.web3signerEndpoint),
      clientIdentityPasswordFile: options.clientIdentityPassword?.file,
      isOwnedByRoot: attributes.owner === undefined && process.geteuid?.() === 0,
    });
    if (result.isChanged) {
      this.say('');
      this.say('Successfully created validator configuration files.');
    }
    if (!options.check) {
      for (const line of linesOfUses(uses)) this.hint(result.isChanged ? `Next: ${line}` : line);
    }
    if (result.isChanged) {
      this.hint(
        'Next: restart the validator client; Lighthouse needs --init-slashing-protection for new keys.',
      );
    }
    return {
      validatorIndex,
      totalValidators,
      keys: result.keyCount,
      removedKeys: result.removed.length,
      keptKeys: result.keptKeys,
      retiredKeys: result.retiredKeys,
      paths: result.files.map(({ path }) => path),
      clients: uses.map(({ kind, files, flags, notes }) => ({ kind, files, flags, notes })),
      changed: result.isChanged,
    };
  }

  /** Keeps the files in line with the database until it is told to stop. @returns nothing that was written at its end */
  private async follow(options: Given) {
    refuseJson(this.jsonEnabled());
    const settings = watchSettings(options, {
      command: 'setup-validator',
      argv: this.argv,
      secrets: [options.clientIdentityPassword?.password, ...options.web3signerEndpoint.secrets],
    });
    await watchFiles(settings, { programVersion: this.config.version }, ({ database, ref, warn, wants }) => {
      const given = filesOptions(options, ref);
      const guard = new PlanGuard(given);
      const write = async (check: boolean) => {
        await guard.load();
        try {
          const result = await writeValidatorConfigs(database, {
            ...given,
            check,
            acceptPlan: (plan, present) => {
              wants(countKeysOf(plan, given.clientIndex));
              guard.accept(plan, present);
            },
            // Before the files: whoever is killed in between has remembered what the plan was.
            beforeWriting: () => guard.save(),
          });
          for (const warning of result.warnings) warn(warning);
          const { keyCount, keptKeys, isChanged } = result;
          return { keysWanted: keyCount - keptKeys, keysWritten: keyCount, isChanged };
        } finally {
          await guard.save();
        }
      };
      return { write: () => write(false), compare: async () => (await write(true)).isChanged };
    });
    const { validatorIndex, totalValidators } = options;
    return { ...NOTHING_WRITTEN, validatorIndex, totalValidators };
  }
}

/** What the files are written with, of the options. */
function filesOptions(options: Given, ref: VaultRef) {
  return {
    ...clientSettings(options),
    clientIdentityPassword: options.clientIdentityPassword?.password,
    ref,
    clientIndex: options.validatorIndex,
    totalClients: options.totalValidators,
    reassign: options.reassign,
    signerUrl: options.web3signerEndpoint,
    feeRecipient: options.feeRecipient,
    check: options.check,
    directory: options.outputDir,
    templateDirectory: options.templateDir,
    removals: options.removals,
    verifyingKey: options.vaultPublicKey,
    attributes: fileAttributes(options, 'public'),
  };
}

function countKeysOf({ assignments }: AssignmentPlan, client: number): number {
  return assignments.filter(({ clientIndex }) => clientIndex === client).length;
}

/** What is there to return of a command that went on until it was stopped: its files are those of its last look. */
const NOTHING_WRITTEN = {
  keys: 0,
  removedKeys: 0,
  keptKeys: 0,
  retiredKeys: 0,
  paths: [],
  clients: [],
  changed: false,
};
