// The thread of thread-pool.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { ExternalError, OperatorError } from '../../../src/lib/errors.ts';
import { serveJobs } from '../../../src/workers/serve-jobs.ts';
import type { OddJobs } from './odd-jobs.ts';

let place = 0;
let underWay = 0;

serveJobs<OddJobs>({
  note: async ({ label, delayMs }) => {
    place += 1;
    underWay += 1;
    const note = { label, thread: threadId, place, underWay };
    await sleep(delayMs);
    underWay -= 1;
    return note;
  },
  double: ({ bytes }) => ({ bytes: bytes.map(byte => 2 * byte) }),
  describe: ({ bytes }) => ({ bufferLength: bytes.buffer.byteLength, env: Object.keys(process.env) }),
  addShared: ({ shared, amount }) => Atomics.add(new Int32Array(shared), 0, amount) + amount,
  fail: ({ kind }) => {
    if (kind === 'operator')
      throw new OperatorError('invalid-key', 'An odd message.', { hint: 'An odd hint.' });
    if (kind === 'external') throw new ExternalError('timeout', 'An odd wait.', { retryable: true });
    if (kind === 'bug') throw new RangeError('an odd bug');
    throw 'an odd text';
  },
  exit: () => process.exit(7),
  crash: async () => {
    setImmediate(() => {
      throw new Error('thrown past the job');
    });
    await sleep(60_000);
    throw new Error('never reached');
  },
  hold: ({ gate }) => {
    Atomics.wait(new Int32Array(gate), 0, 0);
    return new Uint8Array(32).fill(9);
  },
  answerFunction: () => () => undefined,
});
