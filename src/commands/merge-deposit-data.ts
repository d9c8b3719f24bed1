import { example } from '../cli/examples.ts';
import { checkFlag } from '../cli/flags/preview.ts';
import { assertUnchanged, fileLine } from '../cli/flags/written-files.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { type Resolved, repeated, required } from '../cli/options/option.ts';
import { file } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/merge-deposit-data.ts';
import { UsageError } from '../lib/errors.ts';
import { countOf } from '../lib/plural.ts';
import { lockVaultsOf } from '../services/local-keys/lock-vault.ts';
import { mergeDepositData } from '../services/local-keys/merge-deposit-data.ts';

const OPTIONS = {
  depositDataFiles: repeated({
    description:
      'Path to the deposit data file. To specify multiple deposit data files, use the -d option multiple times.',
    char: 'd',
    value: file({ exists: true }),
    required: true,
  }),
  outputFile: required({
    description: 'Path where the merged deposit data file will be created, with the file name.',
    char: 'm',
    value: file({ exists: false }),
  }),
  check: checkFlag('Writes nothing; exits with 3 when the merged file would change.'),
};

function check({ depositDataFiles }: Resolved<typeof OPTIONS>): void {
  if (depositDataFiles.length < 2)
    throw new UsageError('too-few-files', 'You must provide at least 2 deposit data files');
}

export default class MergeDepositData extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Merges multiple deposit data files into one.';
  static override description =
    'The first validator in the merged file will be the validator from the first deposit data file, then the first ' +
    'validator key from the second file, etc., until all the first keys from all the deposit data files are processed. ' +
    'Then it continues with the second key from each file the same way.';
  static override examples = [
    example('merge-deposit-data -d ./first.json -d ./second.json -m ./merged.json'),
  ];

  async run() {
    const { depositDataFiles, outputFile, check } = await this.resolve();
    // Whoever appends to the file meanwhile would write over what is merged, or the other way round.
    await using _lock = await lockVaultsOf(check ? [] : [...depositDataFiles, outputFile], this.warn);
    const { isChanged, ...merged } = await mergeDepositData(
      { warn: this.warn },
      { files: depositDataFiles, outputFile, check },
    );
    if (check) {
      const what = `The merged deposit data of ${countOf(merged.validators, 'validator')}`;
      this.say(fileLine({ what, path: outputFile, isChanged }, { check }));
      assertUnchanged({ check }, isChanged, `${outputFile} would change.`);
    } else this.say(`The merged deposit data file saved to ${outputFile}`);
    return merged;
  }
}
