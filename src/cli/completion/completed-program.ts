import type { Command } from '@oclif/core';
import type { Config } from '@oclif/core/config';
import { TWO_WORD_NAMES } from '../command-names.ts';
import { REMOTE_DB_OPTIONS } from '../flags/remote-db.ts';
import { FOREIGN_GROUP } from '../help/option-groups.ts';
import { flagName } from '../options/option.ts';

/** What may stand behind an option, or behind a command. */
export interface CompletedValue {
  readonly words: readonly string[];
  readonly paths: 'files' | 'directories' | undefined;
}

interface CompletedOption {
  /** `--data-dir`. */
  readonly name: string;
  readonly description: string;
  /** undefined of a switch. */
  readonly value: CompletedValue | undefined;
}

interface CompletedCommand {
  /** `remote-db setup`; a group has its own name, the program none. */
  readonly words: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: CompletedValue | undefined;
}

/** All that the scripts complete. */
export interface CompletedProgram {
  /** The names that the program is called by. */
  readonly names: readonly string[];
  /** Commands, groups of them and, first, the program itself. */
  readonly commands: readonly CompletedCommand[];
  /** Words behind which a whole command line is completed again. */
  readonly leads: readonly string[];
}

const HELP: CompletedOption = { name: '--help', description: 'Shows help.', value: undefined };
const VERSION: CompletedOption = { name: '--version', description: 'Shows the version.', value: undefined };
/** Behind these stands a command line of the same program. */
const LEADS = ['config', 'help'];
const SENTENCE_END = /\.(?= |$)/;

/**
 * What can be completed, from what oclif's manifest says of the commands: no command is loaded. Options of another program, which are
 * ignored or refused, are left out.
 */
export function describeCompletion({
  commands,
  topics,
}: Pick<Config, 'commands' | 'topics'>): CompletedProgram {
  const own = commands
    .map(({ id, summary = '', flags, args }) => ({
      words: id.replaceAll(':', ' '),
      description: firstSentence(summary),
      options: [...Object.values(flags).flatMap(completedOption), HELP],
      argument: Object.values(args).map(({ description = '' }) => listedWords(description))[0],
    }))
    .flatMap(command => [command, ...otherNames(command)])
    .sort((a, b) => (a.words < b.words ? -1 : 1));
  // oclif counts every command among the topics.
  const isGroup = (name: string) => own.some(({ words }) => words.startsWith(`${name} `));
  const groups = topics
    .filter(({ name }) => isGroup(name))
    .map(({ name, description = '' }) => ({
      words: name,
      description: firstSentence(description),
      options: [...optionsOfGroup(name, own), HELP],
      argument: undefined,
    }));
  // Words that begin another name of a command, and no command's own.
  const begins = new Set([...TWO_WORD_NAMES.keys()].map(name => name.split(' ', 1)[0] ?? ''));
  for (const words of begins)
    if (groups.every(group => group.words !== words))
      groups.push({ words, description: 'The fleet at a glance', options: [], argument: undefined });
  const help = {
    words: 'help',
    description: 'Shows help of a command',
    options: [],
    argument: undefined,
  };
  const program = { words: '', description: '', options: [HELP, VERSION], argument: undefined };
  return {
    names: ['operator', 'v3-operator'],
    commands: [program, ...groups, ...own, help],
    leads: LEADS,
  };
}

/** The words that may follow these. */
export function wordsBehind(
  { commands }: CompletedProgram,
  words: string,
): readonly { readonly name: string; readonly description: string }[] {
  const begin = words === '' ? '' : `${words} `;
  return commands
    .filter(one => one.words !== words && one.words.startsWith(begin))
    .map(one => ({ name: one.words.slice(begin.length), description: one.description }))
    .filter(({ name }) => name !== '' && !name.includes(' '));
}

/** An option with its values, and the commands that take it so. */
interface SharedOption {
  readonly option: CompletedOption;
  readonly commands: readonly string[];
}

/** Options that several commands have alike, once each. */
export function sharedOptions({ commands }: CompletedProgram): SharedOption[] {
  const shared = new Map<string, { readonly option: CompletedOption; readonly commands: string[] }>();
  for (const { words, options } of commands) {
    for (const option of options) {
      const key = JSON.stringify(option);
      const one = shared.get(key) ?? { option, commands: [] };
      one.commands.push(words);
      shared.set(key, one);
    }
  }
  return [...shared.values()];
}

/** Names of all options that a value follows. */
export function valuedOptions({ commands }: CompletedProgram): string[] {
  const names = commands.flatMap(({ options }) =>
    options.filter(({ value }) => value !== undefined).map(({ name }) => name),
  );
  return [...new Set(names)].sort();
}

/** The command under its other names of two words. */
function otherNames(command: CompletedCommand): CompletedCommand[] {
  const names = [...TWO_WORD_NAMES].filter(([, own]) => own === command.words);
  return names.map(([words]) => ({ ...command, words }));
}

/** Options that may stand before the command of a group. */
function optionsOfGroup(group: string, commands: readonly CompletedCommand[]): CompletedOption[] {
  if (group !== 'remote-db') return [];
  const names = new Set(
    Object.keys(REMOTE_DB_OPTIONS).flatMap(key => [`--${flagName(key)}`, `--${flagName(key)}-file`]),
  );
  const first = commands.find(({ words }) => words.startsWith(`${group} `));
  return (first?.options ?? []).filter(({ name }) => names.has(name));
}

function completedOption({ name, type, ...flag }: Command.Flag.Cached): CompletedOption[] {
  const { description = '', helpGroup } = flag;
  if (helpGroup === FOREIGN_GROUP) return [];
  const helpValue = 'helpValue' in flag ? flag.helpValue : undefined;
  const value = type === 'boolean' ? undefined : completedValue(String(helpValue ?? ''), description);
  return [{ name: `--${name}`, description: firstSentence(description), value }];
}

/** What help puts in place of the value says what it is: `[plain|json]`, `[mainnet|FILE]`, `DIRECTORY`. */
function completedValue(placeholder: string, description: string): CompletedValue {
  if (placeholder === 'WORD') return listedWords(description);
  const isChoice = /^\[.*\]$/.test(placeholder);
  const words = isChoice ? placeholder.slice(1, -1).split('|') : [];
  if (words.includes('FILE')) return { words: words.filter(word => word !== 'FILE'), paths: 'files' };
  if (isChoice) return { words, paths: undefined };
  if (placeholder === 'DIRECTORY') return { words: [], paths: 'directories' };
  return { words: [], paths: /^(FILE|PATH)/.test(placeholder) ? 'files' : undefined };
}

/** The words of a text that lists them: too many for a placeholder. */
function listedWords(description: string): CompletedValue {
  const [, list = ''] = /\bOne of ([^.]*)\./.exec(description) ?? [];
  return { words: list === '' ? [] : list.split(', '), paths: undefined };
}

function firstSentence(description: string): string {
  const [sentence = ''] = description.replaceAll(/\s*\[env: \w+\]/g, '').split(SENTENCE_END, 1);
  return sentence.trim();
}
