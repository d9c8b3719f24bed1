import { beginAgain, type Restart } from './begin-again.ts';

/**
 * What V8 is told for a process that runs for months and does little: to collect early instead of growing its heap, and to
 * keep no second and third form of code between the interpreter's and the optimised one. Measured on `start` with an idle
 * vault: 192 MB without the first three; 6 MB less with the last two.
 */
const LEAN_FLAGS = [
  '--max-semi-space-size=1',
  '--heap-growing-percent=10',
  '--optimize-for-size',
  '--no-sparkplug',
  '--no-maglev',
];
/**
 * The optimised second form of the embedded database's WebAssembly would stay resident: some 50 MB, for nothing to gain. V8 is
 * told by the number of a function what alone it may optimise, in all modules. This is the one in which libsecp256k1
 * spends two thirds of its time: with it, an encryption for an oracle takes a third of the time that it takes with none.
 */
export const EMBEDDED_FLAGS = ['--wasm-tier-up-filter=71'];

/**
 * What the C library is told. Its threshold for pieces with a mapping of their own grows with every one that is freed, up
 * to 32 MB: what reading keys and deposit data takes once would stay resident between smaller pieces, 26 MB of it.
 */
const MALLOC_SETTINGS = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '32768' };

/** Begins again with those flags, as the same process: V8 reads them when it starts only. */
export function becomeLean(
  commandLine: readonly string[],
  environment: NodeJS.ProcessEnv,
  restart: Restart,
): void {
  if (LEAN_FLAGS.every(flag => process.execArgv.includes(flag))) return;
  const embedded = hasDatabaseUrl(commandLine, environment) ? [] : EMBEDDED_FLAGS;
  beginAgain({ flags: [...LEAN_FLAGS, ...embedded], variables: MALLOC_SETTINGS }, restart);
}

/** Looked up before the command line is parsed: a wrong guess costs memory or speed, nothing else. */
function hasDatabaseUrl(commandLine: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const { REMOTE_DB_URL, REMOTE_DB_URL_FILE } = environment;
  return commandLine.some(one => one.startsWith('--db-url')) || Boolean(REMOTE_DB_URL || REMOTE_DB_URL_FILE);
}
