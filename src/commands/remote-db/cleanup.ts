import { remoteDbExample } from '../../cli/examples.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import { flag } from '../../cli/options/option.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/cleanup.ts';
import { Aborted } from '../../cli/terminal/aborted.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import { countOf } from '../../lib/plural.ts';
import { cleanUpVault, countVault } from '../../services/remote-db/clean-up-vault.ts';

const OPTIONS = {
  yes: { ...flag({ description: 'Removes without asking.' }), unless: 'dryRun' },
  dryRun: dryRunFlag('Shows what would be removed, and removes nothing.'),
};

export default class RemoteDbCleanup extends remoteDbCommand(OPTIONS, {
  unattended: ['yes'],
})<typeof RESULT> {
  static override summary = 'Removes all the entries for the vault from the database.';
  static override examples = [remoteDbExample('cleanup --dry-run'), remoteDbExample('cleanup')];

  async run() {
    const { yes, dryRun, ...options } = await this.resolve();
    await using remote = await openRemoteDb(options, this.config.version);
    const counts = await countVault(remote.database, remote.ref);
    const { validators, shares, oracleSets } = counts;
    const keys = countOf(validators, 'keypair');
    const parts = `${countOf(shares, 'share')} of ${countOf(oracleSets, 'oracle set')}`;
    if (dryRun) {
      const others = `${countOf(counts.depositData, 'deposit data document')}, ${countOf(counts.assignments, 'assignment')}`;
      this.say(
        `Would remove all the entries for the ${options.vault} vault: ${keys}, ${parts}, ${others} and its encryption key.`,
      );
      return { removed: counts, dryRun };
    }
    if (validators > 0) {
      this.warn(
        `this removes ${keys} and ${parts} of the ${options.vault} vault; only the mnemonic or a backup brings the keys back.`,
      );
    } else this.hint(`The ${options.vault} vault has no keypairs; its encryption key is removed.`);
    if (!yes) {
      const answer = (await this.prompter?.askLine('Do you want to continue? [y/N]: ')) ?? '';
      if (!/^y(es)?$/i.test(answer.trim())) throw new Aborted();
    }
    await cleanUpVault(remote.database, remote.ref);
    this.say(`Successfully removed all the entries for the ${options.vault} vault.`);
    this.hint('Next: remote-db setup makes a new encryption key.');
    return { removed: counts };
  }
}
