import { defineConfig } from 'vitest/config';

/** Tests of the webgpu backend: npm run test:webgpu lends them an adapter in software. */
export default defineConfig({
  test: {
    include: ['test/webgpu/**/*.test.ts'],
    // In software all of nano takes a minute of a quiet core.
    testTimeout: 1_200_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
