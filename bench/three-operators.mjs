/**
 * What both benches of delivery run: three operators that do next to nothing, a log that says nothing, and the record
 * that the third puts out, for the loops that make it by hand.
 */
import { defineOperator } from '../dist/flow/define-operator.js';

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const operator = (/** @type {string} */ name, /** @type {(flow: any) => any} */ process) =>
  defineOperator({ name, summary: 'For a measurement.', needs: [], adds: [] }, { concurrency: 16, process });
const productOf = (/** @type {string} */ id) => ({
  body: Buffer.alloc(0),
  mediaType: 'text/plain',
  fields: { job: id },
  schema: /** @type {const} */ ('job.changed'),
  data: { job: id, state: 'completed' },
  id,
});
export const operators = [
  operator('first', () => ({})),
  operator('second', () => ({})),
  operator('third', ({ media }) => ({ product: productOf(media.uri) })),
];

/** The output of the pipeline for one medium, byte for byte but for the time. */
export const outputOf = (/** @type {string} */ uri) => ({
  value: Buffer.from(JSON.stringify({ job: uri, state: 'completed' })),
  headers: {
    ce_specversion: '1.0',
    ce_id: uri,
    ce_source: '/pipelines/bench',
    ce_type: 'dev.vimi.job.changed.v1',
    ce_time: new Date().toISOString(),
    'content-type': 'application/json',
  },
});
