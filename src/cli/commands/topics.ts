import type { Workspace } from '../../app/workspace.js';
import type { TopicSpec } from '../../streams/transports/transport.js';

/** One topic as the topology declares it, and what the transport has instead. */
export interface TopicFinding {
  topic: string;
  state: 'same' | 'missing' | 'differs' | 'created' | 'grown';
  /** What is declared and what is there, where they differ; of a missing topic all that is declared. */
  settings: Record<string, { declared: string; found?: string }>;
}

/**
 * Compares the topics of the transport with those of the topology. `apply` creates what is missing, whole topics and
 * partitions, and changes nothing else: a topic is never deleted, shrunk or given other settings. True when the two
 * agree (afterwards).
 */
export async function topics(
  workspace: Workspace,
  action: 'apply' | 'diff',
  { json }: { json: boolean },
  out: NodeJS.WritableStream,
): Promise<boolean> {
  const declared = [...workspace.topology.topics.values()];
  const transport = await workspace.bareTransport();
  const before = compare(declared, await transport.topics(declared.map(({ name }) => name)));
  let findings = before;
  if (action === 'apply') {
    await transport.ensureTopics(declared);
    const after = compare(declared, await transport.topics(declared.map(({ name }) => name)));
    findings = after.map((finding, n) => applied(before[n]!, finding));
  }
  for (const finding of findings) out.write(json ? `${JSON.stringify(finding)}\n` : `${line(finding)}\n`);
  return findings.every(({ state }) => state !== 'missing' && state !== 'differs');
}

/** A finding for each declared topic, in their order. */
function compare(declared: readonly TopicSpec[], found: readonly TopicSpec[]): TopicFinding[] {
  return declared.map((topic) => {
    const there = found.find(({ name }) => name === topic.name);
    const wanted = settingsOf(topic);
    const actual = there && settingsOf(there);
    const settings = Object.fromEntries(
      Object.entries(wanted)
        .filter(([name, value]) => actual?.[name] !== value)
        .map(([name, value]) => [name, { declared: value, ...(actual && { found: actual[name] ?? 'none' }) }]),
    );
    const state = !there ? 'missing' : Object.keys(settings).length > 0 ? 'differs' : 'same';
    return { topic: topic.name, state, settings };
  });
}

function applied(before: TopicFinding, after: TopicFinding): TopicFinding {
  if (after.state !== 'same' || before.state === 'same') return after;
  return { ...before, state: before.state === 'missing' ? 'created' : 'grown' };
}

function settingsOf({ partitions, cleanup, retentionMs }: TopicSpec): Record<string, string> {
  return {
    partitions: String(partitions),
    cleanup,
    // A compacted topic keeps the newest record of each key, however old.
    ...(cleanup === 'delete' && { retention: retentionMs === undefined ? 'forever' : duration(retentionMs) }),
  };
}

/** In the largest unit of topology.yaml that fits: 7d, 36h. */
function duration(ms: number): string {
  const units = [
    ['w', 604_800_000],
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const;
  const [unit, size] = units.find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const marks = { same: '=', missing: '+', differs: '~', created: '+', grown: '+' } as const;

function line({ topic, state, settings }: TopicFinding): string {
  const details = Object.entries(settings).map(([name, { declared, found }]) =>
    found === undefined ? `${name} ${declared}` : `${name} ${declared}, found ${found}`,
  );
  return `${marks[state]} ${topic}: ${state}${details.length > 0 ? ` (${details.join('; ')})` : ''}`;
}
