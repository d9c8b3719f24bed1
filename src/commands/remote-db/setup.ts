import { example, remoteDbExample } from '../../cli/examples.ts';
import { existingEncryptKey } from '../../cli/flags/encrypt-key.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { CommandLineError } from '../../cli/options/command-line-error.ts';
import { flag, optional, type Resolved } from '../../cli/options/option.ts';
import { file } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { setupVault } from '../../services/remote-db/setup-vault.ts';

const OPTIONS = {
  encryptKeyFile: optional({
    description:
      'File to create with the encryption key (readable by you alone), or to read an existing one from.',
    env: 'REMOTE_DB_ENCRYPT_KEY_FILE',
    value: file({ exists: false }),
  }),
  encryptKey: existingEncryptKey,
  ifNeeded: flag({
    description: 'Exits with 0 when the vault is set up already, after checking the encryption key.',
  }),
  replaceKey: flag({
    description:
      'Gives a vault that has no keypairs yet another encryption key, as when the first one was lost. The old one is of no use after it.',
  }),
};

function check({ encryptKey, encryptKeyFile, ifNeeded, replaceKey }: Resolved<typeof OPTIONS>): void {
  if (ifNeeded && replaceKey) {
    throw new CommandLineError(
      'contradiction',
      '--if-needed leaves the encryption key as it is, and --replace-key makes another one; use one of them.',
    );
  }
  if (encryptKey !== undefined && encryptKeyFile !== undefined) {
    throw new CommandLineError(
      'contradiction',
      'The encryption key is given as --encrypt-key (REMOTE_DB_ENCRYPT_KEY) and as --encrypt-key-file (REMOTE_DB_ENCRYPT_KEY_FILE); use one of them.',
    );
  }
}

export default class RemoteDbSetup extends remoteDbCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Creates database tables and generates new encryption key.';
  static override examples = [
    example(
      'remote-db --db-url=postgresql://postgres:postgres@localhost/operator --vault=0x8189aF89A7718C1baB5628399FC0ba50C6949bCc setup',
    ),
    remoteDbExample('setup --if-needed --encrypt-key-file ./encrypt-key'),
  ];

  async run() {
    const options = await this.resolve();
    await using remote = await openRemoteDb(options);
    const result = await setupVault(remote.database, {
      ...options,
      ref: remote.ref,
      programVersion: this.config.version,
    });
    if (!result.created) {
      this.say('The remote database is configured already.');
    } else {
      this.say('Successfully configured remote database.');
      if (result.encryptionKey !== undefined) this.showKey(result.encryptionKey);
      else if (result.keyFile !== undefined) this.say(`Encryption key saved to ${result.keyFile} file.`);
      this.say('NB! You must store your encryption in a secure cold storage!');
      this.hint('Next: remote-db upload-keypairs.');
    }
    const { migrations, created, keyFile, verifyingKey } = result;
    if (verifyingKey !== undefined) this.hint(vaultPublicKeyHint(verifyingKey));
    return {
      migrations,
      created,
      keyFile,
      vaultPublicKey: verifyingKey && formatVaultPublicKey(verifyingKey),
    };
  }

  /** The only time it is shown; with --json it goes to stderr like all that is not the result. */
  private showKey(encryptionKey: string): void {
    this.say(`Encryption key: ${encryptionKey}`);
  }
}
