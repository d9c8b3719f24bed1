import { oclifFlags } from '../../cli/oclif-flags.ts';
import { defaulted, flag, required } from '../../cli/option.ts';
import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { choice, integer } from '../../cli/value-kinds.ts';
import { openRemoteDb } from '../../compose.ts';
import { assignKeys } from '../../services/assign-keys.ts';

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
};

export default class RemoteDbAssign extends RemoteDbCommand {
  static override summary = 'Stores which validator runs which key.';
  static override usage = 'remote-db assign [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 10',
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 3 --like-reference',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolveWithGroup(OPTIONS);
    await using remote = await openRemoteDb(options, this.config.version);
    const { plan, isNew, movedKeys } = await assignKeys(remote.database, {
      ref: remote.ref,
      totalClients: options.totalValidators,
      likeReference: options.likeReference
        ? options.referenceVersion === '1.0.1'
          ? 'floor'
          : 'ceil'
        : undefined,
      reassign: options.reassign,
    });
    const counts = Array.from(
      { length: plan.totalClients },
      (_, client) => plan.assignments.filter(each => each.clientIndex === client).length,
    );
    this.say(
      isNew
        ? `Successfully assigned ${plan.assignments.length} keys to ${plan.totalClients} validators; ${movedKeys} keys moved.`
        : `${plan.assignments.length} keys are assigned to ${plan.totalClients} validators already; nothing changed.`,
    );
    this.advise(
      'Next: remote-db setup-validator for every validator. A stored plan is not a lock: see README.',
    );
    return {
      totalValidators: plan.totalClients,
      keys: plan.assignments.length,
      keysPerValidator: counts,
      changed: isNew,
      movedKeys,
    };
  }
}
