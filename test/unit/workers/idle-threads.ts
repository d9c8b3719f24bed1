// A process of its own for thread-pool.test.ts: started threads without work must not keep it alive, a job must.
import { join } from 'node:path';
import { ThreadPool } from '../../../src/workers/thread-pool.ts';
import type { OddJobs } from './odd-jobs.ts';

const pool = new ThreadPool<OddJobs>({ file: join(import.meta.dirname, 'odd-jobs-worker.ts'), size: 2 });
pool.startThreads();
void pool.run('note', { label: 'done', delayMs: 50 }).then(({ label }) => console.log(label));
