import { existsSync } from 'node:fs';

/** Ignored from the first instruction on, before anything of this program runs. */
const GUARD_FLAG = '--disable-sigusr1';
/** Sets the limit of core dumps, which Node cannot, and becomes what it is given. */
const SHELL = '/bin/sh';
const WITHOUT_CORE_DUMPS = 'ulimit -c 0; exec "$0" "$@"';

/** What the process is given the second time. */
export interface Restart {
  readonly environment: NodeJS.ProcessEnv;
  /** The words behind the program's own file. */
  readonly argv: readonly string[];
}

/**
 * Begins the program again as the same process, with its pid, its terminal and its command line, for what is read at the
 * start of a process only. Returns where that cannot be done: the program then goes on as it is.
 * @param start.flags - options of Node, before those that it has
 * @param start.variables - for the environment; what stands there already stays
 */
export function beginAgain(
  start: {
    readonly flags?: readonly string[] | undefined;
    readonly variables: Readonly<Record<string, string>>;
  },
  { environment, argv }: Restart,
): void {
  const node = process.execPath;
  const given = process.execArgv.filter(flag => flag !== GUARD_FLAG);
  // Node would read the files of --env-file itself, wherever the option stands, were it not for the dashes.
  const command = [node, GUARD_FLAG, ...(start.flags ?? []), ...given, '--', process.argv[1] ?? '', ...argv];
  const variables = { ...start.variables, ...environment };
  // Images without a shell have nothing that could read a core dump either.
  if (existsSync(SHELL)) process.execve?.(SHELL, [SHELL, '-c', WITHOUT_CORE_DUMPS, ...command], variables);
  else process.execve?.(node, command, variables);
}
