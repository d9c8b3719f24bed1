import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Postgres, anvil and scrypt (256 MiB a derivation) share the machine with the tests: two files at a time.
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/support/postgres/global-postgres.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
