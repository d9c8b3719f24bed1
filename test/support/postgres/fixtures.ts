import { it as base, disposedAfterTest } from '../fixtures.ts';
import { createPgliteUrl } from './pglite.ts';
import { createTestDatabase } from './postgres.ts';

/** `it` with databases as well, each of one test alone: see `../fixtures.ts`. */
export const it = base
  /** A database on the run's server that has the migrated schema. */
  .extend(
    'migrated',
    disposedAfterTest(() => createTestDatabase()),
  )
  /** A database on the run's server with nothing in it. */
  .extend(
    'empty',
    disposedAfterTest(() => createTestDatabase({ migrated: false })),
  )
  /** The place of an embedded database that is not made yet. */
  .extend('pglite', disposedAfterTest(createPgliteUrl));
