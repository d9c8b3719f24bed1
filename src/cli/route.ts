import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { isHelpOption, ownName, ownWords, wordsBeforeDashes } from './command-names.ts';
import { didYouMean } from './nearest-name.ts';
import { CommandLineError } from './options/command-line-error.ts';

/** What the words of a command line ask for. */
export type Route =
  | { readonly kind: 'help'; readonly words: readonly string[] }
  | { readonly kind: 'command'; readonly words: readonly string[]; readonly argv: readonly string[] };

/** Options that stand before a group's subcommand, by what follows them. */
export interface GroupOptions {
  /** `--vault`, `-x`: the next word is their value. */
  readonly valued: ReadonlySet<string>;
  /** `--verbose`, `-v`. */
  readonly switches: ReadonlySet<string>;
}

export interface CommandTree {
  readonly commands: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, GroupOptions>;
}

/** A wrong word before any command was found; `words` say whose usage to show. */
export class RouteError extends CommandLineError {
  readonly words: readonly string[];

  constructor(
    code: ErrorCodeOf<'usage'>,
    message: string,
    words: readonly string[],
    hint?: string | undefined,
  ) {
    super(code, message, { hint });
    this.words = words;
  }
}

/**
 * Finds the command in a command line and moves the options of its group behind it:
 * `remote-db --vault V setup --json` becomes `remote-db setup` with `--vault V --json`.
 * @throws RouteError in click's words
 */
export function routeArgv(argv: readonly string[], tree: CommandTree): Route {
  const [word, ...rest] = argv;
  if (word === undefined || isHelpOption(word)) return { kind: 'help', words: [] };
  if (word === 'help') return routeHelp(rest, tree);
  if (word.startsWith('-')) throw noSuchOption(word, []);
  const { groups } = tree;
  const first = ownName(word);
  const options = groups.get(first);
  if (options === undefined) {
    const [second = '', ...behind] = rest;
    const own = ownWords([first, second]);
    return own.length === 1 ? routeCommand(own, behind, tree) : routeCommand([first], rest, tree);
  }

  const end = rest.findIndex((word, index) => !isGroupOption(word, rest[index - 1], options));
  const before = end === -1 ? rest : rest.slice(0, end);
  if (rest.length === 0 || before.some(isHelpOption)) return { kind: 'help', words: [first] };
  const [subcommand, ...after] = end === -1 ? [] : rest.slice(end);
  if (subcommand === undefined) throw new RouteError('missing-command', 'Missing command.', [first]);
  if (subcommand.startsWith('-')) throw noSuchOption(subcommand, [first]);
  return routeCommand(ownWords([first, subcommand]), [...before, ...after], tree);
}

/** `help remote-db setup`, as `remote-db setup --help`. */
function routeHelp(argv: readonly string[], tree: CommandTree): Route {
  const end = argv.findIndex(word => word.startsWith('-'));
  const [first, ...rest] = end === -1 ? argv : argv.slice(0, end);
  if (first === undefined) return { kind: 'help', words: [] };
  const words = ownWords([ownName(first), ...rest]);
  if (words.length === 1 && tree.groups.has(ownName(first))) return { kind: 'help', words };
  assertCommand(words, tree);
  return { kind: 'help', words };
}

function assertCommand(words: readonly string[], { commands, groups }: CommandTree): void {
  if (commands.has(words.join(' '))) return;
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? '';
  const siblings = [...commands, ...groups.keys()]
    .map(name => name.split(' '))
    .filter(name => name.length === words.length && before.every((part, i) => part === name[i]))
    .map(name => name.at(-1) ?? '');
  const hint = didYouMean(word, siblings);
  throw new RouteError('no-such-command', `No such command '${word}'.`, before, hint);
}

function routeCommand(words: readonly string[], argv: readonly string[], tree: CommandTree): Route {
  assertCommand(words, tree);
  const asksForHelp = wordsBeforeDashes(argv).some(isHelpOption);
  return asksForHelp ? { kind: 'help', words } : { kind: 'command', words, argv };
}

/** Whether a word before the subcommand belongs to an option of the group: the option, or the value of the one before. */
function isGroupOption(
  word: string,
  previous: string | undefined,
  { valued, switches }: GroupOptions,
): boolean {
  if (previous !== undefined && valued.has(previous)) return true;
  if (isHelpOption(word) || switches.has(word) || valued.has(word)) return true;
  return word.startsWith('--') && valued.has(word.split('=', 1)[0] ?? '') && word.includes('=');
}

function noSuchOption(word: string, words: readonly string[]): RouteError {
  // What follows the "=" may be a secret.
  return new RouteError('no-such-option', `No such option: ${word.split('=', 1)[0]}`, words);
}
