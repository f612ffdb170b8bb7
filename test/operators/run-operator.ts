import { VimiError } from '../../src/core/errors.js';

/** What tests of custom operators use, too. */
export * from '../../src/testing/run-operator.js';

/** Settles with whatever was thrown; fails the test when nothing was. */
export async function thrownBy(work: () => unknown): Promise<VimiError> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof VimiError) return thrown;
    throw thrown;
  }
  throw new Error('Nothing was thrown');
}
