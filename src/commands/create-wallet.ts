import { example } from '../cli/examples.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { dataDir, mnemonicFor, vault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import type { RESULT } from '../cli/results/create-wallet.ts';
import { createVaultWallet } from '../services/local-keys/create-wallet.ts';
import { lockVaultDirectory } from '../services/local-keys/lock-vault.ts';
import { readVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';

const OPTIONS = {
  vault: vault('Enter the vault address'),
  mnemonic: mnemonicFor('the wallet'),
  dryRun: dryRunFlag('Shows the address that the wallet would have, and writes nothing.'),
  dataDir,
};

export default class CreateWallet extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Creates the encrypted hot wallet from the mnemonic.';
  static override examples = [
    example('create-wallet'),
    example('create-wallet --vault 0x3320a...68 --mnemonic-file ./mnemonic'),
  ];

  async run() {
    const { dataDir, vault, mnemonic, dryRun } = await this.resolve();
    const { firstPublicKey } = await readVaultConfig(dataDir, vault);
    await using _lock = dryRun
      ? undefined
      : await lockVaultDirectory(vaultDirectory(dataDir, vault), this.warn);
    const wallet = await createVaultWallet(
      { warn: this.warn },
      { mnemonic, vault, firstPublicKey, vaultDirectory: vaultDirectory(dataDir, vault), check: dryRun },
    );
    if (dryRun) {
      this.say(
        `Would write a wallet to ${wallet.walletDir} directory. Its address would be: ${wallet.address}`,
      );
      return { ...wallet, dryRun };
    }
    this.say(
      `Done. The wallet and password saved to ${wallet.walletDir} directory. The wallet address is: ${wallet.address}`,
    );
    this.hint('Next: send some ETH (xDAI on Gnosis) to the wallet for gas.');
    return wallet;
  }
}
