import { schemas as allSchemas, type SchemaName } from '../../events/schemas.js';
import { firstField } from '../../flow/first-flow.js';
import type { Operator } from '../../flow/operator.js';
import { type Mistakes, quote } from './mistake.js';
import type { UnfoldedStep } from './steps.js';

/**
 * Checks that each step finds what it needs, and gives all that is there after the last. undefined: it cannot be known,
 * for a step is unknown.
 */
export function checkNeeds(
  pipeline: string,
  schemas: readonly SchemaName[],
  steps: UnfoldedStep[],
  operators: readonly Operator[],
  mistakes: Mistakes,
): Set<string> | undefined {
  const there = new Set<string>(schemas.flatMap((schema) => firstField(schema) ?? []));
  for (const { operator, place } of steps) {
    if (!operator) return undefined;
    for (const need of operator.needs) {
      if (there.has(need)) continue;
      const givers = operators.filter(({ adds }) => (adds as readonly string[]).includes(need));
      mistakes.add(
        'needs',
        place,
        `in pipeline ${quote(pipeline)} the step ${quote(operator.name)} needs ${quote(need)}, which no step before it adds${advice(need, operator, givers)}`,
        { found: operator.name },
      );
      // Said once: what follows may count on it.
      there.add(need);
    }
    for (const added of operator.adds) there.add(added);
  }
  return there;
}

function advice(need: string, operator: Operator, givers: readonly Operator[]): string {
  if (givers.length > 0) return `: put ${givers.map(({ name }) => quote(name)).join(' or ')} before it`;
  const schema = (Object.keys(allSchemas) as SchemaName[]).find((name) => firstField(name) === need);
  return schema ? `: '${operator.name}' is for topics that carry ${schema}` : '';
}
