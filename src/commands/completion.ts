import { Args } from '@oclif/core';
import { bashCompletion } from '../cli/completion/bash.ts';
import { describeCompletion } from '../cli/completion/completed-program.ts';
import { fishCompletion } from '../cli/completion/fish.ts';
import { zshCompletion } from '../cli/completion/zsh.ts';
import { example } from '../cli/examples.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { CommandLineError } from '../cli/options/command-line-error.ts';
import type { RESULT } from '../cli/results/completion.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
const SHELLS = Object.keys(SCRIPTS);

type Shell = keyof typeof SCRIPTS;

export default class Completion extends operatorCommand({})<typeof RESULT> {
  static override summary = 'Prints a script that completes command lines in bash, zsh or fish.';
  static override description =
    'It completes commands, options, words and paths, of "operator" and "v3-operator". It has all of them in itself: no program is started ' +
    'when a word is completed, and nothing is written. Print it again after an upgrade.';
  static override examples = [
    example("completion bash > ~/.operator-completion && echo '. ~/.operator-completion' >> ~/.bashrc"),
    example('completion zsh > ~/.zfunc/_operator'),
    example('completion fish > ~/.config/fish/completions/operator.fish'),
  ];
  static override args = {
    shell: Args.string({ description: `One of ${SHELLS.join(', ')}.` }),
  };

  async run() {
    await this.resolve();
    const { argv } = await this.parse();
    const shell = readShell(argv[0]);
    const script = SCRIPTS[shell](describeCompletion(this.config));
    // Not for stderr beside the JSON, as other results are: it is a document, not a line for people.
    if (!this.jsonEnabled()) this.print(script);
    return { shell, script };
  }
}

function readShell(word: unknown): Shell {
  if (word === undefined)
    throw new CommandLineError('missing-argument', "Missing argument 'SHELL'.", {
      hint: `Name one: ${SHELLS.join(', ')}.`,
    });
  const shell = SHELLS.find((name): name is Shell => name === word);
  if (shell !== undefined) return shell;
  const known = SHELLS.map(name => `'${name}'`).join(', ');
  throw new CommandLineError('invalid-choice', `'${String(word)}' is not one of ${known}.`);
}
