import { existsSync } from 'node:fs';
import { arch, availableParallelism, platform, totalmem } from 'node:os';
import { asVimiError } from '../../errors.js';
import { mediaTools } from '../../media/tools.js';
import type { Workspace } from '../workspace.js';

export interface Finding {
  part: string;
  state: 'good' | 'warning' | 'bad';
  text: string;
}

/** Looks at everything that a run needs. `openWorkspace` fails with what is wrong with the topology. */
export async function examine(openWorkspace: () => Promise<Workspace>): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (part: string, state: Finding['state'], text: string) => findings.push({ part, state, text });
  const attempt = async (part: string, look: () => Promise<void> | void) => {
    try {
      await look();
    } catch (thrown) {
      const error = asVimiError(thrown);
      add(part, 'bad', `${error.code}: ${error.message} → ${error.remedy}`);
    }
  };

  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  add('node', recent ? 'good' : 'bad', `${process.versions.node}${recent ? '' : '; 20.19 or newer is needed'}`);
  add(
    'machine',
    'good',
    `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`,
  );

  await attempt('ffmpeg', () => {
    for (const [name, tool] of Object.entries(mediaTools()))
      add(
        name,
        tool.bundled ? 'warning' : 'good',
        `${tool.version}, ${tool.path}${tool.bundled ? ' (bundled, of 2018: for your own media, not for strangers’ files; install a current ffmpeg)' : ''}`,
      );
  });

  let workspace: Workspace | undefined;
  await attempt('topology', async () => {
    workspace = await openWorkspace();
    const { topology } = workspace;
    add(
      'topology',
      'good',
      `${topology.file}, profile ${topology.profile.name}, pipelines ${topology.pipelines.map(({ name }) => name).join(', ')}`,
    );
    for (const root of topology.mediaRoots)
      add('media root', existsSync(root) ? 'good' : 'warning', `${root}${existsSync(root) ? '' : ' (is not there)'}`);
  });
  const opened = workspace;
  if (!opened) return findings;

  await attempt('transport', async () => {
    const transport = await opened.transport();
    // Over Kafka these are offsets, of which the markers of transactions take some.
    const exact = opened.topology.profile.transport.type === 'embedded';
    const most = (n: number) => (exact || n === 0 ? `${n} records` : `at most ${n} records`);
    for (const { name } of opened.topology.topics.values()) {
      const ends = await transport.ends(name);
      const records = ends.reduce((sum, { low, high }) => sum + high - low, 0);
      add('topic', 'good', `${name}: ${ends.length} partitions, ${most(records)}`);
    }
    for (const { name, group, from } of opened.topology.pipelines) {
      const ends = await transport.ends(from);
      const positions = await transport.positions(group, from);
      const lag = ends.reduce(
        (sum, { partition, low, high }) => sum + high - Math.max(low, positions.get(partition)?.offset ?? 0),
        0,
      );
      add('pipeline', 'good', `${name}: ${most(lag)} of ${from} wait`);
    }
  });
  await attempt('objects', async () => {
    await opened.objects();
    const { objects } = opened.topology.profile;
    add(
      'objects',
      'good',
      objects.type === 'files' ? objects.path : `bucket ${objects.bucket}, can be read and listed`,
    );
  });
  await attempt('corpus', async () => {
    const { documents, digest } = await (await opened.corpusIsCurrent()).state();
    add('corpus', 'good', `${documents} documents, state ${digest}`);
  });
  for (const pipeline of opened.topology.pipelines)
    await attempt('model', async () => {
      const model = await (await opened.denoiserOf(pipeline))?.describe();
      if (!model) return;
      const weights = `weights ${model.weights.slice(0, 12)}`;
      add('model', 'good', `${model.name}, ${model.parameters} parameters, backend ${model.backend}, ${weights}`);
    });
  return findings;
}

const marks = { good: '✓', warning: '!', bad: '✗' } as const;

/** Prints the findings; true when none is bad. */
export function printFindings(findings: Finding[], json: boolean | undefined, out: NodeJS.WritableStream): boolean {
  for (const { part, state, text } of findings)
    out.write(json ? `${JSON.stringify({ part, state, text })}\n` : `${marks[state]} ${part.padEnd(12)} ${text}\n`);
  return findings.every(({ state }) => state !== 'bad');
}
