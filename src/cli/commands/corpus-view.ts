import { OutcomeTable, placeIn } from '../../app/outcomes/outcome-table.js';
import { allShards } from '../../app/samples/live-shards.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import type { ClipSettled, SamplesSealed } from '../../events/schemas.js';
import { sampleName } from '../../operators/corpus/sample-name.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { stepTopic } from '../../streams/topology/step-topics.js';

/** What became of all media, as the topics say now. */
export interface CorpusView {
  pipeline: PipelineSpec;
  outcomes: OutcomeTable;
  /** Those that are there now. */
  shards: readonly SamplesSealed[];
  /** Also those that were merged into others since. */
  sealed: readonly SamplesSealed[];
  /** The live shard that the samples of a shard lie in now, by the name of the first. */
  mergedInto: ReadonlyMap<string, string>;
}

/** Looks at the outcomes of media and clips, and the shards. USAGE if the pipeline of media does not record its clips. */
export async function withCorpusView<T>(workspace: Workspace, look: (view: CorpusView) => Promise<T>): Promise<T> {
  const pipeline = workspace.pipelineFor('media.added');
  const all = await allShards(workspace);
  const sealed = all.flatMap(({ live, replaced }) => [...live, ...replaced]);
  const replacedBy = new Map(
    sealed.flatMap(({ shard, replaces = [] }) => replaces.map((before) => [before, shard] as const)),
  );
  const now = (shard: string) => {
    let name = shard;
    for (let next = replacedBy.get(name); next !== undefined; next = replacedBy.get(name)) name = next;
    return name;
  };
  return withOutcomes(workspace, pipeline, (outcomes) =>
    look({
      ...{ pipeline, outcomes, sealed },
      shards: all.flatMap(({ live }) => live),
      mergedInto: new Map(sealed.map(({ shard }) => [shard, now(shard)])),
    }),
  );
}

/** The same without shards. */
export async function withOutcomes<T>(
  workspace: Workspace,
  pipeline: PipelineSpec,
  look: (outcomes: OutcomeTable) => Promise<T>,
): Promise<T> {
  const topics = { clips: clipsTopic(pipeline), media: stepTopic(pipeline, 'media.settled')! };
  const outcomes = await OutcomeTable.read(await workspace.transport(), topics, workspace.topology.profile.work);
  try {
    return await look(outcomes);
  } finally {
    await outcomes.close();
  }
}

/** Where a pipeline tells of its clips; USAGE where it does not. */
function clipsTopic(pipeline: PipelineSpec): string {
  const topic = stepTopic(pipeline, 'clip.settled');
  if (topic !== undefined) return topic;
  throw new VimiError('USAGE', `The pipeline ${pipeline.name} does not record the scores of clips`, {
    remedy: 'Add the step recognise to the pipeline.',
  });
}

export interface SampleOfClip {
  sample: string;
  /** Where it lies: one of these, if its range was larger than a shard; empty: it waits for its shard. */
  shards: string[];
}

/** The sample that was made of a clip; null: none was. */
export function sampleOf({ mergedInto, sealed, pipeline }: CorpusView, clip: ClipSettled): SampleOfClip | null {
  const place = placeIn(clip.record);
  const step = pipeline.steps.find(({ operator }) => operator.name === 'shard');
  if (clip.outcome !== 'delivered' || !place || !step) return null;
  if (clip.clip.kind === 'still' && step.config.stills !== true) return null;
  const kind = clip.clip.kind === 'clip' ? 'clips' : 'stills';
  const holding = sealed.filter(
    ({ range, kind: of = 'clips' }) =>
      range &&
      of === kind &&
      range.topic === place.topic &&
      range.partition === place.partition &&
      range.from <= place.offset &&
      place.offset < range.to,
  );
  return {
    sample: sampleName(place, clip.part),
    shards: [...new Set(holding.map(({ shard }) => mergedInto.get(shard) ?? shard))],
  };
}
