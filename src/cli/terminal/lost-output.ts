/** The exit code of what failed; named here, since nothing else is loaded when this is called. */
const FAILED = 1;

/**
 * Tells in one line that results could not be written, such as to a full disk or to a program that has ended (`| head`). The
 * command goes on to its end: what it changes elsewhere must not stop half-way for that.
 */
export function tellOfLostOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): void {
  let isTold = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exitCode = FAILED;
    if (!isTold)
      stderr.write(`Error: The results cannot be written to stdout: ${error.code ?? error.message}.\n`);
    isTold = true;
  });
  // What oclif adds when it is loaded throws whatever is not EPIPE.
  stdout.on('newListener', (event, listener) => {
    if (event === 'error') queueMicrotask(() => stdout.off('error', listener));
  });
  // There is no place left to tell of it.
  stderr.on('error', () => {
    process.exitCode = FAILED;
  });
}
