// @ts-nocheck: a plain script
// Prints topology.yaml for a run of its own on a broker that others use too: topics and groups get a name before
// theirs, objects a prefix, and the model is `fake` (no network at all), because all else is what is looked at.
//   node infra/cluster-topology.mjs NAME > topology.yaml
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** @param {string} name @param {{ partitions?: number }} [options] */
export function clusterTopology(name, { partitions } = {}) {
  const file = new URL('../topology.yaml', import.meta.url);
  const topology = parse(readFileSync(file, 'utf8'));
  const own = (topic) => `${name}-${topic}`;
  // They name the topics as they were.
  delete topology.tests;
  topology.profiles = { cluster: { ...topology.profiles.cluster } };
  topology.profiles.cluster.objects.prefix = name;
  topology.topics = Object.fromEntries(
    Object.entries(topology.topics).map(([topic, settings]) => [
      own(topic),
      { ...settings, partitions: partitions ?? settings.partitions },
    ]),
  );
  const renamed = {
    admit: { admit: { jobs: own('jobs') } },
    denoise: { denoise: { model: 'fake', jobs: own('jobs') } },
    recognise: { recognise: { topic: own('outcomes'), clips: own('clips'), documents: own('corpus') } },
    index: { index: { topic: own('corpus') } },
  };
  const withOwnTopics = (steps) => steps.map((step) => renamed[step] ?? renamed[Object.keys(step)[0]] ?? step);
  for (const [segment, steps] of Object.entries(topology.segments)) topology.segments[segment] = withOwnTopics(steps);
  for (const [pipeline, spec] of Object.entries(topology.pipelines)) {
    spec.group = own(pipeline);
    spec.from = own(spec.from);
    spec.steps = withOwnTopics(spec.steps);
    spec.to = spec.to.map((sink) => (sink.topic ? { topic: own(sink.topic) } : sink));
  }
  return JSON.stringify(topology, null, 2);
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  process.stdout.write(`${clusterTopology(process.argv[2])}\n`);
