import { z } from 'zod';
import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import * as member from '../../cli/result-members.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { EXIT } from '../../lib/errors.ts';
import { verifyVault } from '../../services/remote-db/verify-vault.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = { encryptKey };

const RESULT = z.strictObject({
  validators: member.number('How many validators were checked.'),
  shares: member.number('How many key shares were opened.'),
  staleValidators: member.number('How many validators have shares of an earlier oracle set only.'),
  depositDataEntries: member.number('How many entries the deposit data has.'),
  manifestCounter: member.number('How many manifests the vault has had: one more with each upload.'),
  planSigned: member.yesOrNo(
    'Whether the plan of validator clients is signed; where there is none, it is not.',
  ),
  findings: z
    .array(member.text('What is not as it was written.'))
    .describe('All that is not as it was written; empty when all is well, else the exit code is 3.'),
  vaultPublicKey: member.vaultPublicKey,
});

export default class RemoteDbVerify extends remoteDbCommand(OPTIONS, { result: RESULT }) {
  static override summary =
    'Opens and checks every row of the vault. Changes nothing; exits with 3 on findings.';
  static override examples = [remoteDbExample('verify --encrypt-key-file ./encrypt-key')];

  async run() {
    const options = await this.resolve();
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
