import type { SchemaName } from '../../events/schemas.js';
import type { PipelineSpec, StepSpec } from '../delivery/pipeline-spec.js';
import { type Mistakes, quote } from './mistake.js';
import { shown } from './source.js';
import type { UnfoldedStep } from './steps.js';
import type { TopicDeclaration } from './topology.js';

/**
 * Settings of steps that name a topic: an operator marks them with `.meta({ topic: SCHEMA })`. They are the only source of
 * where the steps of a pipeline publish events of that schema; whoever reads those asks `stepTopic`.
 */

interface TopicSetting {
  key: string;
  schema: SchemaName;
  name: string;
}

function topicSettings({ operator, config }: StepSpec): TopicSetting[] {
  return Object.entries(operator.config.shape).flatMap(([key, field]) => {
    const schema = (field as { meta?(): { topic?: SchemaName } | undefined }).meta?.()?.topic;
    return schema === undefined ? [] : [{ key, schema, name: String(config[key]) }];
  });
}

/** The topic to which the steps of a pipeline publish `schema`; undefined: none of them does. */
export function stepTopic({ steps }: Pick<PipelineSpec, 'steps'>, schema: SchemaName): string | undefined {
  return steps.flatMap(topicSettings).find((setting) => setting.schema === schema)?.name;
}

/**
 * Checks these settings: the topic must be declared and carry the schema, and all steps of the pipeline must name the same
 * one.
 */
export function checkStepTopics(
  steps: UnfoldedStep[],
  topics: Map<string, TopicDeclaration>,
  names: Set<string>,
  mistakes: Mistakes,
): void {
  const first = new Map<SchemaName, { step: string; name: string }>();
  for (const { spec, settings, place } of steps) {
    if (!spec) continue;
    for (const { key, schema, name } of topicSettings(spec)) {
      const written = settings?.kind === 'map' ? settings.entries.get(key)?.value : undefined;
      const what = `step '${spec.operator.name}': ${key}`;
      const at = written?.place ?? place;
      const called = written ? shown(written) : quote(name);
      const topic = topics.get(name);
      const other = first.get(schema);
      if (!names.has(name))
        mistakes.add('unknown-name', at, `${what}: there is no topic ${called}: declare one that carries ${schema}`);
      else if (topic && !topic.schemas.includes(schema))
        mistakes.add('value', at, `${what}: the topic ${called} does not carry ${schema}`);
      else if (!other) first.set(schema, { step: spec.name, name });
      else if (other.name !== name)
        mistakes.add(
          'value',
          at,
          `${what}: expected the topic ${quote(other.name)}, which the step ${quote(other.step)} names, found ${called}: all steps of a pipeline publish ${schema} to one topic`,
        );
    }
  }
}
