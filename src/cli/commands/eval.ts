import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { VimiError } from '../../errors.js';
import { fillCorpus, makeDocument } from '../../evaluation/documents.js';
import { drawOnce } from '../../evaluation/draw-once.js';
import { memoryObjects } from '../../evaluation/memory-objects.js';
import { Oracle } from '../../evaluation/oracle.js';
import { markdown, type Report } from '../../evaluation/report.js';
import { Serving } from '../../evaluation/serving.js';
import { evaluateCoherence } from '../../evaluation/tasks/coherence.js';
import { type Condition, evaluateGrounding } from '../../evaluation/tasks/grounding.js';
import { evaluatePrediction } from '../../evaluation/tasks/prediction.js';
import { eachOf, type NamedWorld, type Setting } from '../../evaluation/tasks/setting.js';
import { evaluateSubject } from '../../evaluation/tasks/subject.js';
import { readStills, readWorld, type Still } from '../../evaluation/world-folder.js';
import { contactSheet } from '../../media/contact-sheet.js';
import { createDenoiser, type DenoiserOptions } from '../../models/denoiser.js';
import { createEmbedder } from '../../models/embedding/embedder.js';
import type { ModelDescription } from '../../models/ports.js';
import { systemClock } from '../../operators/clock.js';
import { openCorpus } from '../../stores/corpus-index/open-corpus.js';
import { duration, progress } from '../progress.js';
import { version } from '../version.js';
import type { Workspace } from '../workspace.js';

/** What every evaluation of a model takes. */
export interface EvalOptions {
  /** A preset or a weights file; that of the pipeline's denoise step when left out. */
  model?: string;
  /** Folder of a frozen language model, for models that read words through one. */
  encoder?: string;
  pipeline: string;
  backend?: DenoiserOptions['backend'];
  threads?: number;
  n: number;
  seed: number;
  steps?: number[];
  guidance?: number[];
  atOnce: number;
  out: string;
  signal: AbortSignal;
}

export interface GroundingOptions extends WorldOptions {
  conditions: readonly Condition[];
  /** Further lists of documents for live retrieval. */
  documents: string[];
}

export interface WorldOptions extends EvalOptions {
  heldOut?: string;
  seen?: string;
}

export async function evalGrounding(
  workspace: Workspace,
  { conditions, documents, ...options }: GroundingOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { signal } = options;
  const further = (await Promise.all(documents.map((file) => readStills(file, dirname(file))))).flat();
  await onWorlds(workspace, 'grounding', options, out, async (setting, resources) => {
    const { worlds } = setting;
    const documentOf = documentsOf(worlds, resources);
    let count = 0;
    if (conditions.includes('live')) {
      const stills = new Set(worlds.flatMap(({ world }) => [...world.stills.keys()]));
      const all = [...stills].map((code) => () => documentOf(code));
      all.push(...further.filter(({ code }) => !stills.has(code)).map((still) => () => makeDocument(still, resources)));
      const bar = progress('documents');
      const ready = await eachOf(all, 4, async (make, i) => {
        signal.throwIfAborted();
        bar.update(i, all.length);
        return (await make()).document;
      });
      await fillCorpus(resources.corpus, ready, (done) => bar.update(done, ready.length, 'indexed'));
      count = (await resources.corpus.state()).documents;
      bar.finish(`${count} in the corpus`);
    }
    const oracle = await oracleOf(worlds, signal);
    return evaluateGrounding({ ...setting, oracle, conditions, documentOf, documents: count });
  });
}

export async function evalPrediction(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'prediction', options, out, evaluatePrediction);
}

export async function evalSubject(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'subject', options, out, async (setting) =>
    evaluateSubject({ ...setting, oracle: await oracleOf(setting.worlds, options.signal) }),
  );
}

export async function evalCoherence(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'coherence', options, out, async (setting, resources) =>
    evaluateCoherence({ ...setting, documentOf: documentsOf(setting.worlds, resources) }),
  );
}

/** Measures a model on worlds, and publishes what `evaluate` finds. */
async function onWorlds(
  workspace: Workspace,
  what: string,
  { heldOut, seen, ...options }: WorldOptions,
  out: NodeJS.WritableStream,
  evaluate: (setting: Setting & { worlds: NamedWorld[] }, resources: EvalResources) => Promise<Report>,
): Promise<void> {
  const worlds = await namedWorlds({ 'held-out': heldOut, seen });
  await withModel(workspace, options, async (setting, resources) => {
    const report = await evaluate({ ...setting, worlds }, resources);
    await publish(report, what, setting.model, options, { worlds: folders(worlds) }, out);
  });
}

function oracleOf(worlds: NamedWorld[], signal: AbortSignal): Promise<Oracle> {
  return Oracle.of(
    worlds.map(({ world }) => world),
    signal,
  );
}

/** Makes each subject's document once. */
function documentsOf(worlds: NamedWorld[], resources: Parameters<typeof makeDocument>[1]) {
  const stills = new Map<string, Still>(worlds.flatMap(({ world }) => [...world.stills]));
  const made = new Map<string, ReturnType<typeof makeDocument>>();
  return (code: string) => {
    const there = made.get(code) ?? makeDocument(stills.get(code)!, resources);
    made.set(code, there);
    return there;
  };
}

async function namedWorlds(named: Record<string, string | undefined>): Promise<NamedWorld[]> {
  const given = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (given.length === 0)
    throw new VimiError('USAGE', 'An evaluation needs a world', {
      expected: 'a folder that `node examples/world/make.mjs` made (examples/world/README.md), as --held-out or --seen',
    });
  return Promise.all(given.map(async ([name, folder]) => ({ name, world: await readWorld(folder) })));
}

const folders = (worlds: NamedWorld[]) =>
  Object.fromEntries(worlds.map(({ name, world }) => [name, { folder: world.folder, clips: world.clips.length }]));

/** Opens the model, an empty corpus and the pipeline, and closes them whatever happens. */
async function withModel(
  workspace: Workspace,
  options: EvalOptions,
  work: (setting: Setting, resources: EvalResources) => Promise<void>,
): Promise<void> {
  // One for each request and each job of the model under way.
  setMaxListeners(0, options.signal);
  const pipeline = workspace.pipeline(options.pipeline);
  const step = pipeline.steps.find(({ operator }) => operator.name === 'denoise');
  const of = (name: unknown) => (name === undefined ? undefined : workspace.modelOf(String(name)));
  // A model that is named by hand stands alone; the pipeline's comes with its upsampler, as served.
  const models = options.model
    ? { model: options.model, encoder: options.encoder }
    : {
        model: of(step?.config.model) ?? 'nano',
        upsampler: of(step?.config.upsampler),
        encoder: options.encoder ?? workspace.folderOf(step?.config.encoder),
      };
  const folder = await mkdtemp(join(tmpdir(), 'vimi-eval-'));
  try {
    const resources = await openResources(workspace, { ...options, ...models }, folder);
    try {
      const model = await resources.denoiser.describe();
      process.stderr.write(`model ${model.name}, ${model.parameters} parameters, ${model.backend}\n`);
      const serving = new Serving(pipeline, resources);
      const bar = progress('eval');
      const { n, seed, steps = [undefined], guidance = [undefined], atOnce, signal } = options;
      const given = { n, seed, steps, guidance, atOnce, signal };
      await work({ ...given, serving, model, onProgress: bar.update }, resources);
      await serving.close();
    } finally {
      await resources.denoiser.close();
      await resources.corpus.close();
    }
  } catch (thrown) {
    // Whatever was stopped in the middle of its work says so in its own way.
    throw options.signal.aborted ? new VimiError('CANCELLED', 'The evaluation was stopped') : thrown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type EvalResources = Awaited<ReturnType<typeof openResources>>;

async function openResources(
  { log }: Workspace,
  { model, upsampler, encoder, backend, threads }: EvalOptions & { model: string; upsampler?: string },
  folder: string,
) {
  const embedder = createEmbedder();
  const denoiser = drawOnce(await createDenoiser({ model, upsampler, encoder, backend, threads }));
  return {
    objects: memoryObjects(),
    corpus: await openCorpus({ folder: join(folder, 'index'), embedder, log }),
    ...{ embedder, denoiser, log },
    clock: systemClock,
    workDir: folder,
    mediaRoots: [],
    announce: async () => {},
  };
}

/** Writes report.md, results.json and the sheets into the folder, and the tables to `out`. */
export async function publish(
  report: Report,
  what: string,
  model: ModelDescription | null,
  options: Pick<EvalOptions, 'out' | 'n' | 'seed'>,
  more: Record<string, unknown>,
  out: NodeJS.WritableStream,
): Promise<void> {
  const facts = {
    command: `vimi ${process.argv.slice(2).join(' ')}`,
    date: new Date().toISOString(),
    vimi: version,
    ...{ n: options.n, seed: options.seed },
    ...(model && { model: model.name, weights: model.weights, backend: model.backend, parameters: model.parameters }),
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, node ${process.version}, ${process.platform}`,
    seconds: Math.round(process.uptime()),
    ...more,
  };
  await mkdir(options.out, { recursive: true });
  const text = markdown(report, facts);
  const { tables, notes, records } = report;
  await writeFile(join(options.out, `${what}.md`), text);
  await writeFile(
    join(options.out, `${what}.json`),
    `${JSON.stringify({ evaluation: what, ...facts, notes, tables, records }, null, 1)}\n`,
  );
  for (const { name, rows } of report.sheets)
    if (rows.length > 0) await contactSheet(rows, join(options.out, `${what}-${name}.png`));
  out.write(
    `${text}\n${options.out}: ${what}.md, ${what}.json and ${report.sheets.length} picture pages (${duration(process.uptime())})\n`,
  );
}
