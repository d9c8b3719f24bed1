import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/verify.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { EXIT } from '../../lib/errors.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { verifyVault } from '../../services/remote-db/verify-vault.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = { encryptKey };

export default class RemoteDbVerify extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary =
    'Opens and checks every row of the vault. Changes nothing; exits with 3 on findings.';
  static override examples = [remoteDbExample('verify --encrypt-key-file ./encrypt-key')];

  async run() {
    keepHeapSmall();
    const options = await this.resolve();
    this.beginWork('Nothing was changed: this command only reads.');
    await using remote = await openRemoteDb(options, this.config.version);
    await using pool = createWorkerPool();
    const result = await verifyVault(
      { database: remote.database, pool, progress: this.progress('passing') },
      { ref: remote.ref, encryptKey: options.encryptKey },
    );
    const { validators, shares, staleValidators, findings } = result;
    this.say(`Opened ${validators} keypairs and ${shares} shares of the ${options.vault} vault.`);
    if (staleValidators > 0)
      this.warn(`${staleValidators} validators have shares of an earlier oracle set only.`);
    for (const finding of findings) this.say(`Finding: ${finding}`);
    this.say(findings.length === 0 ? 'Everything is as it was uploaded.' : `${findings.length} findings.`);
    if (findings.length > 0) {
      this.hint('Next: stop syncing from this database, and restore it from a backup.');
      process.exitCode = EXIT.differences;
    }
    const { verifyingKey, isPlanSigned, manifestCounter, ...report } = result;
    if (verifyingKey !== undefined) this.hint(vaultPublicKeyHint(verifyingKey));
    return {
      ...report,
      manifestCounter: Number(manifestCounter),
      planSigned: isPlanSigned,
      vaultPublicKey: verifyingKey && formatVaultPublicKey(verifyingKey),
    };
  }
}
