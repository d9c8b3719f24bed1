import type { ErrorCodeOf } from '../lib/error-codes.ts';
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

  constructor(code: ErrorCodeOf<'usage'>, message: string, words: readonly string[]) {
    super(code, message);
    this.words = words;
  }
}

/**
 * Finds the command in a command line and moves the options of its group behind it:
 * `remote-db --vault V setup --json` becomes `remote-db setup` with `--vault V --json`.
 * @throws RouteError in click's words
 */
export function routeArgv(argv: readonly string[], { commands, groups }: CommandTree): Route {
  const [first, ...rest] = argv;
  if (first === undefined || first === '--help') return { kind: 'help', words: [] };
  if (first.startsWith('-')) throw noSuchOption(first, []);
  const options = groups.get(first);
  if (options === undefined) return routeCommand([first], rest, commands);

  const end = rest.findIndex((word, index) => !isGroupOption(word, rest[index - 1], options));
  const before = end === -1 ? rest : rest.slice(0, end);
  if (rest.length === 0 || before.includes('--help')) return { kind: 'help', words: [first] };
  const [subcommand, ...after] = end === -1 ? [] : rest.slice(end);
  if (subcommand === undefined) throw new RouteError('missing-command', 'Missing command.', [first]);
  if (subcommand.startsWith('-')) throw noSuchOption(subcommand, [first]);
  return routeCommand([first, subcommand], [...before, ...after], commands);
}

function routeCommand(
  words: readonly string[],
  argv: readonly string[],
  commands: ReadonlySet<string>,
): Route {
  if (!commands.has(words.join(' '))) {
    throw new RouteError('no-such-command', `No such command '${words.at(-1)}'.`, words.slice(0, -1));
  }
  const end = argv.indexOf('--');
  const asksForHelp = (end === -1 ? argv : argv.slice(0, end)).includes('--help');
  return asksForHelp ? { kind: 'help', words } : { kind: 'command', words, argv };
}

/** Whether a word before the subcommand belongs to an option of the group: the option, or the value of the one before. */
function isGroupOption(
  word: string,
  previous: string | undefined,
  { valued, switches }: GroupOptions,
): boolean {
  if (previous !== undefined && valued.has(previous)) return true;
  if (word === '--help' || switches.has(word) || valued.has(word)) return true;
  return word.startsWith('--') && valued.has(word.split('=', 1)[0] ?? '') && word.includes('=');
}

function noSuchOption(word: string, words: readonly string[]): RouteError {
  // What follows the "=" may be a secret.
  return new RouteError('no-such-option', `No such option: ${word.split('=', 1)[0]}`, words);
}
