import type { Jobs } from './jobs.ts';
import { JOB_HANDLERS } from './run-job.ts';
import { serveJobs } from './serve-jobs.ts';

serveJobs<Jobs>(JOB_HANDLERS);
