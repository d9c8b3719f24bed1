import type { Command } from '@oclif/core';
import { CommandHelp } from '@oclif/core/help';
import { inTone } from '../../lib/tones.ts';
import { groupOptions, REQUIRED_GROUP } from './option-groups.ts';
import { type Row, renderRows, wrapWords } from './rows.ts';

/** Letters of a line of help, wherever it is shown. */
export const PAGE_COLUMNS = 80;
/** Columns that oclif indents the bodies of sections by. */
const INDENT = 2;

/** What the exit code of every command tells. */
const EXIT_CODES: readonly Row[] = [
  { name: '0', text: 'done' },
  { name: '1', text: 'failed' },
  { name: '2', text: 'the command line or a setting is wrong; nothing was done' },
  {
    name: '3',
    text: 'differences were found, or a brake stopped the command before it did something drastic',
  },
  { name: '70', text: 'a bug of the program' },
  { name: '130', text: 'Ctrl-C' },
];

const RUN_UNTIL_STOPPED = ['start', 'signer'];

/** The help page of a command: what must be given first, then its options under headings. */
export class CommandPage extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    return [
      { header: 'USAGE', generate: ({ flags }) => this.usageOf(flags) },
      {
        header: 'OPTIONS',
        generate: ({ flags }) =>
          groupOptions(flags.filter(flag => !this.isUseless(flag))).map(group => ({
            header: group.heading,
            body: renderRows(group.flags.map(rowOf), PAGE_COLUMNS - INDENT),
          })),
      },
      { header: 'DESCRIPTION', generate: () => this.description() },
      { header: 'EXAMPLES', generate: ({ cmd }) => this.examples(cmd.examples) },
      {
        header: 'EXIT CODES',
        generate: () => renderRows(EXIT_CODES, PAGE_COLUMNS - INDENT, 5),
      },
    ];
  }

  override section(header: string, body: Parameters<CommandHelp['section']>[1]): string {
    const [, ...lines] = super.section(header, body).split('\n');
    return [inTone('heading', header, process.stdout), ...lines].join('\n');
  }

  /** Commands that run until they are stopped have no result that anybody reads. */
  private isUseless({ name }: Command.Flag.Any): boolean {
    return name === 'json' && RUN_UNTIL_STOPPED.includes(this.command.id);
  }

  /** The command with what must be given, a secret by its file; options of its group among them. */
  private usageOf(flags: readonly Command.Flag.Any[]): string {
    const required = flags.filter(flag => flag.helpGroup === REQUIRED_GROUP);
    const named = new Set(required.map(({ name }) => name));
    const shown = required.filter(({ name }) => !named.has(`${name}-file`));
    const words = shown.map(flag => labelOf(flag).replace(/^-\w, /, ''));
    const args = Object.keys(this.command.args).map(name => name.toUpperCase());
    const lines = wrapWords(
      ['$', this.config.bin, this.command.id, ...args, ...words, '[OPTIONS]'].join(' '),
      PAGE_COLUMNS - 3 * INDENT,
    );
    return lines.join(`\n${' '.repeat(2 * INDENT)}`);
  }
}

function rowOf(flag: Command.Flag.Any): Row {
  const isFile = flag.name.endsWith('-file') && (flag.description ?? '').startsWith('File to read --');
  const mark = flag.helpGroup === REQUIRED_GROUP && !isFile ? '(required) ' : '';
  return { name: labelOf(flag), text: `${mark}${flag.description ?? ''}` };
}

function labelOf(flag: Command.Flag.Any): string {
  const names = [flag.name, ...(flag.aliases ?? [])].map(name => `--${name}`);
  const name = [...(flag.char === undefined ? [] : [`-${flag.char}`]), ...names].join(', ');
  if (flag.type !== 'option') return name;
  return `${name}=${flag.helpValue ?? 'TEXT'}${flag.multiple ? '...' : ''}`;
}
