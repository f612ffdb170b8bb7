import { existsSync } from 'node:fs';
import { arch, availableParallelism, platform, totalmem } from 'node:os';
import { asVimiError } from '../../errors.js';
import { mediaTools } from '../../media/tools.js';
import type { PipelineSpec } from '../../streams/pipeline-spec.js';
import type { Workspace } from '../workspace.js';

export interface Finding {
  part: string;
  state: 'good' | 'warning' | 'bad';
  text: string;
}

/** Servers that do not answer are waited for so long: longer than a slow one needs, shorter than people wait. */
export const firstContactMs = 5_000;

type Add = (part: string, state: Finding['state'], text: string) => void;
/** `at`: who has to answer. */
type Probe = [part: string, look: (add: Add) => Promise<void> | void, at?: string];

/**
 * Looks at everything that a run needs, at all parts at once, and gives what it found in their order. `openWorkspace` fails
 * with what is wrong with the topology.
 */
export async function examine(openWorkspace: () => Promise<Workspace>): Promise<Finding[]> {
  let workspace: Workspace | undefined;
  const topology: Probe = [
    'topology',
    async (add) => {
      workspace = await openWorkspace();
      lookAtTopology(workspace, add);
    },
  ];
  const findings = await lookAll([['node', lookAtMachine], ['ffmpeg', lookAtFfmpeg], topology]);
  const opened = workspace;
  if (!opened) return findings;
  const { transport, objects } = opened.topology.profile;
  const parts: Probe[] = [
    [
      'transport',
      (add) => lookAtTransport(opened, add),
      transport.type === 'kafka' ? `${transport.brokers}` : undefined,
    ],
    ['objects', (add) => lookAtObjects(opened, add), objects.type === 's3' ? objects.endpoint : undefined],
    ['corpus', (add) => lookAtCorpus(opened, add)],
    ...opened.topology.pipelines.map((pipeline): Probe => ['model', (add) => lookAtModel(opened, pipeline, add)]),
  ];
  return [...findings, ...(await lookAll(parts))];
}

/** What went wrong while looking at a part is a finding, too. */
async function lookAll(probes: Probe[]): Promise<Finding[]> {
  const found = probes.map(async ([part, look, at]) => {
    const findings: Finding[] = [];
    const add: Add = (of, state, text) => findings.push({ part: of, state, text });
    try {
      await look(add);
    } catch (thrown) {
      const error = asVimiError(thrown);
      // What is no address may hold a secret; then nobody was asked.
      const where = at !== undefined && error.code.endsWith('UNAVAILABLE') ? ` at ${at}` : '';
      add(part, 'bad', `${error.code}: ${error.message}${where} → ${error.remedy}`);
    }
    return findings;
  });
  return (await Promise.all(found)).flat();
}

function lookAtMachine(add: Add): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  add('node', recent ? 'good' : 'bad', `${process.versions.node}${recent ? '' : '; 20.19 or newer is needed'}`);
  add(
    'machine',
    'good',
    `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`,
  );
}

function lookAtFfmpeg(add: Add): void {
  for (const [name, tool] of Object.entries(mediaTools()))
    add(
      name,
      tool.bundled ? 'warning' : 'good',
      `${tool.version}, ${tool.path}${tool.bundled ? ` (bundled, of ${tool.year}: for your own media, not for strangers’ files; install a current ffmpeg)` : ''}`,
    );
}

function lookAtTopology({ topology }: Workspace, add: Add): void {
  add(
    'topology',
    'good',
    `${topology.file}, profile ${topology.profile.name}, pipelines ${topology.pipelines.map(({ name }) => name).join(', ')}`,
  );
  for (const root of topology.mediaRoots)
    add('media root', existsSync(root) ? 'good' : 'warning', `${root}${existsSync(root) ? '' : ' (is not there)'}`);
}

async function lookAtTransport(workspace: Workspace, add: Add): Promise<void> {
  const { topology } = workspace;
  const transport = await workspace.transport();
  // Over Kafka these are offsets, of which the markers of transactions take some.
  const exact = topology.profile.transport.type === 'embedded';
  const most = (n: number) => (exact || n === 0 ? `${n} records` : `at most ${n} records`);
  if (transport.check) add('log', 'good', `${await transport.check()} records, all as they were written`);
  for (const { name } of topology.topics.values()) {
    const ends = await transport.ends(name);
    const records = ends.reduce((sum, { low, high }) => sum + high - low, 0);
    add('topic', 'good', `${name}: ${ends.length} partitions, ${most(records)}`);
  }
  for (const { name, group, from } of topology.pipelines) {
    const ends = await transport.ends(from);
    const positions = await transport.positions(group, from);
    const lag = ends.reduce(
      (sum, { partition, low, high }) => sum + high - Math.max(low, positions.get(partition)?.offset ?? 0),
      0,
    );
    add('pipeline', 'good', `${name}: ${most(lag)} of ${from} wait`);
  }
}

async function lookAtObjects(workspace: Workspace, add: Add): Promise<void> {
  await workspace.objects();
  const { objects } = workspace.topology.profile;
  add('objects', 'good', objects.type === 'files' ? objects.path : `bucket ${objects.bucket}, can be read and listed`);
}

async function lookAtCorpus(workspace: Workspace, add: Add): Promise<void> {
  const transport = await workspace.transport().catch(() => null);
  if (!transport) return add('corpus', 'bad', 'cannot be read without the transport');
  const { documents, digest } = await (await workspace.corpusIsCurrent()).state();
  add('corpus', 'good', `${documents} documents, state ${digest}`);
}

async function lookAtModel(workspace: Workspace, pipeline: PipelineSpec, add: Add): Promise<void> {
  for (const denoiser of (await workspace.modelsOf(pipeline)).all()) {
    const model = await denoiser.describe();
    const weights = `weights ${model.weights.slice(0, 12)}`;
    add('model', 'good', `${model.name}, ${model.parameters} parameters, backend ${model.backend}, ${weights}`);
  }
}

const marks = { good: '✓', warning: '!', bad: '✗' } as const;

/** Prints the findings; true when none is bad. */
export function printFindings(findings: Finding[], json: boolean | undefined, out: NodeJS.WritableStream): boolean {
  for (const { part, state, text } of findings)
    out.write(json ? `${JSON.stringify({ part, state, text })}\n` : `${marks[state]} ${part.padEnd(12)} ${text}\n`);
  return findings.every(({ state }) => state !== 'bad');
}
