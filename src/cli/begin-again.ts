import { existsSync } from 'node:fs';
import { givenNodeFlags, nodeCommand, ownWords } from '../lib/node-command.ts';

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
  const command = nodeCommand([...(start.flags ?? []), ...givenNodeFlags()], ownWords(argv));
  const variables = { ...start.variables, ...environment };
  // Images without a shell have nothing that could read a core dump either.
  if (existsSync(SHELL)) process.execve?.(SHELL, [SHELL, '-c', WITHOUT_CORE_DUMPS, ...command], variables);
  else process.execve?.(process.execPath, command, variables);
}
