import { writeFileSync } from 'node:fs';
import { UsageError } from './errors.ts';

/** Says to the kernel which parts of the memory a core dump holds. Kept by processes that are started from here. */
const COREDUMP_FILTER = '/proc/self/coredump_filter';
/** POSIX: 128 and the signal's number. */
const SIGQUIT_EXIT_CODE = 131;
/** Options of Node that open the memory to others, or write it to a file. */
const OPENING_OPTIONS = /^--(inspect(-brk|-wait)?|heap-prof|heapsnapshot-near-heap-limit)(?![\w-])/;
const SNAPSHOT_SIGNAL = /^--heapsnapshot-signal=(SIG\w+)$/;

/**
 * Keeps this process's memory, in which keys will be, from everybody else: no debugger at SIGUSR1, no core dump, no
 * diagnostic report, no heap snapshot at a signal. Done first of all, and for every command: it takes less than a
 * millisecond. May be called again.
 */
export function guardMemory(): void {
  if (process.listeners('SIGUSR1').includes(ignore)) return;
  // Node would open the inspector, to which every user of this machine may connect.
  process.on('SIGUSR1', ignore);
  // The kernel's default is a core dump.
  process.on('SIGQUIT', quit);
  for (const option of nodeOptions()) {
    const signal = SNAPSHOT_SIGNAL.exec(option)?.[1] as NodeJS.Signals | undefined;
    if (signal !== undefined) process.removeAllListeners(signal).on(signal, ignore);
  }
  process.report.reportOnSignal = false;
  process.report.reportOnFatalError = false;
  process.report.reportOnUncaughtException = false;
  try {
    writeFileSync(COREDUMP_FILTER, '0');
  } catch {
    // There is none outside Linux, nor in a sandbox without /proc: the limit of the shell that starts us is left.
  }
}

/**
 * Refuses to go on in a process whose memory is open already.
 * @throws UsageError 'debugger-open'
 */
export async function assertNoDebugger(): Promise<void> {
  const option = nodeOptions().find(one => OPENING_OPTIONS.test(one));
  if (option !== undefined) {
    throw new UsageError(
      'debugger-open',
      `Node's option ${option.split('=', 1)[0]} would show the keys in this process's memory to others.`,
      { hint: 'Take it out of NODE_OPTIONS and of the command line of Node.' },
    );
  }
  // A signal may have come before it was ignored.
  const { url } = await import('node:inspector');
  if (url() !== undefined) {
    throw new UsageError('debugger-open', 'A debugger may connect to this process and read its keys.', {
      hint: 'Start it again: it was sent SIGUSR1 while it started.',
    });
  }
}

/** Node's options: those of the command line, and those of the environment, which Node does not show otherwise. */
function nodeOptions(): string[] {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
}

function ignore(): void {}

function quit(): void {
  process.exit(SIGQUIT_EXIT_CODE);
}
