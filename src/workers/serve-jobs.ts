import { parentPort, type Transferable } from 'node:worker_threads';
import { EXIT, ExternalError, messageOf, OperatorError } from '../lib/errors.ts';
import {
  type AnswerMessage,
  bytesOf,
  type ErrorFacts,
  type JobHandlers,
  type JobMessage,
  type JobTable,
} from './thread-messages.ts';

/** Does the jobs of a `ThreadPool` in this thread. Buffers of an output are handed over, so that no second copy stays behind. */
export function serveJobs<Jobs extends JobTable<Jobs>>(handlers: JobHandlers<Jobs>): void {
  parentPort?.on('message', async ({ id, name, input }: JobMessage) => {
    const answer = await answerOf(id, () => handlers[name as keyof Jobs](input));
    const bytes = 'output' in answer ? bytesOf(answer.output) : [];
    parentPort?.postMessage(
      answer,
      bytes.map((array): Transferable => array.buffer as ArrayBuffer),
    );
  });
}

async function answerOf(id: number, work: () => unknown): Promise<AnswerMessage> {
  try {
    return { id, output: await work() };
  } catch (error) {
    return { id, error: factsOf(error) };
  }
}

function factsOf(error: unknown): ErrorFacts {
  return {
    operator: error instanceof OperatorError,
    code: error instanceof OperatorError ? error.code : 'internal-error',
    exitCode: error instanceof OperatorError ? error.exitCode : EXIT.bug,
    retryable: error instanceof ExternalError ? error.retryable : undefined,
    message: messageOf(error),
    hint: error instanceof OperatorError ? error.hint : undefined,
    stack: error instanceof Error ? error.stack : undefined,
  };
}
