import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

/** The page in a browser: npm run test:web needs Debian's chromium, or another that VIMI_CHROMIUM names. */
export default defineConfig({
  test: {
    include: ['test/web/**/*.test.ts'],
    // A test that expects nothing cannot fail.
    expect: { requireAssertions: true },
    testTimeout: patience(300),
    hookTimeout: patience(300),
    // Each test goes on from where the one before left the service.
    bail: 1,
    pool: 'forks',
    maxWorkers: 1,
  },
});
