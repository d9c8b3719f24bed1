import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { adviseVaultPublicKey } from '../../cli/flags/vault-public-key.ts';
import { oclifFlags } from '../../cli/options/oclif-flags.ts';
import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { EXIT } from '../../lib/errors.ts';
import { verifyVault } from '../../services/remote-db/verify-vault.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = { encryptKey };

export default class RemoteDbVerify extends RemoteDbCommand {
  static override summary =
    'Opens and checks every row of the vault. Changes nothing; exits with 3 on findings.';
  static override usage = 'remote-db verify [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc verify --encrypt-key-file ./encrypt-key',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolveWithGroup(OPTIONS);
    await using remote = await openRemoteDb(options, this.config.version);
    await using pool = createWorkerPool();
    const result = await verifyVault(
      { database: remote.database, pool, progress: this.bars },
      { ref: remote.ref, encryptKey: options.encryptKey },
    );
    const { validators, shares, staleValidators, findings } = result;
    this.say(`Opened ${validators} keypairs and ${shares} shares of the ${options.vault} vault.`);
    if (staleValidators > 0)
      this.alert(`${staleValidators} validators have shares of an earlier oracle set only.`);
    for (const finding of findings) this.say(`Finding: ${finding}`);
    this.say(findings.length === 0 ? 'Everything is as it was uploaded.' : `${findings.length} findings.`);
    if (findings.length > 0) {
      this.advise('Next: stop syncing from this database, and restore it from a backup.');
      process.exitCode = EXIT.differences;
    }
    const { verifyingKey, ...report } = result;
    if (verifyingKey !== undefined) this.advise(adviseVaultPublicKey(verifyingKey));
    return { ...report, vaultPublicKey: verifyingKey && formatVaultPublicKey(verifyingKey) };
  }
}
