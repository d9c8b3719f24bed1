import { existsSync } from 'node:fs';
import { example } from '../cli/examples.ts';
import { keystoreKdf } from '../cli/flags/keystores.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { poolSize } from '../cli/flags/pool-size.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { mnemonicFor, newDataDir, vault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { defaulted, flag, required } from '../cli/options/option.ts';
import { integer, network } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/recover.ts';
import { Aborted } from '../cli/terminal/aborted.ts';
import { confirm } from '../cli/terminal/confirm.ts';
import { openBeaconNode, openExecutionNode, openHttp } from '../compose/nodes.ts';
import { countOf } from '../lib/plural.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { fetchVaultValidators } from '../services/local-keys/fetch-vault-validators.ts';
import { lockVaultDirectory } from '../services/local-keys/lock-vault.ts';
import { type RecoveredVault, recoverVault } from '../services/local-keys/recover-vault.ts';
import { createVaultConfig, findVaultConfig, updateMnemonicNextIndex } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { createWorkerPool } from '../workers/pool.ts';

const OPTIONS = {
  mnemonic: mnemonicFor('the validator keys'),
  vault: vault('Enter your vault address'),
  executionEndpoints,
  ...EXECUTION_TIMEOUTS,
  consensusEndpoints: consensusEndpoints('Enter comma separated'),
  ...CONSENSUS_TIMEOUTS,
  network: required({
    description: 'The network of your vault, or the path of a network file.',
    env: 'NETWORK',
    value: network,
    prompt: 'Enter the network name',
    fallback: () => 'mainnet',
  }),
  perKeystorePassword: flag({ description: 'Creates separate password file for each keystore.' }),
  noConfirm: flag({ description: 'Skips confirmation messages when provided.' }),
  dryRun: dryRunFlag(
    'Searches the keys, shows which keystores would be written and replaced, and writes nothing.',
  ),
  searchLimit: defaulted(() => '1000', {
    description: 'Keys in a row that are none of the vault’s before the search ends. Default is 1000.',
    value: integer({ min: 1, max: 10_000_000 }),
  }),
  kdf: keystoreKdf,
  poolSize,
  dataDir: newDataDir,
  verbose,
};

export default class Recover extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Recover vault data directory and keystores.';
  static override examples = [
    example('recover'),
    example(
      'recover --vault 0x3320a...68 --mnemonic-file ./mnemonic --network mainnet --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052',
    ),
  ];

  async run() {
    const given = await this.resolve();
    const { dataDir, vault, dryRun } = given;
    const network = resolveNetwork(given.network);
    const directory = vaultDirectory(dataDir, vault);
    const question = `Vault directory ${directory} exists already. Its keystores will be replaced, and kept beside the new ones. Continue?`;
    if (existsSync(directory) && !given.noConfirm && !dryRun) {
      if (!(await confirm(this.prompter, question, { flag: '--no-confirm' }))) throw new Aborted();
    }
    const whenInterrupted = this.beginWork();
    const endpoints = [...given.executionEndpoints, ...given.consensusEndpoints];
    const http = openHttp(given, { proxies: proxySettings(), endpoints }, this.hint);
    using execution = await openExecutionNode(http, executionSettings(given), network);
    const node = await openBeaconNode(http, consensusSettings(given), network);
    await using pool = createWorkerPool({ size: given.poolSize });
    const progress = this.progress('kept');
    const recovered = await recoverVault(
      {
        pool,
        node,
        progress,
        say: this.say,
        warn: this.warn,
        whenInterrupted,
        fetchRegistered: () => fetchVaultValidators(execution, { vault, network }),
        lock: () => lockVaultDirectory(directory, this.warn),
        findConfig: () => findVaultConfig(dataDir, vault),
        saveConfig: async config =>
          (await findVaultConfig(dataDir, vault)) === undefined
            ? createVaultConfig(dataDir, vault, { ...config, network: given.network })
            : updateMnemonicNextIndex(dataDir, vault, config.mnemonicNextIndex),
      },
      { ...given, vaultDirectory: directory, check: dryRun },
    );
    if (progress.drawsBars) this.say('');
    if (dryRun) return { ...this.tell(recovered), dryRun };
    this.say(`Keystores for vault ${vault} successfully recovered to ${recovered.keystoresDir}`);
    const { previousKeystoresDir } = recovered;
    if (previousKeystoresDir !== undefined)
      this.hint(`The keystores that were there before are in ${previousKeystoresDir}.`);
    return recovered;
  }

  private tell(recovered: RecoveredVault): RecoveredVault {
    const { keystoresDir, previousKeystoresDir, exited, mnemonicNextIndex } = recovered;
    this.say(
      `Would write ${countOf(recovered.recovered.length, 'keystore')} to ${keystoresDir}; ${countOf(exited, 'validator')} that exited would need none.`,
    );
    if (previousKeystoresDir !== undefined)
      this.say(`Would keep the keystores that are there in ${previousKeystoresDir}.`);
    this.say(`The next key of "create-keys" would be the one with index ${mnemonicNextIndex}.`);
    return recovered;
  }
}
