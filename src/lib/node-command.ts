import { isSea } from 'node:sea';

/** Ignored from the first instruction on, before anything of this program runs. The single executable has it built in. */
const GUARD_FLAG = '--disable-sigusr1';

/**
 * The command line that runs a file of this program on the Node that runs it now. Node of a single executable takes its options in
 * one word, and has a main of its own, which runs the file.
 * @param flags - options of Node
 * @param words - what `startedFile` gives, or `ownWords()`
 */
export function nodeCommand(flags: readonly string[], words: readonly string[]): string[] {
  // Node would read the files of --env-file itself, wherever the option stands, were it not for the dashes.
  if (!isSea()) return [process.execPath, GUARD_FLAG, ...flags, '--', ...words];
  return [process.execPath, `--node-options=${[...flags, '--'].join(' ')}`, ...words];
}

/** Options of Node that this process was given, without the ones that every process of this program has. */
export function givenNodeFlags(): string[] {
  return process.execArgv.filter(flag => flag !== GUARD_FLAG);
}

/**
 * The words from which this process begins again: script and arguments. A single executable has no script.
 * @param argv - the words behind the program's own file
 */
export function ownWords(argv: readonly string[]): string[] {
  return isSea() ? [...argv] : [process.argv[1] ?? '', ...argv];
}
