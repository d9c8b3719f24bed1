import type { Interfaces } from '@oclif/core';
import { Config } from '@oclif/core/config';
import { settings } from '@oclif/core/settings';
import { EXIT } from '../lib/errors.ts';
import { assertNoDebugger } from '../lib/guard-memory.ts';
import { startInTone } from '../lib/tones.ts';
import { parseBoolean, readEnvironment } from '../settings/environment.ts';
import { wordsBeforeDashes } from './command-names.ts';
import { commandTree } from './command-tree.ts';
import { logFormatOf } from './log-format.ts';
import { errorLogLine, presentError } from './present-error.ts';
import type { ProgramOptions } from './program-config.ts';
import { routeArgv } from './route.ts';

export interface ProgramStart {
  /** Name in usage lines. */
  readonly program: string;
  readonly argv: readonly string[];
  /** Directory of package.json. */
  readonly root: string;
  readonly manifest: Interfaces.PJSON;
  /** Whether commands are loaded from `src` (Node strips their types) instead of from `dist`. */
  readonly fromSource: boolean;
  /** The files of `--env-file` that variables came from, by the variables' names. */
  readonly variablePaths?: ReadonlyMap<string, string> | undefined;
  /** Why those files cannot be used. */
  readonly failure?: unknown;
}

/** Runs one command line and sets the exit code; prints whatever fails. */
export async function runProgram(start: ProgramStart): Promise<void> {
  let words: readonly string[] = [];
  let isGroup = true;
  let config: Config | undefined;
  try {
    config = await loadConfig(start);
    const tree = commandTree(config);
    const route = routeArgv(start.argv, tree);
    words = route.words;
    isGroup = !tree.commands.has(words.join(' '));
    if (route.kind === 'help') await showHelp(config, words);
    else {
      if (start.failure !== undefined) throw start.failure;
      // From its source the program is run by who works on it, with keys of no worth.
      if (!start.fromSource) await assertNoDebugger();
      await config.runCommand(words.join(':'), [...route.argv]);
    }
  } catch (error) {
    const isVerbose = wantsDetails(start.argv);
    const flags = Object.entries(config?.findCommand(words.join(':'))?.flags ?? {});
    const options = flags.flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
    const context = { program: start.program, words, options, isGroup, isVerbose };
    const presented = presentError(error, context);
    if (hasSwitch(start.argv, ['--json']))
      process.stdout.write(`${JSON.stringify(presented.json, undefined, 2)}\n`);
    process.stderr.write(
      logFormatOf(start.argv) === 'json'
        ? errorLogLine(presented)
        : startInTone('error', 'Error: ', presented.text, process.stderr),
    );
    process.exitCode = presented.exitCode;
    return;
  }
  process.exitCode ??= EXIT.done;
}

async function loadConfig(start: ProgramStart): Promise<Config> {
  const { program, root, manifest, fromSource, variablePaths } = start;
  // oclif would look for a TypeScript loader of its own beside dist.
  settings.enableAutoTranspile = false;
  const oclif = { ...manifest.oclif, bin: program, ...(fromSource ? { commands: './src/commands' } : {}) };
  const options: ProgramOptions = {
    root,
    pjson: { ...manifest, oclif },
    ignoreManifest: fromSource,
    userPlugins: false,
    variablePaths,
  };
  return Config.load(options);
}

async function showHelp(config: Config, words: readonly string[]): Promise<void> {
  const { ProgramHelp } = await import('./help/help-pages.ts');
  // oclif's own texts come out up to two columns wider.
  await new ProgramHelp(config, { maxWidth: 78, respectNoCacheDefault: true }).showHelp([...words]);
}

/** Whether `--verbose` is on, as the option's own reading would find it. */
function wantsDetails(argv: readonly string[]): boolean {
  if (hasSwitch(argv, ['-v', '--verbose'])) return true;
  try {
    return parseBoolean(readEnvironment('VERBOSE') ?? 'false');
  } catch {
    // What the command says of it is the error to print.
    return false;
  }
}

/** Whether a switch is given under one of its names, also where the rest of the command line is wrong. */
function hasSwitch(argv: readonly string[], names: readonly string[]): boolean {
  const words = wordsBeforeDashes(argv);
  return names.some(name => words.includes(name));
}
