import { VimiError } from '../core/errors.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';
import { isKnownReason } from './envelope.js';
import type { Flow } from './flow.js';
import { flowShapes } from './flow-shapes.js';
import { delivered, type Returned, reasonOf } from './map-each.js';
import type { Operator } from './operator.js';

type Fields = Record<string, unknown>;

/**
 * Holds a step to the spec of its operator, so that a mistake in it is reported as its own, and not as one of the step
 * that stumbles over it. It sees what it needs, and reading a field that is not there is an error that names the field.
 * What it hands on is what its spec says that it adds, in the form that the flow gives. Whatever breaks this rejects the event.
 */
export function heldToSpec(operator: Operator, step: string) {
  const { needs, optional, adds, drops, fields, module } = operator;
  const shapes: Record<string, (typeof flowShapes)[keyof typeof flowShapes] | (typeof fields)[string]> = {
    ...flowShapes,
    ...fields,
  };
  const own = new Set([...needs, ...optional, ...adds]);
  const wrong = (what: string, expected?: string, remedy?: string) =>
    new VimiError('INTERNAL', `The step ${step} ${what}`, { expected, remedy, where: module });

  const handler: ProxyHandler<Fields> = {
    get(seen, field) {
      if (typeof field !== 'string' || Object.hasOwn(seen, field)) return seen[field as string];
      if (optional.includes(field) || !Object.hasOwn(shapes, field)) return undefined;
      throw wrong(
        `reads '${field}', which is not there`,
        `${listed(needs)}, as its needs say`,
        `Name '${field}' in the needs of the operator, or under optional where it may be missing.`,
      );
    },
  };

  function checkFields(after: Fields, before: Fields): void {
    for (const [field, value] of Object.entries(after)) {
      if (before[field] === value) continue;
      if (!own.has(field)) throw wrong(`hands on '${field}'`, `${listed(adds)}, as its adds say`);
      const checked = shapes[field]?.safeParse(value);
      const [mistake] = !checked || checked.success ? [] : mistakesOf(checked.error, value);
      if (mistake) throw wrong(`hands on a '${field}' that is none: ${mistakeText(mistake)}`);
    }
    const missing = adds.find((field) => (after[field] ?? before[field]) === undefined);
    if (missing) throw wrong(`hands on no '${missing}'`, `${listed(adds)}, as its adds say`);
  }

  return {
    /** The flow as the step sees it. */
    view: (data: Flow): Flow => new Proxy<Fields>({ ...data }, handler) as Flow,

    /** What was returned, or throws. One that is none at all is for the runner to tell. */
    check(returned: Returned, data: Flow): Returned {
      if (returned === delivered || typeof returned !== 'object' || returned === null) return returned;
      const reason = reasonOf(returned);
      if (reason !== undefined) {
        if (!isKnownReason(reason) && !drops.includes(reason))
          throw wrong(`drops an event as '${reason}'`, `${listed(drops)}, as its drops say`);
        return returned;
      }
      for (const fields of Array.isArray(returned) ? returned : [returned])
        if (typeof fields === 'object' && fields !== null) checkFields(fields as Fields, data as Fields);
      return returned;
    },
  };
}

function listed(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ') || 'nothing';
}
