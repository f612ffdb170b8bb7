import type { SchemaName } from '../../events/schemas.js';
import { type Mistakes, quote } from './mistake.js';
import { type Placed, shown } from './source.js';
import type { UnfoldedStep } from './steps.js';
import type { TopicDeclaration } from './topology.js';

/**
 * Checks the settings that name a topic: an operator marks them with `.meta({ topic: SCHEMA })`, and the topic must be
 * declared and carry that schema.
 */
export function checkStepTopics(
  steps: UnfoldedStep[],
  topics: Map<string, TopicDeclaration>,
  names: Set<string>,
  mistakes: Mistakes,
): void {
  for (const { spec, settings, place } of steps) {
    if (!spec) continue;
    for (const [key, field] of Object.entries(spec.operator.config.shape)) {
      const schema = (field as { meta?(): { topic?: SchemaName } | undefined }).meta?.()?.topic;
      if (schema === undefined) continue;
      const name = String(spec.config[key]);
      const written = settings?.kind === 'map' ? settings.entries.get(key)?.value : undefined;
      check(`step '${spec.operator.name}': ${key}`, name, schema, written, place);
    }
  }

  function check(what: string, name: string, schema: SchemaName, written: Placed | undefined, step: Placed['place']) {
    const place = written?.place ?? step;
    const called = written ? shown(written) : quote(name);
    const topic = topics.get(name);
    if (topic && !topic.schemas.includes(schema))
      mistakes.add('value', place, `${what}: the topic ${called} does not carry ${schema}`);
    else if (!names.has(name))
      mistakes.add('unknown-name', place, `${what}: there is no topic ${called}: declare one that carries ${schema}`);
  }
}
