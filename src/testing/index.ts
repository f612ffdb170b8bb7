/** For tests of custom operators: `import { operatorContract } from 'vimi/testing'`. */
export { memoryObjects, memoryTransport, testResources } from './memory.js';
export { type ContractCase, type ContractCheck, operatorContract } from './operator-contract.js';
export {
  type InputOptions,
  type OperatorRun,
  only,
  openOperator,
  outcomes,
  quietLog,
  resourcesWith,
  runOperator,
} from './run-operator.js';
export { textQuery } from './text-query.js';
