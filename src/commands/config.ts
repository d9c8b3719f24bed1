import { Args } from '@oclif/core';
import { wordsBeforeDashes } from '../cli/command-names.ts';
import { commandTree } from '../cli/command-tree.ts';
import { example } from '../cli/examples.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { CommandLineError } from '../cli/options/command-line-error.ts';
import { variablePathsOf } from '../cli/program-config.ts';
import type { RESULT } from '../cli/results/config.ts';
import { routeArgv } from '../cli/route.ts';
import { describeSource, showOptions } from '../cli/shown-options.ts';
import { renderTable } from '../cli/terminal/table.ts';

export default class ShowConfig extends operatorCommand({})<typeof RESULT> {
  static override summary = 'Shows the options of a command line and where each value comes from.';
  static override description =
    'The command line, the environment, a file of --env-file, config.json of the vault, or a default. Secrets are masked. Nothing is opened ' +
    'but the files that hold values; a value that is invalid is refused as the command itself refuses it.';
  static override examples = [
    example('config start --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc'),
    example('config remote-db verify --env-file .env --json'),
  ];
  static override args = {
    command: Args.string({ description: 'The command, and its options behind it.' }),
  };
  /** What stands behind the command is that command's, and read by its options. */
  static override strict = false;

  async run() {
    await this.checkLogFormat({});
    const route = routeArgv(withoutJson(this.argv), commandTree(this.config));
    if (route.kind === 'help')
      throw new CommandLineError('missing-argument', "Missing argument 'COMMAND'.", {
        hint: 'Name the command whose options are to be shown, for example "config start".',
      });
    const { words, argv } = route;
    const command = await this.config.findCommand(words.join(':'), { must: true }).load();
    const own = this.argv;
    const { flags } = await this.parse(command, [...argv]);
    // oclif takes what was parsed last for the words of this command, and would look for its --json there.
    this.argv = own;
    const input = { ...this.inputOf(flags), prompter: undefined };
    const shown = await showOptions(command, input, variablePathsOf(this.config));
    const rows = shown.map(one => [one.option, one.value ?? '-', describeSource(one)]);
    for (const line of renderTable(['option', 'value', 'source'], rows)) this.print(`${line}\n`);
    return { command: words.join(' '), options: shown };
  }
}

function withoutJson(argv: readonly string[]): readonly string[] {
  const words = wordsBeforeDashes(argv);
  return [...words.filter(word => word !== '--json'), ...argv.slice(words.length)];
}
