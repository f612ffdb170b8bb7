import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { readCaptions, readLabelledPrompts } from '../../evaluation/labelled-prompts.js';
import { fillWithCaptions } from '../../evaluation/retrieval.js';
import { evaluateRetrieval, type RetrievalWay, stepwise } from '../../evaluation/tasks/retrieval.js';
import type { Embedder } from '../../models/ports.js';
import { type RetrieveSettings, retrieve } from '../../operators/grounding/retrieve.js';
import type { Corpus, RetrievedAs } from '../../stores/corpus/corpus.js';
import { openCorpus } from '../../stores/corpus/index/open-corpus.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { progress } from '../progress.js';
import { publish } from './eval.js';

export interface EvalRetrievalOptions {
  /** Files of captions, which are searched in place of the corpus. */
  captions: string[];
  pipeline: string;
  k: number[];
  /** What is looked for: images when left out. */
  kind?: RetrievedAs;
  out: string;
  signal: AbortSignal;
}

/** What each stage of retrieval finds of what people said fits a prompt, and what it takes. */
export async function evalRetrieval(
  workspace: Workspace,
  files: readonly string[],
  { captions, pipeline, k, kind = 'image', signal, ...options }: EvalRetrievalOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const configured = configuredWay(workspace.pipeline(pipeline), { captions: captions.length > 0 });
  const prompts = await readLabelledPrompts(files);
  if (prompts.length === 0)
    throw new VimiError('LABELS_INVALID', 'There is nothing to measure', {
      expected: 'at least one labelled prompt',
      where: files.join(', '),
    });
  const embedder = await workspace.embedder();
  const reranker = await workspace.reranker();
  const ks = [...new Set(k)].sort((a, b) => a - b);
  await withCorpus(workspace, captions, embedder, async (corpus) => {
    const bar = progress('eval');
    const { stages, search } = configured;
    const report = await evaluateRetrieval({
      ...{ prompts, corpus, embedder, ks, signal },
      ways: stepwise(
        { search: { ...search, kind }, stages: { ...stages, reranker: stages.rerank ? reranker : undefined } },
        reranker,
      ),
      now: () => performance.now(),
      onProgress: (done, total) => bar.update(done, total),
    });
    await publish(
      report,
      'retrieval',
      null,
      { ...options, n: prompts.length, seed: 1 },
      { labels: files, captions },
      out,
    );
  });
}

/**
 * As the pipeline's first step `retrieve` does it, but for how many documents it takes. `captions` have neither licences nor
 * scores, so there its limits of these do not count.
 */
function configuredWay(
  { name, steps }: PipelineSpec,
  { captions }: { captions: boolean },
): Pick<RetrievalWay, 'search'> & { stages: RetrieveSettings } {
  const step = steps.find(({ operator }) => operator.name === retrieve.name);
  if (!step)
    throw new VimiError('USAGE', `Pipeline '${name}' retrieves nothing`, {
      expected: 'a pipeline with a step retrieve',
      remedy: 'Name another with --pipeline.',
    });
  const config = retrieve.config.parse(step.config) as RetrieveSettings;
  const { mode, names, min_score: minScore, min_image_score: minImageScore } = config;
  const { licences, scores } = captions ? { licences: [], scores: {} } : config;
  return {
    search: { mode, names, onlyNamed: true, minScore, minImageScore, ...(licences.length > 0 && { licences }) },
    stages: { ...config, scores },
  };
}

/** The corpus of the profile; with captions one of them alone, in a folder of its own. */
async function withCorpus(
  workspace: Workspace,
  lists: readonly string[],
  embedder: Embedder,
  work: (corpus: Corpus) => Promise<void>,
): Promise<void> {
  if (lists.length === 0) return work(await workspace.corpusIsCurrent());
  const captions = [...new Set((await Promise.all(lists.map(readCaptions))).flat())];
  const folder = await mkdtemp(join(tmpdir(), 'vimi-eval-'));
  try {
    const corpus = await openCorpus({ folder, embedder, log: workspace.log });
    try {
      await fillWithCaptions(corpus, captions, embedder);
      await work(corpus);
    } finally {
      await corpus.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
