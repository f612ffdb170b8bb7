/** For tests of own operators: `import { operatorContract } from 'vimi/testing'`. */
export { type ContractCase, type ContractCheck, operatorContract } from './operator-contract.js';
export { type OperatorRun, resourcesWith, runOperator } from './run-operator.js';
