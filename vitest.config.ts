import { defineConfig } from 'vitest/config';

/** Tests of one kind, by the folder that they lie in. */
const kind = (name: string, include: readonly string[], needsPostgres: boolean) => ({
  extends: true as const,
  test: {
    name,
    include: [...include],
    // A process for each file takes half of the time of those that are all reckoning. They share one, and put back what they change of it.
    isolate: name !== 'unit',
    globalSetup: needsPostgres ? ['test/support/postgres/global-postgres.ts'] : [],
  },
});

export default defineConfig({
  test: {
    reporters: ['default', './test/proof/attacks/attack-table.ts', './test/support/failures-last.ts'],
    // Postgres, anvil and scrypt (256 MiB a derivation) share the machine with the tests: three files at a time on two cores, as most of them wait now and then.
    pool: 'forks',
    maxWorkers: 3,
    // A test's own waits end before, and say what they last saw: see test/support/wait-until.ts.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    projects: [
      kind('unit', ['test/*.test.ts', 'test/unit/**/*.test.ts'], false),
      kind('integration', ['test/integration/**/*.test.ts'], true),
      kind('cli', ['test/cli/**/*.test.ts'], true),
      kind('proof', ['test/proof/**/*.test.ts'], true),
    ],
  },
});
