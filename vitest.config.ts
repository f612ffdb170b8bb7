import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers: npm run test:real. A graphics adapter: npm run test:webgpu. A browser: npm run test:web.
    exclude: ['test/real/**', 'test/webgpu/**', 'test/web/**'],
    // A test that expects nothing cannot fail.
    expect: { requireAssertions: true },
    testTimeout: patience(300),
    hookTimeout: patience(300),
    pool: 'forks',
    maxWorkers: 2,
  },
});
