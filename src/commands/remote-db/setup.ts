import { existsSync } from 'node:fs';
import { example, remoteDbExample } from '../../cli/examples.ts';
import { existingEncryptKey } from '../../cli/flags/encrypt-key.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { CommandLineError } from '../../cli/options/command-line-error.ts';
import { flag, optional, type Resolved } from '../../cli/options/option.ts';
import { file } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/setup.ts';
import { missingDatabaseDirectory, openRemoteDb } from '../../compose/remote-db.ts';
import { listMigrations } from '../../db/migrator.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { previewSetup, type SetupVaultPreview, setupVault } from '../../services/remote-db/setup-vault.ts';

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
  dryRun: dryRunFlag('Shows which tables and keys would be made, and makes none.'),
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
    const directory = options.dryRun ? missingDatabaseDirectory(options) : undefined;
    if (directory !== undefined) {
      this.say(`Would make the embedded database at ${directory}.`);
      const keyFile = options.encryptKey === undefined ? options.encryptKeyFile : undefined;
      const isFresh = keyFile !== undefined && !existsSync(keyFile);
      return this.preview({
        migrations: listMigrations(),
        created: true,
        keyFile: isFresh ? keyFile : undefined,
      });
    }
    await using remote = await openRemoteDb(options);
    const setup = { ...options, ref: remote.ref, programVersion: this.config.version };
    if (options.dryRun) return this.preview(await previewSetup(remote.database, setup));
    const result = await setupVault(remote.database, setup);
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

  private preview({ migrations, created, keyFile }: SetupVaultPreview) {
    if (migrations.length > 0) this.say(`Would migrate the database: ${migrations.join(', ')}.`);
    if (created === false) this.say('The remote database is configured already.');
    else if (created) {
      const where = keyFile === undefined ? '' : `, saved to ${keyFile} file`;
      this.say(`Would give the vault an encryption key${where}.`);
    } else this.say('Whether the vault has an encryption key can be read after the migration only.');
    return { migrations, created: created ?? false, keyFile, dryRun: true as const };
  }

  /** The only time it is shown; with --json it goes to stderr like all that is not the result. */
  private showKey(encryptionKey: string): void {
    this.say(`Encryption key: ${encryptionKey}`);
  }
}
