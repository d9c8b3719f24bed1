import { example } from '../cli/examples.ts';
import { keystoreKdf } from '../cli/flags/keystores.ts';
import { poolSize } from '../cli/flags/pool-size.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { dataDir, mnemonicFor, networkOfKeys, vault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, required } from '../cli/options/option.ts';
import { integer } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/create-keys.ts';
import { nameEach } from '../lib/name-list.ts';
import { countOf } from '../lib/plural.ts';
import { type CreatedKeys, createKeys } from '../services/local-keys/create-keys.ts';
import { lockVaultDirectory } from '../services/local-keys/lock-vault.ts';
import { networkOfConfig, readVaultConfig, updateMnemonicNextIndex } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { createWorkerPool } from '../workers/pool.ts';

const OPTIONS = {
  vault: vault('Enter the vault address'),
  count: required({
    description: 'The number of the validator keys to generate.',
    value: integer({ min: 1 }),
    prompt: 'Enter the number of the validator keys to generate',
  }),
  mnemonic: mnemonicFor('the validator keys'),
  network: networkOfKeys,
  perKeystorePassword: flag({ description: 'Creates separate password file for each keystore.' }),
  dryRun: dryRunFlag('Derives the keys, shows which files would get them, and writes nothing.'),
  kdf: keystoreKdf,
  poolSize,
  dataDir,
};

export default class CreateKeys extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Creates the validator keys from the mnemonic.';
  static override examples = [
    example('create-keys'),
    example('create-keys --vault 0x3320a...68 --count 10 --mnemonic-file ./mnemonic'),
  ];

  async run() {
    const given = await this.resolve();
    const { dataDir, vault, count, dryRun } = given;
    // Before the lock, which makes the directory: a vault that was never initialised is refused and leaves nothing behind.
    await readVaultConfig(dataDir, vault);
    // Two runs at once would make the same keys twice. Another one may have ended just now: the next index is read again.
    await using lock = dryRun
      ? undefined
      : await lockVaultDirectory(vaultDirectory(dataDir, vault), this.warn);
    const config = await readVaultConfig(dataDir, vault);
    const { mnemonicNextIndex: firstIndex, firstPublicKey } = config;
    const network = networkOfConfig(config, given.network);
    const whenInterrupted = this.beginWork();
    await using pool = createWorkerPool({ size: given.poolSize });
    const progress = this.progress('manual');
    const saveNextIndex = (index: number) => updateMnemonicNextIndex(dataDir, vault, index);
    const created = await createKeys(
      {
        pool,
        progress,
        warn: this.warn,
        assertHeld: () => lock?.assertHeld(),
        saveNextIndex,
        whenInterrupted,
      },
      {
        ...given,
        vaultDirectory: vaultDirectory(dataDir, vault),
        network,
        firstIndex,
        firstPublicKey,
        check: dryRun,
      },
    );
    if (dryRun) return { ...this.tell(created, count), dryRun };
    if (progress.drawsBars) this.say('');
    this.say(`Done. Generated ${count} keys for ${vault} vault.`);
    this.say(`Keystores saved to ${created.keystoresDir} file`);
    this.say(`Deposit data saved to ${created.depositDataFile} file`);
    const present = count - created.addedKeystores;
    if (present > 0) this.hint(`${present} of the keystores were there already and stay as they are.`);
    const { earlierDeposits } = created;
    if (earlierDeposits === 0) {
      this.hint('Next: upload the deposit data to your vault, then create-wallet.');
    } else {
      this.hint(
        `${created.depositDataFile} contains ${countOf(earlierDeposits, 'earlier entry', 'earlier entries')}. A new root starts again at entry 0: what is registered already has to be left out.`,
      );
      this.hint(
        'Next: "operator deposit-data" writes the deposit data of the keys that no deposit has used; upload that to your vault.',
      );
    }
    return created;
  }

  /** What the keys that were derived would be put into. */
  private tell(created: CreatedKeys, count: number): CreatedKeys {
    const { firstIndex, publicKeys, addedKeystores, addedDeposits, earlierDeposits } = created;
    this.say(
      `Would generate ${countOf(count, 'key')} for ${created.vault} vault: indexes ${firstIndex} to ${firstIndex + count - 1} of the mnemonic.`,
    );
    nameEach(
      publicKeys.map((publicKey, i) => ({ publicKey, index: firstIndex + i })),
      ({ publicKey, index }) => this.say(`${index}: ${publicKey}`),
      more => this.say(`and ${more} more`),
    );
    this.say(`Would write ${countOf(addedKeystores, 'keystore')} to ${created.keystoresDir}`);
    this.say(
      `Would add ${countOf(addedDeposits, 'entry', 'entries')} to ${created.depositDataFile}, which has ${countOf(earlierDeposits, 'entry', 'entries')} of other keys.`,
    );
    return created;
  }
}
