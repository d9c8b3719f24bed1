import type { Interfaces } from '@oclif/core';
import { Help } from '@oclif/core/help';
import { inTone } from '../../lib/tones.ts';
import { CommandPage, PAGE_COLUMNS } from './command-page.ts';
import { type Row, renderRows, wrapWords } from './rows.ts';

/** Commands and groups in the order in which they are needed; what is in none of these stands behind them. */
const WORKFLOW: readonly (readonly [heading: string, names: readonly string[]])[] = [
  [
    'KEYS OF A VAULT',
    ['init', 'create-keys', 'deposit-data', 'get-validators-root', 'merge-deposit-data', 'create-wallet'],
  ],
  ['KEYS FOR SIGNERS AND VALIDATOR CLIENTS', ['remote-db', 'remote-signer-setup', 'signer']],
  ['THE OPERATOR', ['import-operator-db', 'plan', 'start', 'healthcheck', 'tx']],
  ['LATER', ['validators-exit', 'exit-validators', 'recover']],
  ['THIS PROGRAM', ['config', 'completion']],
];
/** The same below a group. */
const STEPS: readonly string[] = [
  'setup',
  'upload-keypairs',
  'import-v3-operator',
  'setup-web3signer',
  'setup-validator',
  'setup-operator',
  'assign',
  'verify',
  'log',
  'grants',
  'migrate',
  'prune',
  'cleanup',
  'list',
  'bump',
  'cancel',
];
/** Where the texts begin, behind the longest name of a command. */
const TEXT_COLUMN = 23;
const INDENT = '  ';

/** All help pages. */
export class ProgramHelp extends Help {
  protected override CommandHelpClass = CommandPage;

  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    // Options keep the order in which they are declared.
    super(config, { ...options, flagSortOrder: 'none' });
  }

  protected override async showRootHelp(): Promise<void> {
    const { bin, pjson, userAgent } = this.config;
    const groups = this.sortedTopics.map(({ name, description }) => ({ name, text: description ?? '' }));
    const isOfGroup = (id: string) => groups.some(({ name }) => id.startsWith(`${name}:`));
    const commands = this.sortedCommands.filter(({ id }) => !isOfGroup(id)).map(rowOfCommand);
    const rows = new Map([...groups, ...commands].map(row => [row.name, row]));
    const sections = WORKFLOW.map(([heading, names]) => {
      const found = names.map(name => rows.get(name)).filter(row => row !== undefined);
      for (const { name } of found) rows.delete(name);
      return titled(heading, found);
    });
    const others = rows.size === 0 ? [] : [titled('MORE COMMANDS', [...rows.values()])];
    const page = [
      wrapWords(pjson.description ?? '', PAGE_COLUMNS).join('\n'),
      titled('VERSION', userAgent),
      titled('USAGE', `$ ${bin} COMMAND [OPTIONS]`),
      `Start here: ${bin} init`,
      ...sections,
      ...others,
      `${bin} COMMAND --help shows the options of a command, docs/errors.md every error.`,
    ];
    this.log(`${page.join('\n\n')}\n`);
  }

  protected override async showTopicHelp(topic: Interfaces.Topic): Promise<void> {
    const { bin } = this.config;
    const rows = this.sortedCommands
      .filter(({ id }) => id.startsWith(`${topic.name}:`))
      .map(rowOfCommand)
      .sort((a, b) => placeOf(a) - placeOf(b));
    const page = [
      topic.description ?? '',
      titled('USAGE', `$ ${bin} ${topic.name} COMMAND [OPTIONS]`),
      titled('COMMANDS', rows),
      `${bin} ${topic.name} COMMAND --help shows the options of a command.`,
    ];
    this.log(`${page.join('\n\n')}\n`);
  }
}

function rowOfCommand({ id, summary }: { readonly id: string; readonly summary?: string | undefined }): Row {
  return { name: id.split(':').at(-1) ?? id, text: summary ?? '' };
}

/** What has no place stands last, in its order. */
function placeOf({ name }: Row): number {
  const place = STEPS.indexOf(name);
  return place === -1 ? STEPS.length : place;
}

function titled(heading: string, body: string | readonly Row[]): string {
  const text = typeof body === 'string' ? body : renderRows(body, PAGE_COLUMNS - INDENT.length, TEXT_COLUMN);
  const lines = text.split('\n').map(line => INDENT + line);
  return [inTone('heading', heading, process.stdout), ...lines].join('\n');
}
