import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { VimiError } from '../../core/errors.js';
import { checkAgainst } from './against.js';
import { effectiveTopology } from './effective-topology.js';
import { hosts } from './hosts.js';
import { checkLinks } from './links.js';
import { Mistakes, mistakeLine, type TopologyMistake } from './mistake.js';
import { readModels } from './models.js';
import { readPipelines } from './pipelines.js';
import { mediaRoots, readProfiles } from './profiles.js';
import { fixedMap } from './sections.js';
import { setValues } from './set.js';
import { type Placed, readSource, reportUnset } from './source.js';
import { StepReader } from './steps.js';
import { readTests, type TopologyTest } from './tests.js';
import { readTopics } from './topics.js';
import type { CheckedTopology, ReadOptions, Topology } from './topology.js';

export const sections = [
  'profiles',
  'media_roots',
  'media_hosts',
  'model_hosts',
  'webhook_hosts',
  'models',
  'topics',
  'segments',
  'pipelines',
  'tests',
] as const;

/**
 * Reads a topology file. TOPOLOGY_NOT_FOUND where there is none; TOPOLOGY_INVALID with every mistake, one a line.
 * Custom operators of the file are loaded, which runs their modules.
 */
export async function readTopology(file: string, options: ReadOptions): Promise<Topology> {
  const { topology, mistakes } = await checkTopologyFile(file, options);
  if (topology) return topology;
  throw invalid(file, mistakes);
}

function invalid(file: string, mistakes: TopologyMistake[]): VimiError {
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new VimiError('TOPOLOGY_INVALID', `${file} has ${count}:\n${mistakes.map(mistakeLine).join('\n')}`);
}

/** Like readTopology, but gives the mistakes instead of throwing them. */
export async function checkTopologyFile(file: string, options: ReadOptions): Promise<CheckedTopology> {
  const mistakes = new Mistakes(file);
  const text = textOf(file, mistakes);
  return text === undefined ? { mistakes: mistakes.list() } : checkTopology(text, { ...options, file });
}

function textOf(file: string, mistakes: Mistakes): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new VimiError('TOPOLOGY_NOT_FOUND', `${file} cannot be read`, { found: (cause as Error).message, cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return void mistakes.add('syntax', { line: 1, column: 1 }, 'this file is not text in UTF-8');
  }
}

/** Checks the text of a topology file; `file` names it in messages, and relative paths start at its folder. */
export async function checkTopology(
  text: string,
  { file, env, profile: wanted, operators, set = [] }: ReadOptions & { file: string },
): Promise<CheckedTopology> {
  const folder = dirname(resolve(file));
  const mistakes = new Mistakes(file);
  const root = readSource(text, { env, folder }, mistakes);
  const isEmpty = root?.kind === 'scalar' && root.value === null;
  if (isEmpty) mistakes.add('missing-key', root.place, "this file is empty: expected 'topics' and 'pipelines'");
  if (root?.kind === 'map') setValues(root, set, { env, folder }, mistakes);
  const map = root && !isEmpty ? fixedMap(root, 'this file', sections, mistakes) : undefined;
  if (!map) return { mistakes: mistakes.list() };
  const section = (name: (typeof sections)[number]) => map.entries.get(name)?.value;

  const rootsNode = section('media_roots');
  if (rootsNode) reportUnset(rootsNode, mistakes);
  const roots = rootsNode && checkAgainst(mediaRoots, rootsNode, 'media_roots', mistakes);
  const hostsIn = (name: 'media_hosts' | 'model_hosts' | 'webhook_hosts') => {
    const node = section(name);
    if (node) reportUnset(node, mistakes);
    return (node && checkAgainst(hosts, node, name, mistakes)) ?? [];
  };
  const [mediaHosts, modelHosts] = [hostsIn('media_hosts'), hostsIn('model_hosts')];
  const webhookHosts = hostsIn('webhook_hosts');
  const models = readModels(section('models'), { folder, hosts: modelHosts }, mistakes);
  const { topics, names } = readTopics(section('topics'), mistakes);
  const profiles = section('profiles');
  const profile = readProfiles(profiles, wanted, folder, mistakes);
  if (profiles) checkLinks(profiles, topics, names, mistakes);
  const reader = new StepReader(operators, folder, mistakes);
  const segments = section('segments');
  if (segments) await reader.readSegments(segments);
  const links = profile?.objects.links ?? {};
  const around = { topics, topicNames: names, links, operators, modelHosts, reader, mistakes };
  const pipelines = await readPipelines(section('pipelines'), around);
  const written = section('tests');
  const tests = written
    ? readTests(written, {
        ...{ file, mistakes, topicNames: names, pipelineNames: namesOf(section('pipelines')) },
        pipelines: pipelines.map(({ spec }) => spec),
      })
    : [];

  if (mistakes.any || !profile) return { mistakes: mistakes.list() };
  const topology: Topology = {
    file,
    folder,
    profile,
    mediaRoots: (profile.mediaRoots ?? roots ?? ['.']).map((path) => resolve(folder, path)),
    mediaHosts,
    webhookHosts,
    models,
    topics,
    pipelines: pipelines.map(({ spec }) => spec),
    outline: pipelines.map(({ outline }) => outline),
    tests,
    effective: effectiveTopology({
      map,
      profile,
      topics,
      mediaRoots: roots ?? ['.'],
      mediaHosts,
      modelHosts,
      webhookHosts,
      models,
      pipelines,
    }),
  };
  return { topology, mistakes: [] };
}

/**
 * Reads a file of tests of a topology. TOPOLOGY_NOT_FOUND where there is none; TOPOLOGY_INVALID with every mistake, one a
 * line.
 */
export function readTestFile(file: string, topology: Topology, env: ReadOptions['env']): TopologyTest[] {
  const mistakes = new Mistakes(file);
  const text = textOf(file, mistakes);
  const root = text === undefined ? undefined : readSource(text, { env, folder: dirname(resolve(file)) }, mistakes);
  const map = root && fixedMap(root, 'this file', ['tests'], mistakes);
  const written = map?.entries.get('tests')?.value;
  if (map && !written) mistakes.add('missing-key', map.place, "missing 'tests': expected a map of tests by name");
  const tests = written
    ? readTests(written, {
        ...{ file, mistakes, pipelines: topology.pipelines },
        pipelineNames: topology.pipelines.map(({ name }) => name),
        topicNames: new Set(topology.topics.keys()),
      })
    : [];
  if (mistakes.any) throw invalid(file, mistakes.list());
  return tests;
}

function namesOf(node: Placed | undefined): string[] {
  return node?.kind === 'map' ? [...node.entries.keys()] : [];
}
