// @ts-nocheck: a plain script
import { clusterTopology } from '../../../infra/cluster-topology.mjs';

const partitions = 12;
const variable = (name) => `\${${name}}`;
export const inputs = [
  ['generate', 'requests'],
  ['corpus', 'media'],
].map(([pipeline, topic]) => [`chaos-${pipeline}`, `chaos-${topic}`]);
export const outputs = ['videos', 'samples', 'corpus', 'outcomes', 'jobs', 'rejects'].map((topic) => `chaos-${topic}`);

/** The shipped topology with the fast denoiser, small shards, jobs of all lengths, and a short session. */
export function topologyOf({ longestNapMs }) {
  const topology = JSON.parse(clusterTopology('chaos', { partitions }));
  const { cluster } = topology.profiles;
  Object.assign(cluster.transport, { session_timeout: '6s', client_id: variable('WORKER') });
  const { generate } = topology.pipelines;
  generate.steps.splice(1, 0, { use: './nap.mjs', with: { most_ms: longestNapMs } });
  const settings = {
    filter: { filter: { min_side: 16, min_seconds: 0.2, min_motion: 0 } },
    shard: { shard: { records: 20 } },
  };
  const { grow } = topology.segments;
  topology.segments.grow = grow.map((step) => settings[step] ?? step);
  for (const name of Object.keys(settings))
    if (!grow.includes(name)) throw new Error(`topology.yaml: expected the step ${name} in the segment grow`);
  return JSON.stringify(topology, null, 2);
}
