import { remoteDbExample } from '../../cli/examples.ts';
import { since } from '../../cli/flags/since.ts';
import { defaulted, optional } from '../../cli/options/option.ts';
import { integer } from '../../cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/log.ts';
import { renderTable } from '../../cli/terminal/table.ts';
import { openRemoteDb } from '../../compose/remote-db.ts';
import {
  describeLease,
  describeLogEntry,
  LOG_HEADINGS,
  logRow,
  readLog,
} from '../../services/remote-db/read-log.ts';

const OPTIONS = {
  since: optional({
    description:
      'Shows what was changed from then on: a date in UTC, such as 2026-11-30T12:00, or how long ago, such as 24h or 7d.',
    value: since,
  }),
  limit: defaulted(() => '50', {
    description: 'How many entries are shown. Default is 50.',
    value: integer({ min: 1, max: 10_000 }),
  }),
};

export default class RemoteDbLog extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary =
    'Shows who has changed the rows of the vault and when, and which operator holds the lease.';
  static override description =
    'Reads the audit log, which the database lets nobody change, and the operators\' lease; the role auditor of "remote-db grants" may do both. ' +
    'A vault that was cleaned up still has its log.';
  static override examples = [remoteDbExample('log --since 7d'), remoteDbExample('log --limit 1000 --json')];

  async run() {
    const { since: from, limit, ...options } = await this.resolve();
    await using remote = await openRemoteDb(options, this.config.version);
    const log = await readLog(remote.database, remote.ref, { since: from, limit });
    const { entries } = log;
    if (entries.length === 0) {
      this.say(from === undefined ? 'Nothing was ever changed.' : 'Nothing was changed since then.');
    } else if (this.columns === undefined) for (const entry of entries) this.say(describeLogEntry(entry));
    else for (const line of renderTable(LOG_HEADINGS, entries.map(logRow))) this.print(`${line}\n`);
    this.say(describeLease(log.lease));
    if (log.more) this.hint(`Next: earlier entries are shown with a --limit above ${limit}.`);
    return log;
  }
}
