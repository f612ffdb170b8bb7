import { createHash } from 'node:crypto';
import { asVimiError } from '../../errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { EventRejected } from '../../events/schemas.js';
import { progress } from '../progress.js';
import type { Workspace } from '../workspace.js';
import { mediaFiles } from './media-files.js';
import { checkMediaRoots } from './media-roots.js';
import { endsOf, recordsAfter } from './new-records.js';
import { passedOverCount, tellPassedOver } from './passed-over.js';
import { reportLine, runPipelines } from './run.js';

export interface IngestOptions {
  source?: string;
  licence?: string;
  /** Only publish; whoever runs the pipeline does the rest. */
  publishOnly?: boolean;
  json?: boolean;
  signal: AbortSignal;
}

const batch = 500;

/**
 * Publishes the media under some paths, then runs the corpus pipeline until all media are settled, and says what was
 * kept and why the rest was not; gives the number of rejects. When another process consumes them already, it is left to that one.
 * Nothing is published when media lie where none may be read: MEDIA_FORBIDDEN.
 */
export async function ingest(
  workspace: Workspace,
  paths: string[],
  { source, licence, publishOnly = false, json = false, signal }: IngestOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const { media, passedOver } = await mediaFiles(paths);
  await checkMediaRoots(
    media.map(({ path }) => path),
    workspace.topology,
  );
  const transport = await workspace.transport();
  const topic = workspace.topicOf('media.added');
  const pipeline = workspace.topology.pipelines.find(({ from }) => from === topic);
  const rejects = pipeline?.rejects ?? null;
  const before = rejects && (await endsOf(transport, rejects));

  const bar = progress('publish  ');
  for (let n = 0; n < media.length && !signal.aborted; n += batch) {
    const records = media.slice(n, n + batch).map(({ path: uri, caption }) =>
      encodeEvent({
        schema: 'media.added',
        id: `ingest-${createHash('sha256').update(`${uri}\n${Date.now()}`).digest('hex').slice(0, 24)}`,
        source: '/vimi/ingest',
        topic,
        key: uri,
        data: {
          uri,
          ...(caption !== undefined && { caption }),
          ...(source !== undefined && { source }),
          ...(licence !== undefined && { licence }),
        },
      }),
    );
    await transport.publish(records);
    bar.update(Math.min(media.length, n + batch), media.length);
  }
  bar.finish();
  out.write(
    json
      ? `${JSON.stringify({ published: media.length, topic, passed_over: passedOver })}\n`
      : `published ${media.length} media to ${topic}\n`,
  );
  if (!json) tellPassedOver(passedOver, out);
  if (publishOnly || !pipeline) return 0;

  try {
    const [report] = await runPipelines(workspace, [pipeline], {
      drain: true,
      signal,
      bars: true,
      rejectsAreTold: true,
    });
    if (!report) return 0;
    const refused =
      rejects && before ? await recordsAfter<EventRejected>(transport, rejects, before, 'event.rejected') : [];
    const state = await (await workspace.corpusIsCurrent()).state();
    if (json) {
      out.write(
        `${JSON.stringify({ fates: report.run, parts: report.parts, lost: report.lost, corpus: state, rejects: refused.map(({ data }) => data) })}\n`,
      );
      return refused.length;
    }
    out.write(`${reportLine(report)}\n`);
    for (const { data } of refused)
      out.write(
        `  rejected ${uriOf(data)}\n    ${data.error.code} at ${data.step}: ${data.error.message}\n    → ${data.error.remedy}\n`,
      );
    out.write(`the corpus has ${state.documents} documents${passedOverCount(passedOver)}\n`);
    return refused.length;
  } catch (thrown) {
    if (asVimiError(thrown).code !== 'GROUP_BUSY') throw thrown;
    out.write(`${(thrown as Error).message}: that process takes them in\n`);
    return 0;
  }
}

function uriOf({ origin }: EventRejected): string {
  try {
    return JSON.parse(Buffer.from(origin.value ?? '', 'base64').toString()).uri ?? '?';
  } catch {
    return `${origin.topic}/${origin.partition}/${origin.offset}`;
  }
}
