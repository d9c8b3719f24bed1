import { remoteDbExample } from '../../cli/examples.ts';
import { signingEncryptKey } from '../../cli/flags/encrypt-key.ts';
import { checkFlag } from '../../cli/flags/preview.ts';
import { vaultPublicKeyHint } from '../../cli/flags/vault-public-key.ts';
import { defaulted, flag, type Resolved, required } from '../../cli/options/option.ts';
import { choice, integer } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/assign.ts';
import { openRemoteDb, type RemoteDb } from '../../compose/remote-db.ts';
import { formatVaultPublicKey } from '../../domain/fleet/statement.ts';
import { UsageError } from '../../lib/errors.ts';
import { assertPlanStored, assignKeys } from '../../services/fleet/assign-keys.ts';
import { assignSignedKeys } from '../../services/fleet/assign-signed-keys.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = {
  totalValidators: required({
    description: 'The total number of validators connected to the web3signer.',
    value: integer({ min: 1 }),
    prompt: 'Enter the total number of validators connected to the web3signer',
  }),
  likeReference: flag({ description: 'Stores the ranges of the Python operator, for a move from it.' }),
  referenceVersion: defaulted(() => '1.0.1', {
    description: 'Whose ranges: up to 1.0.1 (rounded down, the default), or 1.0.2 and later (rounded up).',
    value: choice(['1.0.1', '1.0.2']),
  }),
  reassign: flag({ description: 'Lets keys move between validators. Stop those that lose keys first.' }),
  check: checkFlag(
    'Shows how many keys each validator would have and how many would move. Stores nothing; exits with 3 when the plan would change.',
  ),
  encryptKey: signingEncryptKey,
  trustStored: flag({
    description: 'Signs the stored plan although it was stored or changed without the encryption key.',
  }),
};

function check({ encryptKey, trustStored }: Resolved<typeof OPTIONS>): void {
  if (trustStored && encryptKey === undefined)
    throw new UsageError('contradiction', '--trust-stored is of use with --encrypt-key-file only.');
}

export default class RemoteDbAssign extends remoteDbCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Stores which validator runs which key.';
  static override examples = [
    remoteDbExample('assign --total-validators 10'),
    remoteDbExample('assign --total-validators 10 --check'),
    remoteDbExample('assign --total-validators 3 --like-reference'),
    remoteDbExample('assign --total-validators 10 --encrypt-key-file ./encrypt-key'),
  ];

  async run() {
    const options = await this.resolve();
    await using remote = await openRemoteDb(options, this.config.version);
    const assigned = await this.assign(remote, options);
    const { plan, isNew, movedKeys, verifyingKey } = assigned;
    const counts = Array.from(
      { length: plan.totalClients },
      (_, client) => plan.assignments.filter(each => each.clientIndex === client).length,
    );
    const keysOfEach = `${counts.slice(0, 20).join(', ')}${counts.length > 20 ? ', …' : ''} keys`;
    const keys = `${plan.assignments.length} keys`;
    const validators = `${plan.totalClients} validators`;
    if (!isNew) this.say(`${keys} are assigned to ${validators} already; nothing changed.`);
    else if (options.check)
      this.say(`Would assign ${keys} to ${validators} (${keysOfEach}); ${movedKeys} keys would move.`);
    else this.say(`Successfully assigned ${keys} to ${validators}; ${movedKeys} keys moved.`);
    if (options.check) {
      if (verifyingKey !== undefined) this.hint("The plan would be signed with the vault's key.");
      assertPlanStored(assigned);
    } else {
      this.hint(
        'Next: remote-db setup-validator for every validator. A stored plan is not a lock: docs/validator-clients.md.',
      );
      if (verifyingKey !== undefined) {
        this.hint(`Signed: ${keysOfEach}.`);
        this.hint(vaultPublicKeyHint(verifyingKey));
      }
    }
    return {
      totalValidators: plan.totalClients,
      keys: plan.assignments.length,
      keysPerValidator: counts,
      changed: isNew,
      movedKeys,
      dryRun: options.check || undefined,
      // That of a first signature is made anew by each run.
      vaultPublicKey: options.check ? undefined : verifyingKey && formatVaultPublicKey(verifyingKey),
    };
  }

  /** Stores the plan, or only compares it; with the encryption key it is signed, too. */
  private async assign(remote: RemoteDb, options: Resolved<typeof OPTIONS>) {
    const { encryptKey, trustStored, reassign, check } = options;
    const plan = {
      ref: remote.ref,
      totalClients: options.totalValidators,
      likeReference: rangesOf(options),
      reassign,
      check,
    };
    if (encryptKey === undefined) {
      return { ...(await assignKeys(remote.database, plan)), verifyingKey: undefined };
    }
    await using pool = createWorkerPool();
    return await assignSignedKeys({ database: remote.database, pool }, { ...plan, encryptKey, trustStored });
  }
}

function rangesOf({
  likeReference,
  referenceVersion,
}: Resolved<typeof OPTIONS>): 'floor' | 'ceil' | undefined {
  if (!likeReference) return undefined;
  return referenceVersion === '1.0.1' ? 'floor' : 'ceil';
}
