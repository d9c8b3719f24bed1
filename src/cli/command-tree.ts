import type { Config } from '@oclif/core/config';
import { groupOptions } from './flags/remote-db.ts';
import type { CommandTree } from './route.ts';

/** First words that other words follow; of one without options of its own, all options stand behind the command. */
const GROUPS: CommandTree['groups'] = new Map([
  ['remote-db', groupOptions()],
  ['tx', { valued: new Set(['--log-format']), switches: new Set(['--json']) }],
]);

/** The commands of the program, and what may stand before those of a group. */
export function commandTree({ commandIDs }: Pick<Config, 'commandIDs'>): CommandTree {
  return { commands: new Set(commandIDs.map(id => id.replaceAll(':', ' '))), groups: GROUPS };
}
