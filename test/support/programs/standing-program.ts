import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CliOptions, type CliRun, COMPILE_CACHE, PROJECT_ROOT } from './cli.ts';
import { checkJsonResult } from './json-results.ts';

/**
 * A process of the built program that stays and runs one command line after the other, from the same entry as the
 * launchers: a program's start costs several times what most commands do.
 */
export interface StandingProgram extends AsyncDisposable {
  /** Runs the command line when those before it have ended. */
  run(args: readonly string[], options?: Omit<CliOptions, 'stdin'>): Promise<CliRun>;
}

export function startStandingProgram(): StandingProgram {
  const child = fork(join(import.meta.dirname, 'standing-program-child.mjs'), {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: COMPILE_CACHE },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the standing program ended: ${code ?? signal}`);
  });
  ended.catch(() => undefined);
  let queue: Promise<unknown> = Promise.resolve();
  const runNow = async (args: readonly string[], { env, cwd, program }: CliOptions): Promise<CliRun> => {
    const answer = once(child, 'message');
    child.send({
      args,
      cwd: cwd ?? PROJECT_ROOT,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: tmpdir(),
        LANG: 'C.UTF-8',
        STAKEWISE_PROGRAM: program ?? 'operator',
        ...env,
      },
    });
    const [run] = await Promise.race([answer, ended]);
    checkJsonResult(args, run);
    return run;
  };
  return {
    run: (args, options = {}) => {
      const run = queue.then(() => runNow(args, options));
      queue = run.catch(() => undefined);
      return run;
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await ended.catch(() => undefined);
    },
  };
}

/** Several of them, each command line going to one that is free; started when they are needed. */
export function startStandingPrograms(count: number): StandingProgram {
  const resources = new AsyncDisposableStack();
  const idle: StandingProgram[] = [];
  const waiting: ((program: StandingProgram) => void)[] = [];
  let started = 0;
  const take = () => {
    const free = idle.pop();
    if (free !== undefined) return free;
    if (started++ < count) return resources.use(startStandingProgram());
    return new Promise<StandingProgram>(resolve => waiting.push(resolve));
  };
  return {
    run: async (args, options) => {
      const program = await take();
      try {
        return await program.run(args, options);
      } finally {
        const next = waiting.shift();
        if (next === undefined) idle.push(program);
        else next(program);
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
