import { expect, test } from 'vitest';
import { waitAfter } from '../../src/core/backoff.js';

test('waits double from the first to the last, and stay there however often it failed', () => {
  const waits = [0, 1, 2, 3, 4, 5000].map((failures) => waitAfter(failures, { first: 100, last: 1000 }));
  expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
});
