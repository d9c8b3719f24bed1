// A process of its own for pool.test.ts: it must end by itself although it never closes its pool.
import { Worker } from 'node:worker_threads';
import { OperatorError } from '../../../src/lib/errors.ts';
import { openJobThreads } from '../../../src/workers/pool.ts';

const started: Worker[] = [];
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (...args) {
  started.push(this);
  return postMessage.apply(this, args);
};

const threads = openJobThreads(1);
const derive = async (count: number) =>
  threads.run('derive', { seed: new Uint8Array(64), firstIndex: 0, count }).then(
    keys => String(keys.secretKeys.length),
    error => (error instanceof OperatorError ? error.code : String(error)),
  );
console.log(await derive(1));
const dying = derive(100_000);
await started.at(-1)?.terminate();
console.log(await dying);
console.log(await derive(1));
