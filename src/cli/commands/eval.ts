import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InProcessPipeline } from '../../app/in-process-pipeline.js';
import { modelChoices } from '../../app/models.js';
import type { Workspace } from '../../app/workspace.js';
import { systemClock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import { version } from '../../core/version.js';
import { asReference, fillCorpus, makeDocument } from '../../evaluation/documents.js';
import { drawOnce } from '../../evaluation/draw-once.js';
import { Oracle } from '../../evaluation/oracle.js';
import { markdown, type Report } from '../../evaluation/report.js';
import { evaluateAblation } from '../../evaluation/tasks/ablation.js';
import { evaluateBases } from '../../evaluation/tasks/bases.js';
import { evaluateCandidates } from '../../evaluation/tasks/candidates.js';
import { evaluateChanges } from '../../evaluation/tasks/changes.js';
import { evaluateCoherence } from '../../evaluation/tasks/coherence.js';
import type { Condition } from '../../evaluation/tasks/conditions.js';
import { evaluateCopying } from '../../evaluation/tasks/copying.js';
import { evaluateGrounding } from '../../evaluation/tasks/grounding.js';
import { evaluateMotionStart } from '../../evaluation/tasks/motion-start.js';
import { evaluateMovements } from '../../evaluation/tasks/movements.js';
import { evaluatePrediction } from '../../evaluation/tasks/prediction.js';
import { eachOf, type NamedWorld, type Setting } from '../../evaluation/tasks/setting.js';
import { evaluateSubject } from '../../evaluation/tasks/subject.js';
import { readStills, readWorld, type Still } from '../../evaluation/world-folder.js';
import type { Resources } from '../../flow/operator.js';
import { contactSheet } from '../../media/drawing/contact-sheet.js';
import { createEmbedder } from '../../models/encoders/built-in/embedder.js';
import type { ModelChoice, ModelDescription } from '../../models/ports.js';
import { createDenoiser, type DenoiserOptions } from '../../models/servers/denoiser.js';
import { openCorpus } from '../../stores/corpus/index/open-corpus.js';
import { noJobs } from '../../stores/jobs/jobs.js';
import { memoryObjects } from '../../stores/objects/memory.js';
import { noRemovals } from '../../stores/removals/removals.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { duration, progress } from '../progress.js';

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
  /** Per cent, of the curve. */
  wrongContexts: number[];
}

export interface WorldOptions extends EvalOptions {
  heldOut?: string;
  seen?: string;
}

export async function evalGrounding(
  workspace: Workspace,
  { conditions, documents, wrongContexts, ...options }: GroundingOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { signal } = options;
  const further = await furtherStills(documents);
  await onWorlds(workspace, 'grounding', options, out, async (setting, resources) => {
    const { worlds } = setting;
    const documentOf = documentsOf(worlds, resources);
    const isLive = conditions.includes('live') || conditions.includes('missing');
    const count = isLive ? await fill(resources, worlds, documentOf, further, signal) : 0;
    const oracle = await oracleOf(worlds, signal);
    return evaluateGrounding({ ...setting, oracle, conditions, documentOf, documents: count, wrongContexts });
  });
}

export interface AblationOptions extends Omit<WorldOptions, 'model' | 'steps' | 'guidance'> {
  /** Each with the name that the table calls it by; the others are compared with the first. */
  weights: { name: string; model: string }[];
  k: number[];
  steps?: number;
  guidance?: number;
  documents: string[];
}

export async function evalAblation(
  workspace: Workspace,
  { weights, k, documents, heldOut, seen, ...options }: AblationOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { n, seed, steps, guidance, atOnce, signal } = options;
  const names = weights.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new VimiError('USAGE', 'Two weights have the same name', { expected: 'a name for each', found: twice });
  const worlds = await namedWorlds({ 'held-out': heldOut, seen });
  const further = await furtherStills(documents);
  await withSurroundings(workspace, options, async (pipeline, surroundings) => {
    const open = async <R>(wanted: string, work: (opened: Pick<Setting, 'serving' | 'model'>) => Promise<R>) => {
      const { model } = weights.find(({ name }) => name === wanted)!;
      return withDenoiser(pipeline, surroundings, { ...options, model }, ({ serving, model: described }) =>
        work({ serving, model: described }),
      );
    };
    // A mistyped path is told now, and not after the hours of those before it.
    for (const name of names) await open(name, async () => {});
    const count = await fill(surroundings, worlds, documentsOf(worlds, surroundings), further, signal);
    const report = await evaluateAblation({
      ...{ worlds, n, seed, steps, guidance, atOnce, signal, onProgress: progress('eval').update },
      ...{ weights: names, withWeights: open, ks: [...new Set(k)], documents: count },
      oracle: await oracleOf(worlds, signal),
    });
    const more = { weights: Object.fromEntries(weights.map(({ name, model }) => [name, model])) };
    await publish(report, 'ablation', null, options, { ...more, k, worlds: folders(worlds) }, out);
  });
}

export async function evalPrediction(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'prediction', options, out, async (setting) =>
    evaluatePrediction({ ...setting, oracle: await oracleOf(setting.worlds, options.signal) }),
  );
}

export async function evalSubject(
  workspace: Workspace,
  { live, ...options }: WorldOptions & { live: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { signal } = options;
  await onWorlds(workspace, 'subject', options, out, async (setting, resources) => {
    const { worlds } = setting;
    const oracle = await oracleOf(worlds, signal);
    if (!live) return evaluateSubject({ ...setting, oracle });
    const documentOf = documentsOf(worlds, resources);
    await fill(resources, worlds, documentOf, [], signal);
    return evaluateSubject({ ...setting, oracle, documentOf });
  });
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

export async function evalCopying(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'copying', options, out, async (setting, resources) =>
    evaluateCopying({
      ...setting,
      oracle: await oracleOf(setting.worlds, options.signal),
      documentOf: documentsOf(setting.worlds, resources),
      asReference: (document, image) => asReference(resources.objects, document, image),
    }),
  );
}

export async function evalCandidates(
  workspace: Workspace,
  { counts, ...options }: WorldOptions & { counts: number[] },
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'candidates', options, out, async (setting, resources) =>
    evaluateCandidates({
      ...{ ...setting, counts: [...counts].sort((a, b) => a - b) },
      oracle: await oracleOf(setting.worlds, options.signal),
      documentOf: documentsOf(setting.worlds, resources),
    }),
  );
}

export async function evalChanges(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'changes', options, out, async (setting, resources) =>
    evaluateChanges({
      ...setting,
      oracle: await oracleOf(setting.worlds, options.signal),
      documentOf: documentsOf(setting.worlds, resources),
    }),
  );
}

export async function evalMotionStart(
  workspace: Workspace,
  { levels, ...options }: WorldOptions & { levels: number[] },
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'motion-start', options, out, async (setting, resources) =>
    evaluateMotionStart({
      ...{ ...setting, levels },
      oracle: await oracleOf(setting.worlds, options.signal),
      documentOf: documentsOf(setting.worlds, resources),
      servingAt: (level) => setting.servingWith({ motion_start: level }),
      store: clipsIn(resources),
    }),
  );
}

export async function evalMovements(
  workspace: Workspace,
  options: WorldOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  await onWorlds(workspace, 'movements', options, out, async (setting, resources) =>
    evaluateMovements({
      ...setting,
      oracle: await oracleOf(setting.worlds, options.signal),
      documentOf: documentsOf(setting.worlds, resources),
      store: clipsIn(resources),
    }),
  );
}

/** Stores clips as the corpus does. */
const clipsIn =
  ({ objects }: Pick<EvalSurroundings, 'objects'>) =>
  async (mp4: Buffer) => ({
    ...(await objects.put(`clips/${digestOf(mp4)}.mp4`, mp4, { mediaType: 'video/mp4' })),
    ...{ frames: 1, fps: 1, seconds: 1 },
  });

export async function evalBases(
  workspace: Workspace,
  { heldOut, other, ...options }: Omit<WorldOptions, 'heldOut' | 'seen'> & { heldOut: string; other: string },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { signal } = options;
  const worlds = await namedWorlds({ 'held-out': heldOut, other });
  await withModel(workspace, options, async (setting, surroundings) => {
    const [first, second] = worlds as [NamedWorld, NamedWorld];
    const corpus = await openCorpus({
      ...{ folder: join(surroundings.workDir, 'other'), embedder: surroundings.embedder, log: surroundings.log },
    });
    try {
      const baseOf = async (named: NamedWorld, serving: InProcessPipeline, around: EvalSurroundings) => {
        const documentOf = documentsOf([named], around);
        await fill(around, [named], documentOf, [], signal);
        return { ...named, serving, documentOf, oracle: await oracleOf([named], signal) };
      };
      const around = { ...surroundings, corpus };
      const serving = setting.servingFrom(around);
      const bases = [
        await baseOf(first, setting.serving, surroundings),
        await baseOf(second, serving, around),
      ] as const;
      const report = await evaluateBases({ ...setting, bases });
      await serving.close();
      await publish(report, 'bases', setting.model, options, { worlds: folders(worlds) }, out);
    } finally {
      await corpus.close();
    }
  });
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Measures a model on worlds, and publishes what `evaluate` finds. */
async function onWorlds(
  workspace: Workspace,
  what: string,
  { heldOut, seen, ...options }: WorldOptions,
  out: NodeJS.WritableStream,
  evaluate: (setting: Opened & { worlds: NamedWorld[] }, resources: EvalSurroundings) => Promise<Report>,
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

/** What `--documents` adds to live retrieval. */
async function furtherStills(lists: readonly string[]): Promise<Still[]> {
  return (await Promise.all(lists.map((file) => readStills(file, dirname(file))))).flat();
}

/** Fills the corpus with the stills of the worlds and further ones; returns how many documents it then has. */
async function fill(
  surroundings: EvalSurroundings,
  worlds: readonly NamedWorld[],
  documentOf: ReturnType<typeof documentsOf>,
  further: readonly Still[],
  signal: AbortSignal,
): Promise<number> {
  const stills = new Set(worlds.flatMap(({ world }) => [...world.stills.keys()]));
  const all = [...stills].map((code) => () => documentOf(code));
  all.push(...further.filter(({ code }) => !stills.has(code)).map((still) => () => makeDocument(still, surroundings)));
  const bar = progress('documents');
  const ready = await eachOf(all, 4, async (make, i) => {
    signal.throwIfAborted();
    bar.update(i, all.length);
    return (await make()).document;
  });
  await fillCorpus(surroundings.corpus, ready, (done) => bar.update(done, ready.length, 'indexed'));
  const { documents } = await surroundings.corpus.state();
  bar.finish(`${documents} in the corpus`);
  return documents;
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
  work: (setting: Opened, resources: EvalSurroundings) => Promise<void>,
): Promise<void> {
  await withSurroundings(workspace, options, async (pipeline, surroundings) => {
    // A model that is named by hand stands alone; the pipeline's comes with its upsampler, as served.
    const models = options.model
      ? { model: options.model, encoder: options.encoder }
      : { ...served(pipeline, workspace), ...(options.encoder && { encoder: options.encoder }) };
    await withDenoiser(pipeline, surroundings, { ...options, ...models }, ({ model, ...opened }) => {
      process.stderr.write(`model ${model.name}, ${model.parameters} parameters, ${model.backend}\n`);
      const { n, seed, steps = [undefined], guidance = [undefined], atOnce, signal } = options;
      const given = { n, seed, steps, guidance, atOnce, signal };
      return work({ ...given, ...opened, model, onProgress: progress('eval').update }, surroundings);
    });
  });
}

/** The model that the pipeline serves with; the first, where its steps name several. */
function served(pipeline: PipelineSpec, { topology }: Workspace): ModelChoice {
  const [choice] = modelChoices(pipeline, topology);
  if (choice) return choice;
  throw new VimiError('USAGE', `Pipeline '${pipeline.name}' cannot be evaluated: none of its steps names a model`);
}

/** With the model open, by which others can serve: with other settings of `denoise`, or from another corpus. */
interface Opened extends Setting {
  servingWith(config: object): InProcessPipeline;
  servingFrom(surroundings: EvalSurroundings): InProcessPipeline;
}

type EvalSurroundings = Omit<Resources, 'models'>;

/** All that steps need but a model, empty and in a folder of its own. */
async function withSurroundings(
  workspace: Workspace,
  { pipeline: name, signal }: Pick<EvalOptions, 'pipeline' | 'signal'>,
  work: (pipeline: PipelineSpec, surroundings: EvalSurroundings) => Promise<void>,
): Promise<void> {
  // One for each request and each job of the model under way.
  setMaxListeners(0, signal);
  const { log } = workspace;
  const pipeline = workspace.pipeline(name);
  const folder = await mkdtemp(join(tmpdir(), 'vimi-eval-'));
  try {
    const embedder = createEmbedder();
    const corpus = await openCorpus({ folder: join(folder, 'index'), embedder, log });
    try {
      await work(pipeline, {
        ...{
          corpus,
          embedder,
          log,
          objects: memoryObjects(),
          clock: systemClock,
          workDir: folder,
          mediaRoots: [],
          mediaHosts: [],
          topologyFolder: '.',
        },
        // Nothing is published, so there is nothing to remember.
        ...{ pipeline: name, jobs: noJobs, removals: noRemovals, announce: async () => {} },
      });
    } finally {
      await corpus.close();
    }
  } catch (thrown) {
    // Whatever was stopped in the middle of its work says so in its own way.
    throw signal.aborted ? new VimiError('CANCELLED', 'The evaluation was stopped') : thrown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withDenoiser<R>(
  pipeline: PipelineSpec,
  surroundings: EvalSurroundings,
  { model: named, upsampler, encoder, backend, threads }: DenoiserOptions,
  work: (opened: Pick<Opened, 'serving' | 'servingWith' | 'servingFrom' | 'model'>) => Promise<R>,
): Promise<R> {
  const denoiser = drawOnce(await createDenoiser({ model: named, upsampler, encoder, backend, threads }));
  try {
    const model = await denoiser.describe();
    const models = { of: () => denoiser, all: () => [denoiser] };
    const resources = { ...surroundings, models };
    const serving = new InProcessPipeline(pipeline, resources);
    const servingWith = (config: object) => new InProcessPipeline(withDrawing(pipeline, config), resources);
    const servingFrom = (around: EvalSurroundings) => new InProcessPipeline(pipeline, { ...around, models });
    const result = await work({ serving, servingWith, servingFrom, model });
    await serving.close();
    return result;
  } finally {
    await denoiser.close();
  }
}

/** The pipeline with other settings of the step that draws. */
function withDrawing(pipeline: PipelineSpec, config: object): PipelineSpec {
  const steps = pipeline.steps.map((step) =>
    step.operator.adds.includes('frames') ? { ...step, config: { ...step.config, ...config } } : step,
  );
  return { ...pipeline, steps };
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
    `${text}\n${options.out}: ${what}.md, ${what}.json and ${report.sheets.length} image pages (${duration(process.uptime())})\n`,
  );
}
