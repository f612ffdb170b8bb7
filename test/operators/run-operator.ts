/** What tests of custom operators use, too. */
export * from '../../src/testing/run-operator.js';
