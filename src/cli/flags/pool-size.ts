import { optional } from '../options/option.ts';
import { integer } from '../options/value-kinds.ts';

/** `--pool-size`: how many worker threads do the bulk cryptography. */
export const poolSize = optional({
  description: 'Number of threads. Default is the number of cores, at most 4.',
  env: 'POOL_SIZE',
  value: integer({ min: 1, max: 256 }),
});
