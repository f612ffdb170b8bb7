import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import type { StepSpec } from '../../streams/delivery/pipeline-spec.js';
import { type Effective, plainOf } from '../../streams/topology/effective.js';
import { pipelineSettings } from '../../streams/topology/pipelines.js';
import type { Topology } from '../../streams/topology/topology.js';
import { columns } from '../columns.js';

/** A setting as it takes effect. */
interface Setting {
  name: string;
  value: unknown;
  /** `topology.yaml:12`, `--set PATH`, or `default`; a variable stands before its place. */
  from: string;
  meaning?: string;
}

/** Says what a pipeline, or a step of one, does, with its settings as they take effect and where each comes from. USAGE: no such name. */
export function explain(
  topology: Topology,
  what: string | undefined,
  { json }: { json?: boolean },
  out: NodeJS.WritableStream,
): void {
  const explained = what === undefined ? allPipelines(topology) : one(topology, what);
  out.write(json ? `${JSON.stringify(explained.data)}\n` : explained.text);
}

interface Explained {
  data: unknown;
  text: string;
}

function allPipelines({ outline }: Topology): Explained {
  const lines = outline.map(
    ({ name, from, steps }) => `${name}: ${from} → ${steps.map((step) => step.name).join(' → ')}`,
  );
  return {
    data: outline.map(({ name, from, steps }) => ({ name, from, steps: steps.map((step) => step.name) })),
    text: `${lines.join('\n')}\n\nOne of them, or one of its steps: vimi explain ${outline[0]?.name}.${outline[0]?.steps[0]?.name}\n`,
  };
}

function one(topology: Topology, what: string): Explained {
  const { pipelines } = topology;
  // Names of pipelines may have dots themselves.
  const spec = pipelines.find(({ name }) => name === what) ?? pipelines.find(({ name }) => what.startsWith(`${name}.`));
  if (!spec)
    throw unknown(
      'pipeline',
      what,
      pipelines.map(({ name }) => name),
    );
  if (spec.name === what) return pipeline(topology, what);
  const name = what.slice(spec.name.length + 1);
  const index = spec.steps.findIndex((step) => step.name === name);
  if (index < 0)
    throw unknown(
      `step of ${spec.name}`,
      name,
      spec.steps.map((step) => step.name),
    );
  return step(topology, spec.name, index, spec.steps[index]!);
}

function unknown(kind: string, name: string, known: string[]): VimiError {
  return new VimiError('USAGE', `There is no ${kind} '${name}'${didYouMean(name, known)}`, {
    expected: known.join(', '),
  });
}

function pipeline(topology: Topology, name: string): Explained {
  const spec = topology.pipelines.find((one) => one.name === name)!;
  const { steps } = topology.outline.find((one) => one.name === name)!;
  const own = [...(entriesOf(topology, name) ?? [])].filter(([key]) => key !== 'steps');
  const settings = settingsOf(new Map(own), meanings(pipelineSettings), topology.file);
  const listed = spec.steps.map(({ name, operator }, index) => ({
    ...{ name, operator: operator.name, summary: operator.summary },
    ...(steps[index]!.segment && { segment: steps[index]!.segment }),
  }));
  const widest = Math.max(...listed.map((step) => step.name.length));
  const lines = listed.map(
    ({ name, summary, segment }, index) =>
      `  ${`${index + 1}`.padStart(2)} ${name.padEnd(widest)}  ${summary}${segment ? ` (segment ${segment})` : ''}`,
  );
  return {
    data: { pipeline: name, settings, steps: listed },
    text: `pipeline ${name}, ${counted(listed.length, 'step')}\n\n${table(settings)}\n\nsteps\n${lines.join('\n')}\n`,
  };
}

function step(topology: Topology, pipeline: string, index: number, { name, operator }: StepSpec): Explained {
  const list = entriesOf(topology, pipeline)?.get('steps');
  const written = list?.kind === 'list' ? list.items[index] : undefined;
  const inner = written?.kind === 'map' ? written.entries.get(operator.module ? 'with' : operator.name) : undefined;
  const settings = settingsOf(
    inner?.kind === 'map' ? inner.entries : new Map(),
    meanings(operator.config),
    topology.file,
  );
  const { steps } = topology.outline.find((one) => one.name === pipeline)!;
  const segment = steps[index]?.segment;
  const { summary } = operator;
  const place = `step ${index + 1} of ${steps.length}${segment ? `, of the segment ${segment}` : ''}`;
  return {
    data: {
      step: `${pipeline}.${name}`,
      operator: operator.name,
      summary,
      ...(segment && { segment }),
      settings,
    },
    text: `${pipeline}.${name}: ${place}\n${summary}\n\n${table(settings)}\n\nEverything about it: vimi docs ${
      operator.module ? `./${operator.module.slice(topology.folder.length + 1)}` : operator.name
    }\n`,
  };
}

function entriesOf({ effective }: Topology, pipeline: string): Map<string, Effective> | undefined {
  const all = effective.entries.get('pipelines');
  const found = all?.kind === 'map' ? all.entries.get(pipeline) : undefined;
  return found?.kind === 'map' ? found.entries : undefined;
}

function settingsOf(
  entries: Map<string, Effective>,
  meanings: ReadonlyMap<string, string>,
  file: string,
  path: string[] = [],
): Setting[] {
  return [...entries].flatMap(([key, one]) => {
    if (one.kind === 'map' && one.entries.size > 0) return settingsOf(one.entries, meanings, file, [...path, key]);
    const name = [...path, key].join('.');
    const meaning = meanings.get(path[0] ?? key);
    return [{ name, value: plainOf(one), from: fromOf(one, file), ...(meaning && { meaning }) }];
  });
}

/** A list comes from where its first value does. */
function fromOf(one: Effective, file: string): string {
  if (one.kind === 'list') return one.items[0] ? fromOf(one.items[0], file) : file;
  if (one.kind === 'map') return [...one.entries.values()].map((value) => fromOf(value, file))[0] ?? 'default';
  const { origin } = one;
  if (origin.kind === 'default') return 'default';
  return origin.place.file ?? `${file}:${origin.place.line}`;
}

/** What the settings mean, by name. */
function meanings(schema: z.ZodType): Map<string, string> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, { description?: string }>;
  };
  return new Map(
    Object.entries(properties).flatMap(([name, { description }]) => (description ? [[name, description]] : [])),
  );
}

function table(settings: Setting[]): string {
  if (settings.length === 0) return 'settings: none';
  const rows = settings.map(({ name, value, from, meaning }) => [name, JSON.stringify(value), from, meaning ?? '']);
  return `settings\n${columns(rows, 4).trimEnd()}`;
}
