import { expectedOf } from '../../app/ingest/expected-media.js';
import { type FeedReport, feedPipeline } from '../../app/ingest/feed-pipeline.js';
import type { MediaFeed } from '../../app/ingest/media-feed.js';
import type { MediaSource } from '../../app/ingest/media-source.js';
import type { BrokenSource } from '../../app/ingest/offered-by.js';
import { PassedOver } from '../../app/ingest/passed-over.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import type { MediaSettled } from '../../events/schemas.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { progress } from '../progress.js';
import { FoundProblems } from './found-problems.js';
import { type FeedingOptions, OutcomeSums, otherProcess, outcomeLine, rejection } from './ingest-report.js';
import { brokenFacts, passedOverCount, tellBroken, tellPassedOver } from './passed-over.js';
import { reportLine } from './run.js';

export interface IngestFeedOptions extends FeedingOptions {
  /** The sources go on for ever, and the same medium may come again. */
  watches: boolean;
}

const lookMs = 250;

/**
 * Feeds a pipeline with media until all have their outcome, or the signal aborts, and says how many came to which; gives the number of
 * rejects. However many media there are, memory stays bounded: they are counted, and not kept.
 */
export async function ingestFeed(
  workspace: Workspace,
  sources: readonly MediaSource[],
  { pipeline, source, licence, again, list, json, watches, signal }: IngestFeedOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const passed = new PassedOver();
  const broken: BrokenSource[] = [];
  const sums = new OutcomeSums();
  const rejects = new FoundProblems();
  const unchanged = new FoundProblems();
  const settled = (one: MediaSettled) => {
    sums.add(one);
    if (one.outcome === 'rejected' && one.error) rejects.add(one.uri, one.error);
    if (!list) return;
    if (json) out.write(`${JSON.stringify(one)}\n`);
    else out.write(one.outcome === 'rejected' ? rejection(one) : `${outcomeLine(one)}\n`);
  };
  const bar = list ? null : feedBar(pipeline, sources);
  let report: FeedReport;
  try {
    report = await feedPipeline(workspace, pipeline, sources, {
      ...{ passedOver: passed, broken, source, licence, signal, repeats: watches },
      skips: again ? 'nothing' : 'known',
      onSettled: settled,
      onUnchanged: (uri, error) => unchanged.add(uri, error),
      onBusy: (thrown) => !json && out.write(`${otherProcess(pipeline, thrown)}: waiting for it\n`),
      onBegin: (feed) => bar?.begin(feed),
    });
  } finally {
    bar?.end();
  }
  const passedOver = passed.list();
  const state = await (await workspace.corpusIsCurrent()).state();
  const { lost, left, ...counts } = report;
  const rejected = report.unchanged + broken.length + sums.outcomes.rejected;
  if (json) {
    const facts = { pipeline: pipeline.name, topic: pipeline.from, ...counts, left, lost };
    const found = { rejects: rejects.list(), unchanged_rejects: unchanged.list() };
    const unread = { broken: broken.map(brokenFacts), passed_over: passedOver };
    out.write(
      `${JSON.stringify({ ...facts, outcomes: sums.outcomes, parts: sums.parts, ...found, ...unread, corpus: state })}\n`,
    );
    return rejected;
  }
  out.write(publishedLine({ ...report, topic: pipeline.from }));
  if (!watches && offeredNothing(report)) out.write(nothingFound);
  tellPassedOver(passedOver, out);
  tellBroken(broken, out);
  out.write(`${reportLine({ run: sums.outcomes, parts: sums.parts, lost })}\n`);
  if (!list) rejects.tell(out);
  if (report.unchanged > 0)
    out.write(
      `${report.unchanged} rejected before and unchanged since: not published again (--again publishes them)\n`,
    );
  unchanged.tell(out);
  if (report.untold > 0) out.write(`${report.untold} settled, and their outcome was not told\n`);
  if (left > 0) out.write(`${left} without an outcome yet: the same command continues with them\n`);
  out.write(`the corpus has ${counted(state.documents, 'document')}${passedOverCount(passedOver)}\n`);
  return rejected;
}

type Offered = Pick<FeedReport, 'published' | 'resumed' | 'known'>;

/** What a feed published, and what it did not or did before. */
export function publishedLine({ published, resumed, known, topic }: Offered & { topic: string }): string {
  const waited = resumed > 0 ? `; ${resumed} were published before` : '';
  const left = known > 0 ? `; ${known} known already (--again publishes them)` : '';
  return `published ${published} media to ${topic}${waited}${left}\n`;
}

/** Said of sources that hold no media at all: an empty folder, or one of other files. */
export const nothingFound = 'found no video and no image in what was named\n';
export const offeredNothing = ({ published, resumed, known, unchanged }: Offered & { unchanged: number }) =>
  published + resumed + known + unchanged === 0;

/** Media with an outcome, of those that will have one as far as is known. */
export function feedBar({ name }: PipelineSpec, sources: readonly MediaSource[]) {
  const bar = progress(name.padEnd(9));
  let looking: NodeJS.Timeout | undefined;
  return {
    begin({ counts }: Pick<MediaFeed, 'counts'>) {
      looking = setInterval(() => {
        const { published, resumed, settled, known, unchanged } = counts;
        const expected = expectedOf(sources);
        const others = known + unchanged;
        const total = expected === 0 ? 0 : Math.max(published + resumed, expected - others);
        bar.update(settled, total, others > 0 ? `${others} known` : '');
      }, lookMs);
    },
    end() {
      clearInterval(looking);
      bar.finish();
    },
  };
}
