import type { MediaSource } from '../../app/ingest/media-source.js';
import type { BrokenSource } from '../../app/ingest/offered-by.js';
import { openSources } from '../../app/ingest/open-sources.js';
import { PassedOver } from '../../app/ingest/passed-over.js';
import { lastingRejects, publishMedia } from '../../app/ingest/publish-media.js';
import { type WatchOptions, watchedFolders } from '../../app/ingest/watched-folders.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { caption } from '../../operators/media/caption.js';
import { type CaptionerSetting, labelsAsked } from '../../operators/media/captioners.js';
import { fetch } from '../../operators/media/fetch.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { stepTopic } from '../../streams/topology/step-topics.js';
import { progress } from '../progress.js';
import { ingestAll, tellPublished } from './ingest-all.js';
import { tellLooks } from './ingest-dry-run.js';
import { ingestFeed } from './ingest-feed.js';
import { nameOf, otherProcess } from './ingest-report.js';
import { reportLine, runPipelines } from './run.js';

export interface IngestOptions {
  source?: string;
  licence?: string;
  /** Of prefixes of the object store: only what is listed behind this key. */
  after?: string;
  /** By the pipeline `backfill`, a window of media at a time, beside new media. */
  backfill?: boolean;
  /** The sources are folders, and what comes into them is taken too, until the signal aborts. */
  watch?: boolean;
  /** Only look, and say what would be published. */
  dryRun?: boolean;
  /** Only publish; whoever runs the pipeline does the rest. */
  publishOnly?: boolean;
  /** Also what was rejected before and has not changed since. */
  again?: boolean;
  /** Names every medium, also those that were simply kept. */
  list?: boolean;
  json?: boolean;
  signal: AbortSignal;
}

/**
 * Publishes the media of some sources (see openSources) a window at a time, runs the corpus pipeline until they are settled, and says what
 * became of each; gives the number of rejects. When another process consumes them already, it is waited for. Media that were rejected
 * before and have not changed are told of and not published again. Nothing is published when what was named lies where no media may be
 * read: MEDIA_FORBIDDEN.
 */
export async function ingest(
  workspace: Workspace,
  names: string[],
  {
    source,
    licence,
    after,
    backfill = false,
    watch = false,
    dryRun = false,
    publishOnly = false,
    again = false,
    list = false,
    json = false,
    signal,
  }: IngestOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const pipeline = backfill
    ? backfillPipeline(workspace)
    : workspace.topology.pipelines.find(({ schemas }) => schemas.includes('media.added'));
  const captioners = captionersOf(pipeline);
  const { topology } = workspace;
  const labels = labelsAsked(captioners);
  const sources = watch
    ? [await watched(names, { topology, labels, signal }, json, out)]
    : await openSources(names, { topology, labels, objects: () => workspace.objects(), after });
  const topic = pipeline?.from ?? workspace.topicsWith('media.added')[0];
  if (dryRun)
    return tellLooks(
      sources,
      { topic, topology, asked: { captioners, maxBytes: maxBytesOf(pipeline) }, json, signal },
      out,
    );
  if (pipeline && (watch || (backfill && !publishOnly))) {
    const how = { pipeline, source, licence, again, list: list || watch, json, watches: watch, signal };
    return ingestFeed(workspace, sources, how, out);
  }
  const transport = await workspace.transport();
  const told = (pipeline && stepTopic(pipeline, 'media.settled')) ?? null;

  if (publishOnly || !pipeline || told === null) {
    const refused = told && !again ? await lastingRejects(transport, told) : new Map();
    const rejected = await publishAll(sources, { transport, topic, refused, source, licence, json, signal }, out);
    if (publishOnly || !pipeline) return rejected;
    return runBlind(workspace, pipeline, { json, signal }, out);
  }
  return ingestAll(workspace, sources, { pipeline, source, licence, again, list, json, signal }, out);
}

interface Publishing
  extends Pick<Parameters<typeof publishMedia>[1], 'transport' | 'topic' | 'refused' | 'source' | 'licence'> {
  json: boolean;
  signal: AbortSignal;
}

/** Only publishes; gives how many were rejected before, or could not be read. */
async function publishAll(
  sources: readonly MediaSource[],
  { json, ...how }: Publishing,
  out: NodeJS.WritableStream,
): Promise<number> {
  const broken: BrokenSource[] = [];
  const passed = new PassedOver();
  const bar = progress('publish  ');
  const { published, unchanged } = await publishMedia(sources, {
    ...{ ...how, passedOver: passed, broken },
    onPublished: (count) => bar.update(count, 0),
  }).finally(() => bar.finish());
  tellPublished({ published, topic: how.topic, unchanged, broken, passedOver: passed.list() }, json, out);
  return unchanged.length + broken.length;
}

/** Says on the spot what is not taken of the folders, but for texts, of which most belong to media. */
async function watched(
  names: readonly string[],
  how: Pick<WatchOptions, 'topology' | 'labels' | 'signal'>,
  json: boolean,
  out: NodeJS.WritableStream,
): Promise<MediaSource> {
  const source = await watchedFolders(names, {
    ...how,
    onPassedOver: (reason, name) =>
      !json && reason !== 'text' && reason !== 'hidden' && out.write(`skipped ${nameOf(name)}: ${reason}\n`),
    onAway: (folder) => !json && out.write(`${nameOf(folder)} cannot be listed: waiting for it\n`),
  });
  if (!json) out.write(`watching ${names.join(', ')} (Ctrl-C ends)\n`);
  return source;
}

/** USAGE where the topology has none. */
function backfillPipeline(workspace: Workspace): PipelineSpec {
  const found = workspace.topology.pipelines.find(
    ({ name, schemas }) => name === 'backfill' && schemas.includes('media.added'),
  );
  if (found) return found;
  throw new VimiError('USAGE', "The topology has no pipeline 'backfill' that reads media", {
    where: workspace.topology.file,
    remedy: 'Add one with its own topic, as the topology that `vimi init` writes has it.',
  });
}

const captionersOf = (pipeline: PipelineSpec | undefined) => settingsOf(pipeline, caption).from as CaptionerSetting[];

const maxBytesOf = (pipeline: PipelineSpec | undefined) => settingsOf(pipeline, fetch).max_bytes as number;

/** Of the pipeline's step with this operator; its defaults, where there is no such step. */
function settingsOf(
  pipeline: PipelineSpec | undefined,
  { name, config }: typeof caption | typeof fetch,
): Record<string, unknown> {
  const step = pipeline?.steps.find(({ operator }) => operator.name === name);
  return (step?.config ?? config.parse({})) as Record<string, unknown>;
}

/** Of a pipeline that does not tell of its media: counts of all that it worked on. */
async function runBlind(
  workspace: Workspace,
  pipeline: PipelineSpec,
  { json, signal }: Pick<IngestOptions, 'json' | 'signal'>,
  out: NodeJS.WritableStream,
): Promise<number> {
  const [report] = await runPipelines(workspace, [pipeline], { drain: true, signal, bars: true }).catch((thrown) => {
    if (asVimiError(thrown).code !== 'GROUP_BUSY') throw thrown;
    if (!json) out.write(`${otherProcess(pipeline, thrown)}: that process works on them\n`);
    return [];
  });
  if (!report) return 0;
  const state = await (await workspace.corpusIsCurrent()).state();
  if (json)
    out.write(`${JSON.stringify({ outcomes: report.run, parts: report.parts, lost: report.lost, corpus: state })}\n`);
  else
    out.write(
      `${reportLine(report)}\nthe corpus has ${counted(state.documents, 'document')}\n(add the step recognise to ${pipeline.name} to see each medium by name)\n`,
    );
  return report.run.rejected;
}
