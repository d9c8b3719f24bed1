import { defineConfig } from 'vitest/config';

/** Tests of what is delivered, which `npm test` does not build: `scripts/try-image.sh`, `scripts/try-binary.sh`. */
export default defineConfig({
  test: {
    include: ['test/delivery/**/*.test.ts'],
    globalSetup: ['test/support/postgres/global-postgres.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
