import type { WriteStream } from 'node:tty';
import { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import type { z } from 'zod';
import { oneLine, printable, printableMember } from '../lib/foreign-text.ts';
import { jsonLogLine } from '../lib/log-format.ts';
import { inTone } from '../lib/tones.ts';
import { processEnvironment } from '../settings/environment.ts';
import { GLOBAL_OPTIONS } from './flags/global.ts';
import { logFormatOf } from './log-format.ts';
import { oclifFlags } from './options/oclif-flags.ts';
import type { OptionRules, Options, Resolved } from './options/option.ts';
import { type OptionInput, resolveOptions } from './options/resolve-options.ts';
import { variablePathsOf } from './program-config.ts';
import type { ResultOf } from './result-members.ts';
import { Aborted } from './terminal/aborted.ts';
import { Interruption } from './terminal/interruption.ts';
import { createProgress, type Progress, type ProgressStyle } from './terminal/progress.ts';
import { createPrompter, type Prompter } from './terminal/prompt.ts';

const NOTHING_CHANGED = 'Nothing was changed.';

/** The manual's lines which say that a command has done what it is for. */
const DONE = /^(Done\.|Successfully )/;

/**
 * Base of every command, and one rule for output. Results go to stdout, hints and warnings to stderr; with `--json` stdout
 * carries the value returned by `run` and nothing else. Commands extend it through {@link operatorCommand}.
 */
abstract class OperatorCommand extends Command {
  static override enableJsonFlag = true;
  static override usage = '<%= command.id %> [OPTIONS]';

  readonly #progress: Progress[] = [];
  #interruption: Interruption | undefined;
  /** Warnings about options that were given: a command may look at some of them first. */
  readonly #warned = new Set<string>();

  constructor(argv: string[], config: Config) {
    super(argv, config);
    // Services are given it as it is.
    this.warn = this.warn.bind(this);
  }

  /** What the command was asked to do: see {@link resolveOptions}. The rules between the options hold for what it gives. */
  protected async resolveOptions<O extends Options>(
    options: O,
    { unattended = [], check, checkKnown }: OptionRules<O> = {},
  ): Promise<Resolved<O>> {
    const { flags } = await this.parse();
    const prompter = this.prompter;
    const given = this.inputOf(flags);
    await this.checkLogFormat(flags);
    const resolved = await resolveOptions(options, {
      ...given,
      unattended,
      checkKnown: known => checkKnown?.(known as Partial<Resolved<O>>),
      prompter,
    });
    check?.(resolved, { isAttended: prompter !== undefined });
    return resolved;
  }

  /** Refuses a format that is none before anything else is read. @throws CommandLineError */
  protected async checkLogFormat(flags: OptionInput['flags']): Promise<void> {
    const input = { ...this.inputOf(flags), prompter: undefined };
    await resolveOptions({ logFormat: GLOBAL_OPTIONS.logFormat }, input);
  }

  /** What options are resolved by, beside questions. */
  protected inputOf(flags: OptionInput['flags']): Omit<OptionInput, 'prompter'> {
    return {
      flags,
      environment: processEnvironment(),
      variablePaths: variablePathsOf(this.config),
      warn: line => this.warnOnce(line),
    };
  }

  /** Questions to the user; undefined without a terminal. */
  protected get prompter(): Prompter | undefined {
    return process.stdin.isTTY ? createPrompter(process.stdin, this.output) : undefined;
  }

  /** Shows how far the steps of the command have come. What passes goes to stderr, so that stdout is the manual's. */
  protected progress(style: ProgressStyle): Progress {
    const progress = createProgress(style === 'passing' ? process.stderr : this.output, style);
    this.#progress.push(progress);
    return progress;
  }

  /**
   * Begins work that takes long: whoever interrupts it is told what has become of it.
   * @param kept - what there is to say of it before it has changed anything
   * @returns how to say something else from now on
   */
  protected beginWork(kept = NOTHING_CHANGED): (kept: string) => void {
    this.#interruption ??= new Interruption(kept, line => {
      this.endProgress();
      // The terminal has echoed ^C.
      process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}${oneLine(line)}\n`);
    });
    this.#interruption.whenInterrupted(kept);
    return this.#interruption.whenInterrupted;
  }

  /** Prints a result line of the manual. An arrow function, so that services can be given it as it is. */
  protected readonly say = (line: string): void => {
    const text = oneLine(line);
    this.output.write(`${DONE.test(text) ? inTone('success', text, this.output) : text}\n`);
  };

  /** Width of the terminal that results go to, in letters; undefined where they go to a file or another program. */
  protected get columns(): number | undefined {
    return this.output.isTTY ? this.output.columns : undefined;
  }

  /** Prints a document with the lines that it has: what is to be put into a file. */
  protected readonly print = (document: string): void => {
    this.output.write(printable(document));
  };

  /** Tells what to do next, beside the result. */
  protected readonly hint = (line: string): void => {
    process.stderr.write(`${oneLine(line)}\n`);
  };

  /** Warns of something that does not stop the command. */
  override warn(input: Error | string): Error | string {
    const line = typeof input === 'string' ? input : input.message;
    if (logFormatOf(this.argv) === 'json') process.stderr.write(jsonLogLine('warn', {}, line));
    else process.stderr.write(`${inTone('warning', 'Warning: ', process.stderr)}${oneLine(line)}\n`);
    return input;
  }

  private warnOnce(line: string): void {
    if (this.#warned.has(line)) return;
    this.#warned.add(line);
    this.warn(line);
  }

  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, printableMember, 2)}\n`);
  }

  /** Errors are printed at one edge, see program.ts. */
  override async catch(error: Error): Promise<void> {
    throw error;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.endProgress();
    this.#interruption?.[Symbol.dispose]();
    if (error instanceof Aborted && this.#interruption !== undefined) this.hint(this.#interruption.kept);
    await super.finally(error);
  }

  private endProgress(): void {
    for (const progress of this.#progress) progress[Symbol.dispose]();
  }

  private get output(): WriteStream {
    return this.jsonEnabled() ? process.stderr : process.stdout;
  }
}

/**
 * The base of a command that takes these options: oclif's flags are made from them, and {@link OperatorCommand} resolves them.
 * The command names the schema of its result, by its type alone: no command needs the schema to run.
 * A function, not a static field of the command that the base class reads: what `this.constructor` declares has no type there,
 * and oclif takes into its manifest the fields of a class, not what an accessor of its base derives.
 */
export function operatorCommand<O extends Options>(options: O, rules: OptionRules<O> = {}) {
  abstract class DeclaredCommand<R extends z.ZodType> extends OperatorCommand {
    static override flags = { ...oclifFlags(options), ...oclifFlags(GLOBAL_OPTIONS) };

    /** The declared options. An accessor, which oclif leaves out of the manifest. */
    static get options(): O {
      return options;
    }

    /** These and those of its group: all that the command resolves. */
    static get allOptions(): Options {
      return options;
    }

    /** Returns what the command prints with `--json`. */
    abstract override run(): Promise<ResultOf<R>>;

    protected resolve(): Promise<Resolved<O>> {
      return this.resolveOptions(options, rules);
    }
  }
  return DeclaredCommand;
}
