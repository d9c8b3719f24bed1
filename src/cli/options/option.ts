// Options are declared here, resolved by resolve-options, and given to oclif as bare flags. What oclif can do by itself
// (parsers, variables, defaults, exclusive flags) does not reach what the manual asks for:
// - questions come one after another, in the order of the options; oclif runs all defaults at once, so they would overlap;
// - booleans in the environment are read as click reads them (also "t" and "on"), and any other word is an error; oclif
//   knows 1, true, y and yes, and takes any other word for false;
// - an error of a value is one sentence of the manual's; oclif puts "Parsing --x" before it and a hint at the help behind;
// - a secret has twins, `--x-file` and `X_FILE`, and it is an error when they contradict each other;
// - a missing option is asked for; where nobody can be asked, one sentence names all that are missing. A required flag of oclif's
//   knows of no question, and each has a line of its own;
// - options of a group, such as those of `remote-db`, may stand before its subcommand.
import type { Interfaces } from '@oclif/core';

/** Where the text of an option's value came from. */
export type OptionSource =
  | { readonly kind: 'flag' | 'environment' | 'prompt' | 'default' }
  /** `--x-file` or `X_FILE`: a long-running command may read it again. */
  | { readonly kind: 'file'; readonly path: string };

/** How a value is written: shown in help, parsed once. */
export interface ValueKind<T> {
  /** Stands for the value in help, e.g. `TEXT`. */
  readonly placeholder: string;
  /** Shown in a prompt after its text, as click shows the choices. */
  readonly choices?: readonly string[] | undefined;
  /** Whether a prompt, too, says what is wrong with an answer; most hints are about the command line. */
  readonly hintsAtPrompt?: boolean | undefined;
  /** @throws UsageError with the sentence that follows "Invalid value for '--x': " */
  readonly parse: (text: string, source: OptionSource) => T | Promise<T>;
}

export interface OptionSpec<T> {
  readonly description: string;
  readonly value: ValueKind<T>;
  /** The option's short form, one letter. */
  readonly char?: Interfaces.AlphabetLowercase | undefined;
  /** Other names of the option, without dashes. */
  readonly aliases?: readonly string[] | undefined;
  /** Environment variable; empty counts as unset. */
  readonly env?: string | undefined;
  /** Variable of a secret that names its file, when it is not `<env>_FILE`. */
  readonly envFile?: string | undefined;
  /** Secrets get `--x-file` and `X_FILE`, and a warning when they stand in argv. A function: whether this text holds one. */
  readonly secret?: boolean | ((text: string) => boolean) | undefined;
  /** The command gives `--x-file` and `X_FILE` a meaning of its own, in an option `xFile`: they are not read for this one. */
  readonly hasOwnFileOption?: boolean | undefined;
  /** Whether the value is not shown while it is typed. */
  readonly hidden?: boolean | undefined;
  /** Heading in help, when it is not the command's own. */
  readonly helpGroup?: string | undefined;
}

/** What a prompt offers, of the values that are known by then; undefined where there is nothing to offer. */
export type Suggestion = (known: Readonly<Record<string, unknown>>) => string | undefined;

interface Presence {
  /** Question asked on a terminal when no value is given. */
  readonly prompt?: string | undefined;
  /** Value that the prompt offers in brackets, and only the prompt: without a terminal the option is missing. */
  readonly suggestion?: Suggestion | undefined;
  /** Value that the prompt offers, and that is taken when there is no terminal. */
  readonly fallback?: (() => string) | undefined;
  readonly presence: 'optional' | 'required' | 'repeated' | 'repeated-required' | 'switch';
  /** Switch of the same command with which a required option may be left out, and is not asked for. */
  readonly unless?: string | undefined;
}

/** One command-line option whose resolved value is a T. */
export interface Option<T> extends OptionSpec<unknown>, Presence {
  /** Never set: carries T, with or without undefined, for the type of the resolved options. */
  readonly resolved?: T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type Resolved<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** What a check of options knows beside them. */
export interface CheckContext {
  /** Whether there is a terminal to ask on. */
  readonly isAttended: boolean;
}

/** What holds between the options of a command. */
export interface OptionRules<O extends Options> {
  /** Switches that must be given where nobody can be asked. */
  readonly unattended?: readonly (keyof O & string)[] | undefined;
  /**
   * Refuses values that do not go together, before anything is opened.
   * @throws UsageError
   */
  readonly check?: ((options: Resolved<O>, context: CheckContext) => void) | undefined;
  /**
   * Refuses what is known already, before each question: nobody answers those whose answers are of no use.
   * @throws OperatorError
   */
  readonly checkKnown?: ((known: Partial<Resolved<O>>) => void) | undefined;
}

/** An option that may be left out. */
export function optional<T>(spec: OptionSpec<T>): Option<T | undefined> {
  return { ...spec, presence: 'optional' };
}

/** An option with a value of its own when it is left out; never asked. */
export function defaulted<T>(fallback: () => string, spec: OptionSpec<T>): Option<T> {
  return { ...spec, fallback, presence: 'optional' };
}

/** An option that must be given; asked on a terminal when it has a prompt. Prompts come in the order of the options. */
export function required<T>(
  spec: OptionSpec<T> & {
    prompt?: string | undefined;
    suggestion?: Suggestion | undefined;
    fallback?: (() => string) | undefined;
  },
): Option<T> {
  return { ...spec, presence: 'required' };
}

/** A required option that is not needed, nor asked for, when a switch of the same command is given. */
export function requiredUnless<T>(unless: string, option: Option<T>): Option<T | undefined> {
  return { ...option, unless };
}

/** An option that may be given several times. */
export function repeated<T>(spec: OptionSpec<T> & { required?: boolean | undefined }): Option<readonly T[]> {
  const { required: must, ...rest } = spec;
  return { ...rest, presence: must ? 'repeated-required' : 'repeated' };
}

/** A switch: `--x`, or its variable as click reads booleans. */
export function flag(spec: Omit<OptionSpec<boolean>, 'value' | 'secret' | 'hidden'>): Option<boolean> {
  return { ...spec, value: { placeholder: '', parse: () => true }, presence: 'switch' };
}

/** `--data-dir` for the option `dataDir`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** Name of the variable that holds the path of a secret's file. */
export function fileVariable(option: OptionSpec<unknown>): string | undefined {
  return option.envFile ?? (option.env === undefined ? undefined : `${option.env}_FILE`);
}
