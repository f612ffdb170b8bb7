import { defineConfig } from 'vitest/config';

/** Tests against real servers: Kafka and S3, started by infra/servers.mjs if they do not run. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/servers.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
