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
  const { generate, corpus } = topology.pipelines;
  generate.steps.splice(1, 0, { use: './nap.mjs', with: { most_ms: longestNapMs } });
  const settings = {
    filter: { filter: { min_side: 16, min_seconds: 0.2, min_motion: 0 } },
    shard: { shard: { records: 20 } },
  };
  corpus.steps = corpus.steps.map((step) => settings[step] ?? settings[Object.keys(step)[0]] ?? step);
  return JSON.stringify(topology, null, 2);
}
