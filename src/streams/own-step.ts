import { map, mergeMap, type Observable } from 'rxjs';
import { asVimiError, VimiError } from '../errors.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';
import type { Flow } from '../operators/flow.js';
import { flowShapes } from '../operators/flow-shapes.js';
import type { Operator, OperatorInstance } from '../operators/operator.js';
import type { Envelope } from './envelope.js';

type Fields = Record<string, unknown>;
const flowFields = Object.keys(flowShapes) as (keyof Flow)[];
/** Where what the step was given travels along while it works. */
const given = Symbol('given');

/**
 * An own operator held to its spec, so that a mistake in it is told as its own, and not as one of the step that stumbles
 * over it: it sees what it needs, and reading a field that is not there is an error that names the field; what it hands on
 * is what its spec says that it adds, of the form that Flow gives. An envelope that breaks this is rejected here.
 */
export function heldToSpec(operator: Operator, step: string, instance: OperatorInstance): OperatorInstance {
  const view = viewOf(operator, step);
  // Its other functions are called on the instance itself, which may be of a class.
  return Object.assign(Object.create(instance) as OperatorInstance, {
    step: (source: Observable<Envelope<Flow>>) =>
      instance.step(source.pipe(map((envelope) => envelope.with(view(envelope.data))))).pipe(
        mergeMap((envelope) => {
          try {
            return [envelope.with(handedOn(envelope.data, operator, step))];
          } catch (thrown) {
            envelope.settle({ kind: 'rejected', error: asVimiError(thrown), step, attempts: 1 });
            return [];
          }
        }),
      ),
  });
}

/** The flow as the step sees it: a field that is not there says so when it is read. */
function viewOf({ needs, module }: Operator, step: string): (data: Flow) => Flow {
  const handler: ProxyHandler<Flow> = {
    get(seen, field) {
      if (!(flowFields as unknown[]).includes(field) || Object.hasOwn(seen, field)) return seen[field as keyof Flow];
      throw new VimiError('INTERNAL', `The step ${step} reads '${String(field)}', which is not there`, {
        expected: `${needs.map((need) => `'${need}'`).join(', ') || 'nothing'}, as its needs say`,
        where: module,
        remedy: `Name '${String(field)}' in the needs of the operator; where it may be missing, ask: '${String(field)}' in flow.`,
      });
    },
  };
  return (data) => new Proxy<Flow>(Object.assign({ [given]: data }, data), handler);
}

function handedOn(data: Flow, { adds, needs, module }: Operator, step: string): Flow {
  const { [given]: before, ...after } = data as Fields & { [given]?: Flow };
  const declared = `${adds.map((field) => `'${field}'`).join(', ') || 'nothing'}, as its adds say`;
  const wrong = (what: string, expected?: string) =>
    new VimiError('INTERNAL', `The step ${step} hands on ${what}`, { expected, where: module });
  for (const [field, value] of Object.entries(after)) {
    if (before && (before as Fields)[field] === value) continue;
    if (!([...adds, ...needs] as string[]).includes(field)) throw wrong(`'${field}'`, declared);
    const checked = flowShapes[field as keyof Flow].safeParse(value);
    const [mistake] = checked.success ? [] : mistakesOf(checked.error, value);
    if (mistake) throw wrong(`a '${field}' that is none: ${mistakeText(mistake)}`);
  }
  const missing = adds.find((field) => after[field] === undefined);
  if (missing) throw wrong(`no '${missing}'`, declared);
  return { ...before, ...after } as Flow;
}
