import type { WriteStream } from 'node:tty';
import { Command } from '@oclif/core';
import { oneLine, printable, printableMember } from '../lib/foreign-text.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import { processEnvironment } from '../settings/environment.ts';
import type { Options, Resolved } from './options/option.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { createProgressReporter, createTerminalProgressReporter, PassingBars } from './terminal/progress.ts';
import { createPrompter, type Prompter } from './terminal/prompt.ts';

/**
 * Base of every command: typed options, and one rule for output. Results go to stdout, hints and warnings to stderr;
 * with `--json` stdout carries the value returned by `run` and nothing else.
 */
export abstract class OperatorCommand extends Command {
  static override enableJsonFlag = true;

  /** Bars of long steps that the manual does not show: on stderr and only while they last, so that stdout is the manual's. */
  protected readonly bars = new PassingBars(process.stderr);

  /**
   * What the command was asked to do: see {@link resolveOptions}.
   * @param unattended - switches that must be given where nobody can be asked
   */
  protected async resolve<O extends Options>(
    options: O,
    { unattended = [] }: { readonly unattended?: readonly (keyof O & string)[] | undefined } = {},
  ): Promise<Resolved<O>> {
    const { flags } = await this.parse();
    const prompter = this.prompter;
    return resolveOptions(options, {
      unattended,
      flags,
      environment: processEnvironment(),
      prompter,
      warn: line => this.alert(line),
    });
  }

  /** Questions to the user; undefined without a terminal. */
  protected get prompter(): Prompter | undefined {
    return process.stdin.isTTY ? createPrompter(process.stdin, this.output) : undefined;
  }

  /** Steps and bars, on stdout as the manual shows them. */
  protected get progress(): ProgressReporter {
    return createProgressReporter(this.output);
  }

  /** Bars that stay, on a terminal only: scripts read the lines they know. */
  protected get extraProgress(): ProgressReporter {
    return createTerminalProgressReporter(this.output);
  }

  /** Whether {@link progress} draws bars: the manual leaves a line free after them. */
  protected get hasBars(): boolean {
    return this.output.isTTY;
  }

  /** Prints a result line of the manual. An arrow function, so that services can be given it as it is. */
  protected readonly say = (line: string): void => {
    this.output.write(`${oneLine(line)}\n`);
  };

  /** Prints a document with the lines that it has: what is to be put into a file. */
  protected readonly print = (document: string): void => {
    this.output.write(printable(document));
  };

  /** Tells what to do next, beside the result. */
  protected readonly advise = (line: string): void => {
    process.stderr.write(`${oneLine(line)}\n`);
  };

  /** Warns of something that does not stop the command. */
  protected readonly alert = (line: string): void => {
    process.stderr.write(`Warning: ${oneLine(line)}\n`);
  };

  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, toJsonValue, 2)}\n`);
  }

  /** Errors are printed at one edge, see program.ts. */
  override async catch(error: Error): Promise<void> {
    throw error;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.bars[Symbol.dispose]();
    await super.finally(error);
  }

  private get output(): WriteStream {
    return this.jsonEnabled() ? process.stderr : process.stdout;
  }
}

function toJsonValue(key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : printableMember(key, value);
}
