/** What an operator of your own needs: `import { defineOperator, mapEach, drop } from 'vimi'`. */
export { type ErrorCode, VimiError } from './errors.js';
export type { Clip, Flow, Has, Job, MediaFile, MediaProbe, Product, Query } from './operators/flow.js';
export { drop, mapEach, settledHere } from './operators/map-each.js';
export {
  defineOperator,
  type Operator,
  type OperatorInstance,
  type OperatorSpec,
  type Resources,
} from './operators/operator.js';
export type { Envelope } from './streams/envelope.js';
