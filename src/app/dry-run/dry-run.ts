import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { StoredRecord } from '../../events/record.js';
import { hasIndex } from '../../stores/corpus/index/at-rest.js';
import { callAtRest } from '../../stores/corpus/index/call-at-rest.js';
import { openFileStore } from '../../stores/objects/files.js';
import type { Finished } from '../../streams/delivery/finished.js';
import { type PipelineReport, runPipeline } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { Topology } from '../../streams/topology/topology.js';
import { logFile } from '../transport.js';
import { Workspace, type WorkspaceOptions } from '../workspace.js';
import { frozenTransport } from './frozen-transport.js';
import { objectsBeside } from './objects-beside.js';

export interface DryRunOptions extends Omit<WorkspaceOptions, 'topology' | 'looksOnly'> {
  /** The most events. */
  limit: number;
  /** First offset of every partition, instead of where the group stands. */
  from?: number;
  signal: AbortSignal;
  /** Told of what a run would write. */
  onRecord(record: StoredRecord): void;
  onObject(object: ObjectRef): void;
  onFinished(event: Finished): void;
}

/**
 * Runs a pipeline on what its topic holds, with the steps, models and corpus of the topology, and writes nothing: no record, no object, no
 * position of the group, which is not joined; a run of it may go on beside. What steps write is kept in a temporary folder until the end.
 * USAGE: the topic is not there yet.
 */
export async function dryRun(
  topology: Topology,
  { name }: Pick<PipelineSpec, 'name'>,
  options: DryRunOptions,
): Promise<PipelineReport> {
  const folder = await mkdtemp(join(tmpdir(), 'vimi-dry-run-'));
  const { profile } = topology;
  const own = { ...topology, profile: { ...profile, work: join(folder, 'work') } };
  const looking = Workspace.of(own, { ...options, looksOnly: true });
  let workspace: Workspace | undefined;
  try {
    workspace = await besideOf(looking, folder, options);
    const pipeline = workspace.pipeline(name);
    await checkInput(looking, pipeline);
    const transport = await workspace.transport();
    const resources = await workspace.resources(pipeline);
    await workspace.corpusIsCurrent();
    const { log, signal, onFinished } = options;
    return await runPipeline(pipeline, {
      ...{ transport, resources, log, signal, onFinished },
      ...{ drain: true, drainMs: 0, rejectsAreTold: true },
    });
  } finally {
    await workspace?.close();
    await looking.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same workspace, with stores that keep what is written in the folder. */
async function besideOf(looking: Workspace, folder: string, options: DryRunOptions): Promise<Workspace> {
  const { topology, log } = looking;
  const { search, transport: spec } = topology.profile;
  if (spec.type === 'embedded' && !existsSync(logFile(spec))) throw nothingThere(logFile(spec));
  const transport = frozenTransport(await looking.bareTransport(), options);
  const beside = await openFileStore(join(folder, 'objects'));
  const objects = objectsBeside(await looking.objects(), beside, options.onObject);
  const work = join(folder, 'steps');
  if (search.type !== 'embedded') {
    const corpus = {
      corpus: await looking.bareCorpus(),
      follower: { caughtUp: async () => {}, close: async () => {} },
    };
    return Workspace.of(
      { ...topology, profile: { ...topology.profile, work } },
      { log },
      { transport, objects, corpus },
    );
  }
  const path = join(folder, 'index');
  if (hasIndex(search.path)) await callAtRest('copyIndex', search.path, path);
  const profile = { ...topology.profile, work, search: { ...search, path } };
  return Workspace.of({ ...topology, profile }, { log }, { transport, objects });
}

async function checkInput(looking: Workspace, { from }: PipelineSpec): Promise<void> {
  const transport = await looking.bareTransport();
  if ((await transport.topics([from])).length === 0) throw nothingThere(from);
}

function nothingThere(where: string): VimiError {
  return new VimiError('USAGE', 'There is nothing to read yet', {
    ...{ expected: 'a topic with events', found: 'none', where },
    remedy: 'Publish first: vimi publish TOPIC. To try events that are nowhere yet, write a test: vimi test.',
  });
}
