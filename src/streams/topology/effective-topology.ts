import { relative } from 'node:path';
import { type Effective, type EffectiveMap, effective } from './effective.js';
import type { NamedModel } from './models.js';
import type { Profile } from './profiles.js';
import type { Placed, PlacedMap } from './source.js';
import type { UnfoldedStep } from './steps.js';
import type { TopicDeclaration } from './topology.js';

interface Parts {
  map: PlacedMap;
  profile: Profile;
  topics: Map<string, TopicDeclaration>;
  mediaRoots: string[];
  mediaHosts: string[];
  modelHosts: string[];
  webhookHosts: string[];
  models: Map<string, NamedModel>;
  pipelines: readonly { spec: { name: string }; effective: Effective }[];
}

/** A whole topology as it takes effect, in the shape of its file: the profile that was chosen, and no segments. */
export function effectiveTopology({
  map,
  profile,
  topics,
  mediaRoots,
  mediaHosts,
  modelHosts,
  webhookHosts,
  models,
  pipelines,
}: Parts) {
  const written = (...path: string[]) => at(map, path);
  return mapOf([
    ['profiles', mapOf([[profile.name, effectiveProfile(profile, written('profiles', profile.name))]])],
    ['media_roots', effective(mediaRoots, written('media_roots'))],
    ['media_hosts', effective(mediaHosts, written('media_hosts'))],
    ['model_hosts', effective(modelHosts, written('model_hosts'))],
    ['webhook_hosts', effective(webhookHosts, written('webhook_hosts'))],
    ['models', mapOf([...models].map(([name, model]) => [name, effective(asWritten(model), written('models', name))]))],
    [
      'topics',
      mapOf(
        [...topics].map(([name, { partitions, cleanup }]) => [
          name,
          effective({ partitions, cleanup }, written('topics', name)),
        ]),
      ),
    ],
    ['pipelines', mapOf(pipelines.map(({ spec, effective }) => [spec.name, effective]))],
  ]);
}

function effectiveProfile({ transport, objects, search, work, server }: Profile, node: Placed | undefined): Effective {
  // Of an engine of the team's own, only the file knows how it is written.
  const checked = {
    ...{ transport, objects, work },
    ...(search.type !== 'module' && { search }),
    ...(server && { server }),
  };
  return effective(checked, node);
}

/** Times are in milliseconds once they are read. */
function asWritten(model: NamedModel) {
  return model.type === 'own' ? model : { ...model, run_limit: `${model.run_limit / 1000}s` };
}

/** `checked`: its settings with their defaults. */
export function effectivePipeline(
  node: PlacedMap,
  { name, ...checked }: { name: string } & Record<string, unknown>,
  steps: readonly UnfoldedStep[],
  folder: string,
): Effective {
  const { entries } = effective({ ...checked, group: checked.group ?? `vimi-${name}` }, node) as EffectiveMap;
  const unfolded: Effective = {
    kind: 'list',
    items: steps.flatMap((step) => (step.spec ? [effectiveStep(step.spec, step.settings, folder)] : [])),
  };
  const { from, to } = { from: entries.get('from')!, to: entries.get('to') };
  const others = [...entries].filter(([key]) => !['from', 'to', 'steps'].includes(key));
  return mapOf([['from', from], ...others, ['steps', unfolded], ...(to ? [['to', to] as const] : [])]);
}

function effectiveStep(
  { operator, config }: NonNullable<UnfoldedStep['spec']>,
  node: Placed | undefined,
  folder: string,
): Effective {
  const settings = effective(config, node);
  if (!operator.module) return mapOf([[operator.name, settings]]);
  const file: Effective = {
    kind: 'value',
    value: `./${relative(folder, operator.module)}`,
    origin: { kind: 'default' },
  };
  return mapOf([
    ['use', file],
    ['with', settings],
  ]);
}

function mapOf(entries: (readonly [string, Effective])[]): EffectiveMap {
  return { kind: 'map', entries: new Map(entries) };
}

function at(node: Placed | undefined, path: readonly string[]): Placed | undefined {
  const [name, ...more] = path;
  if (name === undefined || !node) return node;
  return node.kind === 'map' ? at(node.entries.get(name)?.value, more) : undefined;
}
