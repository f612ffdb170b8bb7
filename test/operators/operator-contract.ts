import { describe, expect, it } from 'vitest';
import type { Operator } from '../../src/flow/operator.js';
import { type ContractCase, operatorContract } from '../../src/testing/operator-contract.js';

/** The contract of operators, as tests. */
export function describeOperator(operator: Operator, contract: ContractCase): void {
  describe(`${operator.name} keeps the operator contract`, () => {
    for (const { name, check } of operatorContract(operator, contract))
      it(name, () => expect(check()).resolves.toBeUndefined());
  });
}
