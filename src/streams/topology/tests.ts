import { z } from 'zod';
import { errorCodes, type Fault } from '../../core/errors.js';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import { jobState } from '../../events/schemas.js';
import { recordedField, shapeOf } from '../../flow/recorded-field.js';
import type { PipelineSpec } from '../delivery/pipeline-spec.js';
import { checkAgainst } from './against.js';
import { duration } from './duration.js';
import { type Mistakes, type Place, quote } from './mistake.js';
import { type Placed, type PlacedEntry, type PlacedMap, plain, shown } from './source.js';

const outcome = z.union([
  z.enum(['delivered', 'dropped', 'rejected']),
  z.strictObject({ dropped: z.string().describe('The reason.') }),
  z.strictObject({ rejected: z.string().describe('The code of the error.') }),
]);
const part = z.record(z.string(), z.unknown());

/** One test of a topology. The values that it expects are compared where they stand. */
export const testSettings = z.strictObject({
  now: z.iso.datetime({ offset: true }).optional().describe('When it is; 2026-01-01T00:00:00Z when left out.'),
  replace: z
    .record(
      z.string(),
      z.looseObject({
        takes: duration.optional().describe('So much time passes for each event, such as 2m.'),
        dropped: z.string().min(1).optional().describe('Every event is dropped for this reason.'),
        rejected: z.string().min(1).optional().describe('Every event is rejected with this code.'),
      }),
    )
    .optional()
    .describe('Steps that do not run, by name: the fields that each adds to every event instead.'),
  input: z
    .record(z.string(), z.array(z.union([z.string(), part])).min(1))
    .describe('Events by pipeline: the data of each, a whole CloudEvent, or a text that is published as it is.'),
  expect: z
    .strictObject({
      outcomes: z.record(z.string(), z.array(outcome)).optional().describe('By pipeline, one for each event.'),
      jobs: z
        .record(z.string(), z.array(z.union([jobState, z.null(), part])))
        .optional()
        .describe(
          'By pipeline, for each event: the last state of its job, or a part of that event; null: it has no job.',
        ),
      outputs: z
        .record(z.string(), z.array(part))
        .optional()
        .describe('By topic, all events, in any order: a part of the data of each.'),
    })
    .describe('What must come of it.'),
});

/** A recorded answer, given to every event that comes to the step. */
export interface RecordedAnswer {
  /** Milliseconds that pass. */
  takes: number;
  answer: { fields: Record<string, unknown> } | { dropped: string } | { rejected: string };
}

export interface TopologyTest {
  name: string;
  file: string;
  place: Place;
  /** Milliseconds since 1970. */
  now: number;
  /** By step. */
  replace: Map<string, RecordedAnswer>;
  /** In this order, one pipeline after the other. */
  input: { pipeline: string; events: (string | Record<string, unknown>)[] }[];
  /** As they stand in the file: by pipeline, by pipeline, by topic. */
  expect: Record<'outcomes' | 'jobs' | 'outputs', { name: string; place: Place; items: Placed[] }[]>;
}

const defaultNow = '2026-01-01T00:00:00Z';

interface Surroundings {
  file: string;
  /** Those that were read without a mistake. */
  pipelines: readonly PipelineSpec[];
  pipelineNames: Iterable<string>;
  topicNames: Set<string>;
  mistakes: Mistakes;
}

/** All tests of a file, in its order; those with mistakes are left out. */
export function readTests(node: Placed, around: Surroundings): TopologyTest[] {
  const { mistakes } = around;
  refuseVariables(node, mistakes);
  if (node.kind !== 'map') {
    mistakes.add('value', node.place, `tests: expected a map of tests by name, found ${shown(node)}`);
    return [];
  }
  return [...node.entries.values()].flatMap((entry) => readTest(entry, around) ?? []);
}

function readTest({ name, place, value }: PlacedEntry, around: Surroundings): TopologyTest | undefined {
  const { file, mistakes } = around;
  const what = `test ${quote(name)}`;
  const checked = checkAgainst(testSettings, value, what, mistakes);
  if (!checked || value.kind !== 'map') return undefined;
  const inputs = mapAt(value, 'input');
  checkNames(inputs, 'pipeline', around.pipelineNames, mistakes);
  const pipelines = around.pipelines.filter((pipeline) => inputs?.entries.has(pipeline.name));
  const replace = new Map<string, RecordedAnswer>();
  for (const entry of mapAt(value, 'replace')?.entries.values() ?? [])
    replace.set(entry.name, readAnswer(entry, checked.replace?.[entry.name]?.takes ?? 0, what, pipelines, around));

  const expected = mapAt(value, 'expect');
  const lists = (key: 'outcomes' | 'jobs' | 'outputs') => {
    const map = expected && mapAt(expected, key);
    checkNames(
      map,
      key === 'outputs' ? 'topic' : 'pipeline',
      key === 'outputs' ? around.topicNames : (inputs?.entries.keys() ?? []),
      mistakes,
    );
    return [...(map?.entries.values() ?? [])].map((entry) => ({
      name: entry.name,
      place: entry.place,
      items: entry.value.kind === 'list' ? entry.value.items : [],
    }));
  };
  const expect = { outcomes: lists('outcomes'), jobs: lists('jobs'), outputs: lists('outputs') };
  for (const key of ['outcomes', 'jobs'] as const)
    for (const { name: pipeline, place: at, items } of expect[key]) {
      const given = checked.input[pipeline]?.length;
      if (given !== undefined && given !== items.length)
        mistakes.add('value', at, `${what}: ${key}: expected one for each of ${given} events, found ${items.length}`);
    }
  return {
    name,
    file,
    place,
    now: Date.parse(checked.now ?? defaultNow),
    replace,
    input: Object.entries(checked.input).map(([pipeline, events]) => ({ pipeline, events })),
    expect,
  };
}

function readAnswer(
  { name: step, place, value }: PlacedEntry,
  takes: number,
  test: string,
  pipelines: readonly PipelineSpec[],
  { pipelineNames, mistakes }: Surroundings,
): RecordedAnswer {
  const what = `${test}: replace: ${step}`;
  const operator = pipelines.flatMap(({ steps }) => steps).find(({ name }) => name === step)?.operator;
  // A pipeline with mistakes may have the step.
  if (!operator && pipelines.length > 0 && [...pipelineNames].length > 0)
    mistakes.addUnknown('step', step, place, new Set(pipelines.flatMap(({ steps }) => steps.map(({ name }) => name))));
  const { takes: _, dropped, rejected, ...rest } = plain(value) as Record<string, unknown>;
  const kinds = [dropped, rejected, Object.keys(rest)[0]].filter((kind) => kind !== undefined);
  if (kinds.length > 1)
    mistakes.add('value', place, `${what}: expected dropped, or rejected, or fields: not several of them`);
  if (typeof dropped === 'string') return { takes, answer: { dropped } };
  if (typeof rejected === 'string') {
    const codes: Record<string, { fault?: Fault }> = { ...errorCodes, ...operator?.codes };
    if (Object.hasOwn(codes, rejected) && codes[rejected]!.fault === 'surroundings')
      mistakes.add('value', place, `${what}: ${rejected} pauses a pipeline, and no event is rejected with it`);
    return { takes, answer: { rejected } };
  }
  const fields: Record<string, unknown> = {};
  for (const entry of value.kind === 'map' ? value.entries.values() : []) {
    if (entry.name === 'takes') continue;
    if (operator && !operator.adds.includes(entry.name)) {
      mistakes.addUnknown('key', entry.name, entry.place, ['takes', 'dropped', 'rejected', ...operator.adds]);
      continue;
    }
    const field = recordedField(entry.name, plain(entry.value));
    const checked = (operator?.fields[entry.name] ?? shapeOf(entry.name))?.safeParse(field);
    if (checked && !checked.success)
      for (const mistake of mistakesOf(checked.error, field))
        mistakes.add('value', entry.place, `${what}: ${entry.name}: ${mistakeText(mistake)}`);
    fields[entry.name] = field;
  }
  const missing = operator?.adds.filter((field) => !Object.hasOwn(fields, field)) ?? [];
  if (missing.length > 0 && operator)
    mistakes.add('missing-key', place, `${what}: missing ${missing.join(', ')}, which ${quote(operator.name)} adds`);
  return { takes, answer: { fields } };
}

/** A test means the same on every machine, and what it compares is printed. */
function refuseVariables(node: Placed, mistakes: Mistakes): void {
  if (node.kind === 'list') for (const item of node.items) refuseVariables(item, mistakes);
  else if (node.kind === 'map') for (const { value } of node.entries.values()) refuseVariables(value, mistakes);
  else if (node.variables)
    mistakes.add(
      'environment',
      node.place,
      `tests take nothing from the environment or from files: found ${shown(node)}`,
    );
}

function checkNames(map: PlacedMap | undefined, kind: string, known: Iterable<string>, mistakes: Mistakes): void {
  const names = [...known];
  for (const { name, place } of map?.entries.values() ?? [])
    if (!names.includes(name)) mistakes.addUnknown(kind, name, place, names);
}

function mapAt(map: PlacedMap, key: string): PlacedMap | undefined {
  const value = map.entries.get(key)?.value;
  return value?.kind === 'map' ? value : undefined;
}
