import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

/** Tests of the webgpu backend: npm run test:webgpu lends them an adapter in software. */
export default defineConfig({
  test: {
    include: ['test/webgpu/**/*.test.ts'],
    // A test that expects nothing cannot fail.
    expect: { requireAssertions: true },
    // In software all of nano takes a minute of a quiet core.
    testTimeout: patience(1_200),
    hookTimeout: patience(300),
    pool: 'forks',
    maxWorkers: 1,
  },
});
