import { z } from 'zod';
import type { SchemaName } from '../../events/schemas.js';
import type { Operator } from '../../flow/operator.js';
import type { PipelineSpec, StepSpec } from '../delivery/pipeline-spec.js';
import { lostPositionChoices } from '../delivery/pipeline-spec.js';
import { checkAgainst } from './against.js';
import { duration } from './duration.js';
import type { Effective } from './effective.js';
import { effectivePipeline } from './effective-topology.js';
import { checkServers } from './hosts.js';
import { type Mistakes, quote } from './mistake.js';
import { checkNeeds } from './needs.js';
import { namedEntries } from './sections.js';
import { readSinks } from './sinks.js';
import { type Placed, type PlacedEntry, reportUnset, shown } from './source.js';
import { checkStepTopics } from './step-topics.js';
import type { StepReader } from './steps.js';
import type { PipelineOutline, TopicDeclaration } from './topology.js';

/** Steps and sinks are read apart. */
export const pipelineSettings = z.strictObject({
  from: z.string().describe('The topic that it reads.'),
  steps: z.unknown().optional(),
  to: z.unknown().optional(),
  group: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'letters, digits, dots, dashes and underscores, at most 128')
    .optional()
    .describe('The consumer group; vimi-NAME when left out.'),
  max_in_flight: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe('The most events of a partition that are worked on at once.'),
  rejects: z
    .union([z.literal(false), z.string()])
    .optional()
    .describe(
      'The topic of dead letters: the one that carries event.rejected when left out; false: they are only logged.',
    ),
  step_limit: duration.optional().describe('The most time that a step may take for one event, such as 5m.'),
  ageing: duration
    .optional()
    .describe('A request that waits counts as one priority higher after so long each; 10m when left out.'),
  on_lost_position: z
    .enum(lostPositionChoices)
    .optional()
    .describe('What to do when the position of the group is gone; stop when left out.'),
});

interface Surroundings {
  topics: Map<string, TopicDeclaration>;
  topicNames: Set<string>;
  /** By topic: how long the links of its events last, in milliseconds. */
  links: Record<string, number>;
  operators: readonly Operator[];
  modelHosts: readonly string[];
  reader: StepReader;
  mistakes: Mistakes;
}

export interface ReadPipeline {
  spec: PipelineSpec;
  outline: PipelineOutline;
  effective: Effective;
}

/** All pipelines, in order; those with mistakes are left out. */
export async function readPipelines(node: Placed | undefined, around: Surroundings): Promise<ReadPipeline[]> {
  const { mistakes } = around;
  if (!node) {
    mistakes.add('missing-key', { line: 1, column: 1 }, "missing 'pipelines': expected a map of pipelines by name");
    return [];
  }
  reportUnset(node, mistakes);
  const entries = namedEntries(node, 'pipeline', mistakes);
  if (node.kind === 'map' && entries.length === 0)
    mistakes.add('missing-key', node.place, 'there is no pipeline: expected at least one');
  const pipelines: ReadPipeline[] = [];
  const groups = new Map<string, string>();
  for (const entry of entries) {
    const pipeline = await readPipeline(entry, around);
    if (!pipeline) continue;
    const { group, name } = pipeline.spec;
    const other = groups.get(group);
    if (other)
      mistakes.add(
        'value',
        entry.place,
        `pipelines ${quote(other)} and ${quote(name)} share one group: each needs its own`,
      );
    groups.set(group, name);
    pipelines.push(pipeline);
  }
  return pipelines;
}

async function readPipeline(
  { name, place, value }: PlacedEntry,
  around: Surroundings,
): Promise<ReadPipeline | undefined> {
  const { topics, topicNames, links, operators, modelHosts, reader, mistakes } = around;
  const { folder } = reader;
  const what = `pipeline '${name}'`;
  const checked = checkAgainst(pipelineSettings, value, what, mistakes);
  if (value.kind !== 'map') return undefined;

  const from = value.entries.get('from');
  const topic = from && namedTopic(from.value, what, topics, topicNames, mistakes);
  const list = value.entries.get('steps');
  if (!list) mistakes.add('missing-key', place, `${what}: missing steps: expected a list of steps`);
  const steps = list ? reader.unfold(await reader.read(list.value, what), what, list.place) : [];
  const fromIsKnown = topic !== undefined && list !== undefined;
  const there = fromIsKnown ? checkNeeds(name, topic.schemas, steps, operators, mistakes) : undefined;
  checkStepTopics(steps, topics, topicNames, mistakes);
  checkServers(name, steps, modelHosts, mistakes);
  const to = value.entries.get('to');
  const sinks = to ? readSinks(to.value, { what, topics, topicNames, links, steps, there, mistakes }) : [];
  const rejects = readRejects(value.entries.get('rejects'), place, what, around);

  if (!checked || !topic || rejects === undefined) return undefined;
  return {
    spec: {
      name,
      group: checked.group ?? `vimi-${name}`,
      from: topic.name,
      schemas: topic.schemas,
      maxInFlight: checked.max_in_flight,
      steps: steps.flatMap(({ spec }): StepSpec[] => (spec ? [spec] : [])),
      to: sinks.flatMap(({ sink }) => (sink ? [sink] : [])),
      rejects,
      ...(checked.step_limit && { stepLimitMs: checked.step_limit }),
      ...(checked.ageing && { ageingMs: checked.ageing }),
      ...(checked.on_lost_position && { onLostPosition: checked.on_lost_position }),
    },
    outline: {
      name,
      from: topic.name,
      steps: steps.flatMap(({ spec, segment }) => (spec ? [{ name: spec.name, ...(segment && { segment }) }] : [])),
      to: sinks.map(({ outline }) => outline),
      rejects,
    },
    effective: effectivePipeline(
      value,
      { ...checked, from: topic.name, rejects: rejects ?? false, name },
      steps,
      folder,
    ),
  };
}

function namedTopic(
  node: Placed,
  what: string,
  topics: Map<string, TopicDeclaration>,
  names: Set<string>,
  mistakes: Mistakes,
): TopicDeclaration | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.variables?.unset.length) return undefined;
  if (!names.has(node.value)) {
    if (node.variables) mistakes.add('unknown-name', node.place, `${what}: ${shown(node)} names no topic`);
    else mistakes.addUnknown('topic', node.value, node.place, names);
  }
  return topics.get(node.value);
}

const carriesRejects: SchemaName = 'event.rejected';

/** The topic of the pipeline's rejects; null: there is none, on purpose. undefined: a mistake, which is reported. */
function readRejects(
  entry: PlacedEntry | undefined,
  place: { line: number; column: number },
  what: string,
  { topics, topicNames, mistakes }: Surroundings,
): string | null | undefined {
  const candidates = [...topics.values()].filter(({ schemas }) => schemas.includes(carriesRejects));
  if (!entry) {
    // Topics with mistakes are not here: one of them may be the one.
    const allRead = topics.size === topicNames.size;
    if (candidates.length === 1) return candidates[0]!.name;
    if (candidates.length > 1)
      mistakes.add(
        'missing-key',
        place,
        `${what}: several topics carry ${carriesRejects}: say which with rejects: ${candidates[0]!.name}`,
      );
    else if (allRead)
      mistakes.add(
        'missing-key',
        place,
        `${what}: dead letters (rejected events) have no topic: declare one, rejects: { schema: ${carriesRejects} }, or say rejects: false`,
      );
    return undefined;
  }
  const { value } = entry;
  if (value.kind === 'scalar' && value.value === false) return null;
  const topic = namedTopic(value, what, topics, topicNames, mistakes);
  if (topic && !topic.schemas.includes(carriesRejects)) {
    mistakes.add(
      'value',
      value.place,
      `${what}: the topic ${quote(topic.name)} carries ${topic.schemas.join(' and ')}: expected one that carries ${carriesRejects}`,
    );
    return undefined;
  }
  return topic?.name;
}
