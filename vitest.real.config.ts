import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

/** Tests against real servers: Kafka and S3, started by infra/servers.mjs if they do not run. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/servers.ts'],
    // A test that expects nothing cannot fail.
    expect: { requireAssertions: true },
    testTimeout: patience(600),
    hookTimeout: patience(600),
    pool: 'forks',
    // Most of the time they wait: for sessions that expire, and servers that come back.
    maxWorkers: 3,
  },
});
