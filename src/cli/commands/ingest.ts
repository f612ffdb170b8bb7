import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError } from '../../errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { MediaSettled } from '../../events/schemas.js';
import type { PipelineReport } from '../../streams/pipeline.js';
import type { PipelineSpec } from '../../streams/pipeline-spec.js';
import type { Transport } from '../../streams/transport.js';
import { progress } from '../progress.js';
import type { Workspace } from '../workspace.js';
import { fatesOf, partFatesOf, rejection, tellOutcomes } from './ingest-report.js';
import { mediaFiles } from './media-files.js';
import { outcomesSince, outcomesTopic } from './media-outcomes.js';
import { checkMediaRoots } from './media-roots.js';
import { mediumVersion } from './medium-version.js';
import { endsOf } from './new-records.js';
import { passedOverCount, tellPassedOver } from './passed-over.js';
import { reportLine, runPipelines } from './run.js';

export interface IngestOptions {
  source?: string;
  licence?: string;
  /** Only publish; whoever runs the pipeline does the rest. */
  publishOnly?: boolean;
  /** Also what was rejected before and has not changed since. */
  again?: boolean;
  /** Names every medium, also those that were simply kept. */
  list?: boolean;
  json?: boolean;
  signal: AbortSignal;
}

interface Medium {
  uri: string;
  /** That of the event, where the file has none beside it. */
  caption?: string;
  version: string;
}

const batch = 500;
/** How often it is looked whether another process has taken the media in, or has left them to this one. */
const lookMs = 1000;
/** Rejected for what the medium or its caption is: the same again would be rejected again. */
const isLasting = (code: string) => /^(MEDIA_|CAPTION_|PROMPT_)/.test(code);

/**
 * Publishes the media under some paths, runs the corpus pipeline until they are settled, and says what became of each;
 * gives the number of rejects. When another process consumes them already, it is waited for. Media that were rejected
 * before and have not changed are told of and not published again. Nothing is published when media lie where none may be
 * read: MEDIA_FORBIDDEN.
 */
export async function ingest(
  workspace: Workspace,
  paths: string[],
  { source, licence, publishOnly = false, again = false, list = false, json = false, signal }: IngestOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const { media: files, passedOver } = await mediaFiles(paths);
  await checkMediaRoots(
    files.map(({ path }) => path),
    workspace.topology,
  );
  const transport = await workspace.transport();
  const topic = workspace.topicOf('media.added');
  const pipeline = workspace.topology.pipelines.find(({ from }) => from === topic);
  const told = pipeline ? outcomesTopic(pipeline) : null;

  const media: Medium[] = [];
  // One after the other: thousands of open files are too many.
  for (const { path: uri, caption } of files) media.push({ uri, caption, version: await mediumVersion(uri, caption) });
  const refused = told && !again ? await unchangedRejects(transport, told, media) : new Map<string, MediaSettled>();
  const wanted = media.filter(({ uri }) => !refused.has(uri));
  const before = told ? await endsOf(transport, told) : {};
  const events = await publish(transport, topic, wanted, { source, licence }, signal);
  out.write(
    json
      ? `${JSON.stringify({ published: events.size, topic, unchanged: refused.size, passed_over: passedOver })}\n`
      : `published ${events.size} media to ${topic}\n`,
  );
  if (!json) {
    tellPassedOver(passedOver, out);
    for (const one of refused.values())
      out.write(rejection(one, ' before, and has not changed: not published again (--again does)'));
  }
  if (publishOnly || !pipeline) return refused.size;

  if (told === null) return runBlind(workspace, pipeline, { json, signal }, out);
  const { settled, lost } = await untilSettled(workspace, pipeline, { told, before, events, json, signal }, out);
  const state = await (await workspace.corpusIsCurrent()).state();
  if (json) {
    const all = [...settled, ...[...refused.values()].map((one) => ({ ...one, unchanged: true }))];
    out.write(
      `${JSON.stringify({ fates: fatesOf(settled), parts: partFatesOf(settled), lost, corpus: state, media: all })}\n`,
    );
  } else {
    tellOutcomes(settled, { all: list, lost }, out);
    const left = events.size - settled.length;
    if (left > 0) out.write(`${left} not settled: the next run of ${pipeline.name} goes on with them\n`);
    out.write(`the corpus has ${state.documents} documents${passedOverCount(passedOver)}\n`);
  }
  return refused.size + settled.filter(({ outcome }) => outcome === 'rejected').length;
}

/** Gives the ids of the events. */
async function publish(
  transport: Transport,
  topic: string,
  media: readonly Medium[],
  { source, licence }: Pick<IngestOptions, 'source' | 'licence'>,
  signal: AbortSignal,
): Promise<Set<string>> {
  const ids = new Set<string>();
  const bar = progress('publish  ');
  for (let n = 0; n < media.length && !signal.aborted; n += batch) {
    const records = media.slice(n, n + batch).map(({ uri, caption, version }) => {
      const id = `ingest-${createHash('sha256').update(`${uri}\n${Date.now()}`).digest('hex').slice(0, 24)}`;
      ids.add(id);
      return encodeEvent({
        schema: 'media.added',
        id,
        source: '/vimi/ingest',
        topic,
        key: uri,
        data: {
          uri,
          version,
          ...(caption !== undefined && { caption }),
          ...(source !== undefined && { source }),
          ...(licence !== undefined && { licence }),
        },
      });
    });
    await transport.publish(records);
    bar.update(Math.min(media.length, n + batch), media.length);
  }
  bar.finish();
  return ids;
}

/** Of those media the ones that came to a lasting reject when they were last seen, as they are now. */
async function unchangedRejects(
  transport: Transport,
  topic: string,
  media: readonly Medium[],
): Promise<Map<string, MediaSettled>> {
  const versions = new Map(media.map(({ uri, version }) => [uri, version]));
  const found = new Map<string, MediaSettled>();
  for await (const one of outcomesSince(transport, topic)) {
    if (!versions.has(one.uri)) continue;
    const isStill = one.outcome === 'rejected' && one.version === versions.get(one.uri);
    if (isStill && one.error && isLasting(one.error.code)) found.set(one.uri, one);
    else found.delete(one.uri);
  }
  return found;
}

interface Awaited {
  /** The topic of outcomes, and where it ended before the events were published. */
  told: string;
  before: Record<number, number>;
  events: ReadonlySet<string>;
  json: boolean;
  signal: AbortSignal;
}

/** Runs the pipeline, or waits for who does, until all these events have their fate or the signal aborts. By uri. */
async function untilSettled(
  workspace: Workspace,
  pipeline: PipelineSpec,
  { told, before, events, json, signal }: Awaited,
  out: NodeJS.WritableStream,
): Promise<{ settled: MediaSettled[]; lost: PipelineReport['lost'] }> {
  const transport = await workspace.transport();
  const lost: Record<string, number> = {};
  const settled = new Map<string, MediaSettled>();
  for (let isAnnounced = false; events.size > 0; ) {
    try {
      const [report] = await runPipelines(workspace, [pipeline], {
        ...{ drain: true, signal, bars: true, rejectsAreTold: true },
      });
      for (const [why, records] of Object.entries(report?.lost ?? {})) lost[why] = (lost[why] ?? 0) + records;
    } catch (thrown) {
      if (asVimiError(thrown).code !== 'GROUP_BUSY') throw thrown;
      if (!isAnnounced && !json) out.write(`${(thrown as Error).message}: waiting for that process to take them in\n`);
      isAnnounced = true;
    }
    for await (const one of outcomesSince(transport, told, before))
      if (events.has(one.event)) settled.set(one.event, one);
    if (settled.size >= events.size || signal.aborted) break;
    await sleep(lookMs, undefined, { signal }).catch(() => {});
  }
  return { settled: [...settled.values()].sort((a, b) => (a.uri < b.uri ? -1 : 1)), lost };
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
    if (!json) out.write(`${(thrown as Error).message}: that process takes them in\n`);
    return [];
  });
  if (!report) return 0;
  const state = await (await workspace.corpusIsCurrent()).state();
  if (json)
    out.write(`${JSON.stringify({ fates: report.run, parts: report.parts, lost: report.lost, corpus: state })}\n`);
  else
    out.write(
      `${reportLine(report)}\nthe corpus has ${state.documents} documents\n(each medium would be named if ${pipeline.name} had the step recognise)\n`,
    );
  return report.run.rejected;
}
