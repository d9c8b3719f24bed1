import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, extname, join } from 'node:path';
import { guardMemory } from '../lib/guard-memory.ts';
import { packageRoot } from '../lib/package-root.ts';
import { endAsFirstProcess } from '../lib/stop-signals.ts';
import { completeEnvironment, processEnvironment, takeEnvironment } from '../settings/environment.ts';
import type { Restart } from './begin-again.ts';
import { isEnvFileOption, ownName } from './command-names.ts';
import type { EnvFiles } from './env-files.ts';
import { keepKdfMemory } from './kdf-process.ts';
import { becomeLean } from './lean-process.ts';
import { tellOfLostOutput } from './terminal/lost-output.ts';

const PROGRAM_NAMES = ['operator', 'v3-operator'];

/** Entry of both launchers. Runs from the source or compiled, as it was loaded. */
export async function main(): Promise<void> {
  guardMemory();
  endAsFirstProcess();
  tellOfLostOutput(process.stdout, process.stderr);
  const given = process.argv.slice(2);
  const files = await readVariableFiles(given);
  const argv = files?.argv ?? given;
  const restart = restartWith(given, files);
  completeEnvironment(files?.variables ?? {});
  if (ownName(argv[0] ?? '') === 'start') becomeLean(argv, processEnvironment(), restart);
  keepKdfMemory(argv, restart);
  const program = programName();
  // Overwrites the command line that `ps` shows, which may hold a secret.
  process.title = program;
  const root = packageRoot();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Nothing is loaded for the version alone: scripts ask for it often.
  if (argv[0] === '--version' || argv[0] === 'version') {
    process.stdout.write(`${program}, version ${manifest.version}\n`);
    return;
  }
  nameUser();
  const { runProgram } = await import('./program.ts');
  await runProgram({
    program,
    argv,
    root,
    manifest,
    fromSource: extname(import.meta.filename) === '.ts',
    variablePaths: files?.paths,
    failure: files?.failure,
  });
}

/** Files of `--env-file`, for which nothing is loaded where there is none; what is wrong with them is told where all errors are. */
async function readVariableFiles(argv: readonly string[]): Promise<EnvFiles | undefined> {
  if (!argv.some(isEnvFileOption)) return undefined;
  const { readEnvFiles } = await import('./env-files.ts');
  return readEnvFiles(argv, processEnvironment());
}

/**
 * What this process is given if it begins again: files are read again, so that their secrets do not come into an environment that
 * the kernel shows; what can be read once only, such as a pipe, is handed on there.
 */
function restartWith(argv: readonly string[], files: EnvFiles | undefined): Restart {
  const environment = { ...processEnvironment() };
  if (files === undefined || !files.isReadOnce) return { environment, argv };
  return { environment: { ...environment, ...files.variables }, argv: files.argv };
}

/**
 * Containers run as a uid without a name (the charts' 1001), for which oclif and its parts fail to look up shell and home
 * while they are loaded. Such a user gets what container runtimes give.
 */
function nameUser(): void {
  try {
    userInfo();
  } catch {
    completeEnvironment({ SHELL: '/bin/sh', HOME: '/' });
  }
}

/** The name that the user typed: told by the launcher of a clone, or the name of npm's link. */
function programName(): string {
  const name = takeEnvironment('STAKEWISE_PROGRAM') ?? basename(process.argv[1] ?? '');
  return PROGRAM_NAMES.find(known => known === name) ?? 'operator';
}
