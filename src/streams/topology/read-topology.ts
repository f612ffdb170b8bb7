import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { VimiError } from '../../errors.js';
import { checkAgainst } from './against.js';
import { checkLinks } from './links.js';
import { Mistakes, mistakeLine } from './mistake.js';
import { readPipelines } from './pipelines.js';
import { mediaRoots, readProfiles } from './profiles.js';
import { fixedMap } from './sections.js';
import { readSource, reportUnset } from './source.js';
import { StepReader } from './steps.js';
import { readTopics } from './topics.js';
import type { CheckedTopology, ReadOptions, Topology } from './topology.js';

const sections = ['profiles', 'media_roots', 'topics', 'segments', 'pipelines'] as const;

/**
 * Reads a topology file. TOPOLOGY_NOT_FOUND where there is none; TOPOLOGY_INVALID with every mistake, one a line.
 * Own operators of the file are loaded, which runs their modules.
 */
export async function readTopology(file: string, options: ReadOptions): Promise<Topology> {
  const { topology, mistakes } = await checkTopologyFile(file, options);
  if (topology) return topology;
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  throw new VimiError('TOPOLOGY_INVALID', `${file} has ${count}:\n${mistakes.map(mistakeLine).join('\n')}`);
}

/** Like readTopology, but gives the mistakes instead of throwing them. */
export async function checkTopologyFile(file: string, options: ReadOptions): Promise<CheckedTopology> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new VimiError('TOPOLOGY_NOT_FOUND', `${file} cannot be read`, { found: (cause as Error).message, cause });
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const mistakes = new Mistakes(file);
    mistakes.add('syntax', { line: 1, column: 1 }, 'this file is not text in UTF-8');
    return { mistakes: mistakes.list() };
  }
  return checkTopology(text, { ...options, file });
}

/** Checks the text of a topology file; `file` names it in messages, and relative paths start at its folder. */
export async function checkTopology(
  text: string,
  { file, env, profile: wanted, operators }: ReadOptions & { file: string },
): Promise<CheckedTopology> {
  const folder = dirname(resolve(file));
  const mistakes = new Mistakes(file);
  const root = readSource(text, { env, folder }, mistakes);
  const map = root && fixedMap(root, 'this file', sections, mistakes);
  if (!map) return { mistakes: mistakes.list() };
  const section = (name: (typeof sections)[number]) => map.entries.get(name)?.value;

  const rootsNode = section('media_roots');
  if (rootsNode) reportUnset(rootsNode, mistakes);
  const roots = rootsNode && checkAgainst(mediaRoots, rootsNode, 'media_roots', mistakes);
  const { topics, names } = readTopics(section('topics'), mistakes);
  const profiles = section('profiles');
  const profile = readProfiles(profiles, wanted, folder, mistakes);
  if (profiles) checkLinks(profiles, topics, names, mistakes);
  const reader = new StepReader(operators, folder, mistakes);
  const segments = section('segments');
  if (segments) await reader.readSegments(segments);
  const links = profile?.objects.links ?? {};
  const around = { topics, topicNames: names, links, operators, reader, mistakes };
  const pipelines = await readPipelines(section('pipelines'), around);

  if (mistakes.any || !profile) return { mistakes: mistakes.list() };
  const topology: Topology = {
    file,
    folder,
    profile,
    mediaRoots: (profile.mediaRoots ?? roots ?? ['.']).map((path) => resolve(folder, path)),
    topics,
    pipelines: pipelines.map(({ spec }) => spec),
    outline: pipelines.map(({ outline }) => outline),
  };
  return { topology, mistakes: [] };
}
