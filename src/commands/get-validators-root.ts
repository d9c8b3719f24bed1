import { dataDir, vault } from '../cli/flags/vault.ts';
import { OperatorCommand } from '../cli/operator-command.ts';
import { oclifFlags } from '../cli/options/oclif-flags.ts';
import { optional } from '../cli/options/option.ts';
import { file } from '../cli/options/value-kinds.ts';
import { computeValidatorsRoot } from '../services/local-keys/compute-validators-root.ts';
import { vaultDirectory } from '../settings/vault-config.ts';

const OPTIONS = {
  vault: vault('Enter the vault address'),
  depositDataFile: optional({
    description: 'Path to the deposit data file. Default is ~/.stakewise/<vault>/deposit_data.json.',
    value: file({ exists: true }),
  }),
  dataDir,
};

export default class GetValidatorsRoot extends OperatorCommand {
  static override summary = 'Calculates Merkle tree root for the deposit data file.';
  static override usage = 'get-validators-root [OPTIONS]';
  static override examples = ['<%= config.bin %> get-validators-root --vault 0x3320a...68'];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const { dataDir, vault, depositDataFile } = await this.resolve(OPTIONS);
    const computed = await computeValidatorsRoot({
      vault,
      depositDataFile,
      vaultDirectory: vaultDirectory(dataDir, vault),
    });
    this.say(`The validator deposit data Merkle tree root: ${computed.root}`);
    this.advise('Next: the keys manager of the vault sets this root (setValidatorsRoot, or the web app).');
    return computed;
  }
}
