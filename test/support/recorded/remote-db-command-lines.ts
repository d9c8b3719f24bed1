import { readRecorded } from './vectors.ts';

/** A recorded command line of the Python operator, and what came of it. */
export interface RecordedRun {
  /** Words behind the program's name. */
  readonly args: readonly string[];
  readonly output: string;
  readonly exitCode: number;
}

/**
 * Reads `03-remote-db/<name>.out`.
 * @param replacements - what stood there when it was recorded, and what stands there now
 */
export function readRecordedRun(name: string, replacements: Readonly<Record<string, string>>): RecordedRun {
  let text = readRecorded(`03-remote-db/${name}.out`);
  for (const [recorded, now] of Object.entries(replacements)) text = text.replaceAll(recorded, now);
  const [, commandLine = '', output = '', exitCode] =
    /^\$ operator (.*)\n([\s\S]*?)\[exit (\d+)\]/.exec(text) ?? [];
  return { args: commandLine.split(' '), output, exitCode: Number(exitCode) };
}

/** The ways in which one command line may be written. */
export const SPELLINGS = ['--x v', '--x=v', 'all behind the subcommand'] as const;

/** The same command line, written in another way. */
export function spell(args: readonly string[], spelling: (typeof SPELLINGS)[number]): string[] {
  if (spelling === '--x v') return [...args];
  const [group = '', ...rest] = joinValues(args);
  if (spelling === '--x=v') return [group, ...rest];
  const at = rest.findIndex(word => !word.startsWith('-'));
  return [group, ...rest.slice(at), ...rest.slice(0, at)].flatMap(word => word.split(/(?<=^--[\w-]+)=/));
}

function joinValues(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [index, word] of args.entries()) {
    const before = args[index - 1] ?? '';
    const isValue = before.startsWith('--') && !SWITCHES.has(before) && !word.startsWith('-');
    if (isValue) joined.push(`${joined.pop() ?? ''}=${word}`);
    else joined.push(word);
  }
  return joined;
}

const SWITCHES = new Set(['--disable-proposal-builder', '--json']);
