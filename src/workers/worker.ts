import { parentPort, type Transferable } from 'node:worker_threads';
import { EXIT, messageOf, OperatorError } from '../lib/errors.ts';
import type { ErrorFacts, Request, Response } from './jobs.ts';
import { runJob } from './run-job.ts';

parentPort?.on('message', async (request: Request) => {
  const response = await runJob(request).then(
    (output): Response => ({ output }),
    (error): Response => ({ error: factsOf(error) }),
  );
  parentPort?.postMessage(response, 'output' in response ? buffersOf(response.output) : []);
});

function factsOf(error: unknown): ErrorFacts {
  return {
    operator: error instanceof OperatorError,
    code: error instanceof OperatorError ? error.code : 'internal-error',
    exitCode: error instanceof OperatorError ? error.exitCode : EXIT.bug,
    message: messageOf(error),
    hint: error instanceof OperatorError ? error.hint : undefined,
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** The buffers of an output: handed over, not copied, so that no second copy of a secret stays behind. */
function buffersOf(output: unknown): Transferable[] {
  if (output instanceof Uint8Array) return [output.buffer as ArrayBuffer];
  if (typeof output !== 'object' || output === null) return [];
  return Object.values(output).flatMap(buffersOf);
}
