import { once } from 'node:events';
import { join } from 'node:path';
import { type FeedReport, feedPipeline } from '../../app/ingest/feed-pipeline.js';
import type { MediaSource } from '../../app/ingest/media-source.js';
import type { BrokenSource } from '../../app/ingest/offered-by.js';
import { PassedOver, type PassedOverReason } from '../../app/ingest/passed-over.js';
import { makeWorkFolder } from '../../app/work-folder.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import type { MediaSettled } from '../../events/schemas.js';
import { SettledMedia, type SettledMedium } from '../../stores/media/settled-media.js';
import { feedBar, nothingFound, offeredNothing, publishedLine } from './ingest-feed.js';
import { type FeedingOptions, OutcomeSums, otherProcess, rejection, tellOutcomes } from './ingest-report.js';
import { brokenFacts, passedOverCount, tellBroken, tellPassedOver } from './passed-over.js';

/**
 * Feeds the media of some sources to a pipeline until all have their outcome, or the signal aborts, and then says what became of
 * each, by name; gives the number of rejects. The outcomes wait in a file, so memory stays bounded.
 */
export async function ingestAll(
  workspace: Workspace,
  sources: readonly MediaSource[],
  { pipeline, source, licence, again, list, json, signal }: FeedingOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const passed = new PassedOver();
  const broken: BrokenSource[] = [];
  const sums = new OutcomeSums();
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'ingest');
  const settled = new SettledMedia(join(folder.path, 'settled.sqlite'));
  const bar = feedBar(pipeline, sources);
  try {
    const report = await feedPipeline(workspace, pipeline, sources, {
      ...{ passedOver: passed, broken, source, licence, signal },
      skips: again ? 'nothing' : 'rejected',
      onSettled(one) {
        sums.add(one);
        settled.add(one);
      },
      onUnchanged: (uri, error) => settled.add({ uri, outcome: 'rejected', error, unchanged: true }),
      onBusy: (thrown) => !json && out.write(`${otherProcess(pipeline, thrown)}: waiting for it\n`),
      onBegin: (feed) => bar.begin(feed),
    }).finally(() => bar.end());
    const passedOver = passed.list();
    const unchanged = { length: report.unchanged, [Symbol.iterator]: () => unchangedOf(settled) };
    const { published, resumed, lost, left, untold } = report;
    tellPublished({ published, resumed, topic: pipeline.from, unchanged, broken, passedOver }, json, out);
    const corpus = await (await workspace.corpusIsCurrent()).state();
    if (json) await writeResult({ outcomes: sums.outcomes, parts: sums.parts, lost, corpus }, settled, out);
    else {
      const media = { [Symbol.iterator]: () => settled.all() };
      tellOutcomes(media, sums, { all: list, lost }, out);
      if (untold > 0) out.write(`${untold} settled, and their outcome was not told\n`);
      if (left > 0) out.write(`${left} without an outcome yet: the next run of ${pipeline.name} continues with them\n`);
      out.write(`the corpus has ${counted(corpus.documents, 'document')}${passedOverCount(passedOver)}\n`);
    }
    return report.unchanged + broken.length + sums.outcomes.rejected;
  } finally {
    settled.close();
    await folder.remove();
  }
}

function* unchangedOf(settled: SettledMedia): Generator<SettledMedium> {
  for (const one of settled.all()) if (one.unchanged) yield one;
}

export interface Published extends Partial<Pick<FeedReport, 'resumed'>> {
  published: number;
  topic: string;
  /** Rejected before, and the same. */
  unchanged: Iterable<Pick<MediaSettled, 'uri' | 'error'>> & { length: number };
  broken: readonly BrokenSource[];
  passedOver: PassedOverReason[];
}

export function tellPublished(
  { published, resumed = 0, topic, unchanged, broken, passedOver }: Published,
  json: boolean,
  out: NodeJS.WritableStream,
): void {
  if (json) {
    const facts = { published, ...(resumed > 0 && { resumed }), topic, unchanged: unchanged.length };
    out.write(`${JSON.stringify({ ...facts, broken: broken.map(brokenFacts), passed_over: passedOver })}\n`);
    return;
  }
  const offered = { published, resumed, known: 0 };
  out.write(publishedLine({ ...offered, topic }));
  if (offeredNothing({ ...offered, unchanged: unchanged.length })) out.write(nothingFound);
  tellPassedOver(passedOver, out);
  tellBroken(broken, out);
  for (const one of unchanged)
    out.write(rejection(one, ' before and unchanged since: not published again (--again publishes it)'));
}

/** One JSON object on one line, with every medium: it may be larger than memory. */
async function writeResult(facts: object, settled: SettledMedia, out: NodeJS.WritableStream): Promise<void> {
  const write = async (text: string) => {
    if (!out.write(text)) await once(out, 'drain');
  };
  await write(`${JSON.stringify(facts).slice(0, -1)},"media":[`);
  let before = '';
  for (const one of settled.all()) {
    await write(`${before}${JSON.stringify(one)}`);
    before = ',';
  }
  await write(']}\n');
}
