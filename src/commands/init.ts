import { example } from '../cli/examples.ts';
import { newDataDir, newVault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, type Resolved, required } from '../cli/options/option.ts';
import { choice, network } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/init.ts';
import { confirmMnemonic } from '../cli/terminal/confirm-mnemonic.ts';
import { renderNumberedWords } from '../cli/terminal/numbered-words.ts';
import { generateMnemonic, LANGUAGES } from '../domain/keys/mnemonic.ts';
import { toHex } from '../lib/bytes.ts';
import { initializeVault } from '../services/local-keys/initialize-vault.ts';
import { lockVaultDirectory } from '../services/local-keys/lock-vault.ts';
import { assertNoVaultConfig, createVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';

const OPTIONS = {
  network: required({
    description: 'The network of your vault, or the path of a network file.',
    env: 'NETWORK',
    value: network,
    prompt: 'Enter the network name',
    suggestion: () => 'mainnet',
  }),
  vault: newVault,
  language: required({
    description: 'The mnemonic language.',
    value: choice(LANGUAGES),
    prompt: 'Choose your mnemonic language',
    fallback: () => 'english',
  }),
  noVerify: flag({ description: 'Skips mnemonic verification when provided.' }),
  dataDir: newDataDir,
};

/** Told before the mnemonic's language is asked for. */
function checkKnown({ dataDir, vault }: Partial<Resolved<typeof OPTIONS>>): void {
  if (dataDir !== undefined && vault !== undefined) assertNoVaultConfig(dataDir, vault);
}

export default class Init extends operatorCommand(OPTIONS, {
  unattended: ['noVerify'],
  checkKnown,
})<typeof RESULT> {
  static override summary = 'Initializes vault data directory and generates mnemonic.';
  static override examples = [
    example('init'),
    example('init --network hoodi --vault 0x3320a...68 --language english'),
  ];

  async run() {
    const { dataDir, vault, network, language, noVerify } = await this.resolve();
    assertNoVaultConfig(dataDir, vault);
    const mnemonic = generateMnemonic(language);
    if (!noVerify && this.prompter) await confirmMnemonic(this.prompter, mnemonic);
    else if (this.columns !== undefined) this.print(renderNumberedWords(mnemonic, this.columns));
    else this.say(mnemonic);
    await using _lock = await lockVaultDirectory(vaultDirectory(dataDir, vault), this.warn);
    const config = await initializeVault(
      { saveConfig: config => createVaultConfig(dataDir, vault, config) },
      { mnemonic, network },
    );
    const result = `Successfully initialized configuration for vault ${vault}`;
    if (noVerify) {
      this.hint(result);
      this.hint('What stands above is your mnemonic: the ONLY way to recover your keys.');
    } else this.say(result);
    this.hint(`Next: ${this.config.bin} create-keys --vault ${vault}`);
    return { vault, network, firstPublicKey: toHex(config.firstPublicKey) };
  }
}
