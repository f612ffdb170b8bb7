/** Topologies to begin with, of examples/presets. */
export const presets = ['corpus', 'serving', 'cluster'] as const;
export type Preset = (typeof presets)[number];

/** Commands, each with what it shows. */
export type Steps = [command: string, shows: string][];

/** What whoever begins with a preset does next. */
export const presetSteps: Record<Preset, Steps> = {
  corpus: [
    ['npm test', 'the topology and its tests'],
    ['npx vimi doctor', 'what a run needs'],
    ['npx vimi ingest media', 'the first media, each with its caption beside it'],
  ],
  serving: [
    ['npm test', 'the topology and its tests'],
    ['npx vimi doctor', 'what a run needs'],
    ['npx vimi generate "a fox moves left"', 'a first video'],
  ],
  cluster: [
    ['npm test', 'the topology and its tests; needs no servers'],
    ['npx vimi validate --connect', 'whether brokers, bucket and models answer'],
    ['npx vimi topics apply', 'makes the topics'],
  ],
};
