import type { ContextEntry } from '../../events/prompt.js';
import type { Embedder, Reranker } from '../../models/ports.js';
import {
  type RetrievalSurroundings,
  retrieveContext,
  type StageName,
  type Stages,
  stageNames,
} from '../../operators/grounding/retrieval/retrieve-context.js';
import type { Corpus, SearchQuery } from '../../stores/corpus/corpus.js';
import type { LabelledPrompt } from '../labelled-prompts.js';
import { namedOnce, unknownLabels, unknownNote } from '../labels-in-corpus.js';
import { type Measured, measured } from '../metrics/interval.js';
import { type Graded, ndcgAt, recallAt, reciprocalRank } from '../metrics/ranking.js';
import type { Report, Table } from '../report.js';

/** How one row of the table retrieves. */
export interface RetrievalWay {
  name: string;
  search: Pick<SearchQuery, 'kind' | 'mode' | 'names' | 'onlyNamed' | 'minScore' | 'minImageScore' | 'licences'>;
  stages: Stages;
}

export interface RetrievalEvaluation {
  prompts: readonly LabelledPrompt[];
  corpus: Corpus;
  embedder: Embedder;
  ways: readonly RetrievalWay[];
  /** Places that recall is measured at; the search goes as deep as the last. */
  ks: readonly number[];
  /** Milliseconds, from any beginning. */
  now(): number;
  onProgress(done: number, total: number): void;
  signal: AbortSignal;
}

const noStages: Stages = { entities: false, scores: {}, diversity: 0, candidates: 24 };

/** Of the row that switches diversity on, where the configuration has it off. */
const someDiversity = 0.3;

/** The stages one after the other, each row with one more than the row above; then as the step is configured. */
export function stepwise(
  configured: { search: RetrievalWay['search']; stages: Stages },
  reranker: Reranker | undefined,
): RetrievalWay[] {
  const { kind, minScore, minImageScore, licences } = configured.search;
  // Motion examples are looked for by the whole prompt (retrieveMotions).
  const entities = kind !== 'clip';
  const diversity = configured.stages.diversity || someDiversity;
  const limits = { kind, minScore, minImageScore, ...(licences && { licences }) };
  const words: RetrievalWay['search'] = { ...limits, mode: 'lexical', names: false, onlyNamed: false };
  const named = { ...words, mode: 'hybrid', names: true, onlyNamed: true } as const;
  const all: RetrievalWay[] = [
    { name: 'lexical: BM25', search: words, stages: noStages },
    { name: 'dense: embeddings', search: { ...words, mode: 'dense' }, stages: noStages },
    { name: 'hybrid: both, fused', search: { ...words, mode: 'hybrid' }, stages: noStages },
    { name: '+ names first', search: { ...named, onlyNamed: false }, stages: noStages },
    { name: '+ only what is named', search: named, stages: noStages },
    { name: '+ entities', search: named, stages: { ...noStages, entities: true } },
  ];
  const rows = all.filter(({ stages }) => !stages.entities || entities);
  if (reranker) rows.push({ name: '+ reranker', search: named, stages: { ...noStages, entities, reranker } });
  rows.push({ name: `+ diversity ${diversity}`, search: named, stages: { ...rows.at(-1)!.stages, diversity } });
  const { search, stages } = configured;
  return [...rows, { name: 'as configured', search, stages: { ...stages, entities: entities && stages.entities } }];
}

/** What each way of retrieving finds of what people said fits, and what it takes. */
export async function evaluateRetrieval(asked: RetrievalEvaluation): Promise<Report> {
  const { ways, ks, corpus, onProgress, signal } = asked;
  const prompts = await namedOnce(asked.prompts, corpus);
  const options = { ...asked, prompts };
  const records: Record<string, unknown>[] = [];
  const measures: Table = {
    title: 'What is found',
    columns: [
      'retrieval',
      ...ks.map((k) => `recall@${k}`),
      `nDCG@${ks.at(-1)}`,
      'MRR',
      'misfits',
      'none where none fits',
    ],
    rows: [],
  };
  const costs: Table = {
    title: 'What it takes',
    columns: ['retrieval', 'ms, mean', 'ms, median', 'ms, 95 %', ...stageNames.map((name) => `${name}, ms`)],
    rows: [],
  };
  const retrieved = new Map<RetrievalWay, Retrieved[]>(ways.map((way) => [way, []]));
  /** Labels that no way has found so far. */
  const missed = new Set(prompts.flatMap(({ fits }) => [...fits.keys()]));
  // The first search of a kind builds what later ones find there.
  for (const way of ways) await retrieveOne(prompts[0]!, way, options);
  for (const [n, prompt] of prompts.entries()) {
    // All ways of one prompt after another, in another order each time: a busy moment of the machine meets them alike.
    for (const [i] of ways.entries()) {
      signal.throwIfAborted();
      const way = ways[(i + n) % ways.length]!;
      const one = await retrieveOne(prompt, way, options);
      retrieved.get(way)!.push(one);
      const { labels, ...record } = one;
      for (const label of labels) missed.delete(label);
      records.push({ way: way.name, prompt: prompt.prompt, ...record });
    }
    onProgress(n + 1, prompts.length);
  }
  for (const [way, all] of retrieved) {
    const mean = (of: (one: Retrieved) => number): Measured => measured(all.map(of));
    const total = all.map(({ ms }) => ms).sort((a, b) => a - b);
    measures.rows.push([
      way.name,
      ...ks.map((k) => ({ share: mean(({ graded }) => recallAt(k, graded)) })),
      { value: mean(({ graded }) => ndcgAt(ks.at(-1)!, graded)), digits: 3 },
      { value: mean(({ graded }) => reciprocalRank(graded)), digits: 3 },
      { share: mean(({ misfits, judged }) => misfits / judged) },
      { share: mean(({ graded, found }) => (graded.grades.length > 0 ? Number.NaN : Number(found.length === 0))) },
    ]);
    costs.rows.push([
      way.name,
      round(total.reduce((sum, ms) => sum + ms, 0) / total.length),
      round(total[Math.floor(total.length / 2)]!),
      round(total[Math.min(total.length - 1, Math.floor(total.length * 0.95))]!),
      ...stageNames.map((name) => round(all.reduce((sum, { stages }) => sum + (stages[name] ?? 0), 0) / all.length)),
    ]);
  }
  const { documents } = await corpus.state();
  return {
    title: 'Retrieval',
    over: 'prompts',
    notes: [
      `${prompts.length} labelled prompts, ${documents} documents, encoder ${options.embedder.name}.`,
      `Recall and nDCG: of what the labels say fits, over the prompts that anything fits. Misfits: of the first ${ks.at(-1)} that somebody judged, the share that does not fit. Nothing is known of documents without a label; they count as not fitting in nDCG and MRR.`,
      ...(await licenceNote(ways.at(-1)!.search.licences, corpus)),
      ...unknownNote(await unknownLabels([...missed], asked)),
      'Each row adds a stage to the row above; the first three are alternatives. Times include the embedding of the prompt.',
    ],
    tables: [measures, costs],
    records,
    sheets: [],
  };
}

interface Retrieved {
  found: string[];
  /** Those of them that fit, by their labels. */
  labels: string[];
  graded: Graded;
  judged: number;
  misfits: number;
  ms: number;
  stages: Partial<Record<StageName, number>>;
}

async function retrieveOne(
  { prompt, fits, misfits }: LabelledPrompt,
  { search, stages }: RetrievalWay,
  { corpus, embedder, ks, now }: RetrievalEvaluation,
): Promise<Retrieved> {
  const took: Retrieved['stages'] = {};
  const around: RetrievalSurroundings = {
    corpus,
    embed: async (text) => embedder.text(text),
    isThere: async () => true,
    async timed(stage, work) {
      const start = now();
      const result = await work();
      took[stage] = (took[stage] ?? 0) + now() - start;
      return result;
    },
  };
  const start = now();
  const textEmbedding = await embedder.text(prompt);
  const among = embedder.joint && search.kind !== 'clip' && { imageEmbedding: textEmbedding, textAmongImages: true };
  const query = { ...search, ...among, text: prompt, textEmbedding, k: ks.at(-1)! };
  const { context } = await retrieveContext(query, stages, around);
  const ms = now() - start;
  const labelOf = ({ caption, document }: ContextEntry) => [caption, document].find((name) => fits.has(name));
  const labels = context.map(labelOf);
  const isMisfit = ({ caption, document }: ContextEntry) => misfits.has(caption) || misfits.has(document);
  const wrong = context.filter(isMisfit).length;
  return {
    found: context.map(({ caption }) => caption),
    labels: labels.filter((label) => label !== undefined),
    graded: { found: gradesOf(labels, fits), grades: [...fits.values()] },
    judged: wrong + labels.filter((label) => label !== undefined).length,
    misfits: wrong,
    ms,
    stages: took,
  };
}

/** Says why nothing is found where no document has a licence that is allowed: one that is mistyped, say. */
async function licenceNote(licences: readonly string[] = [], corpus: Corpus): Promise<string[]> {
  const found = licences.map((licence) => corpus.find({ licence }, { after: '', most: 1 }));
  if (licences.length === 0 || (await Promise.all(found)).some(({ length }) => length > 0)) return [];
  return [`Nothing can be found: no document has a licence that the step retrieve allows (${licences.join(', ')}).`];
}

/** Of what several documents have in common, such as their caption, the first one counts: a label is found once. */
function gradesOf(labels: readonly (string | undefined)[], fits: LabelledPrompt['fits']): number[] {
  return labels.map((label, n) => (label === undefined || labels.indexOf(label) < n ? 0 : fits.get(label)!));
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
