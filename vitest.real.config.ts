import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';
import { patience } from './test/support/patience.js';

/** From a minute on. */
const longest = [
  'test/real/kafka-delivery.test.ts',
  'test/real/remove-while-running.test.ts',
  'test/real/weaviate-cluster.test.ts',
  'test/real/kafka-outage.test.ts',
  'test/real/weaviate.test.ts',
  'test/real/cluster.test.ts',
  'test/real/kafka-brokers.test.ts',
];

/** Tests against real servers: Kafka and S3, started by infra/servers.mjs if they do not run. */
export default defineConfig({
  // CI runs them beside those of vitest.config.ts, which remember there how long they take.
  cacheDir: 'node_modules/.vite-real',
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
    sequence: { sequencer: longestFirst(longest) },
  },
});
