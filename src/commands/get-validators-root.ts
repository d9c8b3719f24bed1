import { example } from '../cli/examples.ts';
import { dataDir, vault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { optional } from '../cli/options/option.ts';
import { file } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/get-validators-root.ts';
import { computeValidatorsRoot } from '../services/local-keys/compute-validators-root.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';

const OPTIONS = {
  vault: vault('Enter the vault address'),
  depositDataFile: optional({
    description: 'Path to the deposit data file. Default is ~/.stakewise/<vault>/deposit_data.json.',
    value: file({ exists: true }),
  }),
  dataDir,
};

export default class GetValidatorsRoot extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Calculates Merkle tree root for the deposit data file.';
  static override examples = [example('get-validators-root --vault 0x3320a...68')];

  async run() {
    const { dataDir, vault, depositDataFile } = await this.resolve();
    const computed = await computeValidatorsRoot({
      vault,
      depositDataFile,
      vaultDirectory: vaultDirectory(dataDir, vault),
    });
    this.say(`The validator deposit data Merkle tree root: ${computed.root}`);
    this.hint('Next: the keys manager of the vault sets this root (setValidatorsRoot, or the web app).');
    return computed;
  }
}
