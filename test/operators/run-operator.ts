/** What tests of own operators use, too. */
export * from '../../src/testing/run-operator.js';
