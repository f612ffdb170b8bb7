import { defineConfig } from 'vitest/config';

/** Tests of the webgpu backend: npm run test:webgpu lends them an adapter in software. */
export default defineConfig({
  test: {
    include: ['test/webgpu/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
