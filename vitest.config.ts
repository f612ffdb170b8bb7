import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers: npm run test:real. A graphics adapter: npm run test:webgpu.
    exclude: ['test/real/**', 'test/webgpu/**'],
    testTimeout: patience(300),
    hookTimeout: patience(300),
    pool: 'forks',
    maxWorkers: 2,
  },
});
