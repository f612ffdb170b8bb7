import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { asVimiError, VimiError } from '../../../core/errors.js';
import { fileSha256 } from '../../../core/file-sha256.js';
import type { Device } from '../../backends/backend.js';
import type { BackendName } from '../../backends/names.js';
import { readParts } from '../../encoders/frozen-encoder.js';
import { openEncoder } from '../../encoders/open-encoder.js';
import { wordsOf } from '../../known-words.js';
import { buildModel, type Model } from '../../networks/model.js';
import { startValues, weightTensors } from '../../networks/parameters.js';
import { followsPaths } from '../../networks/prompt-input.js';
import type { ModelPrompt } from '../../ports.js';
import { presetNamed } from '../../presets/presets.js';
import { weightsPath } from '../../weights/load-model.js';
import { checkWeights, readWeights, writeWeights } from '../../weights/safetensors.js';
import { drawBatch, splitBatch } from '../data/batch.js';
import { cacheKey, readCache, writeCache } from '../data/sample-cache.js';
import { type ReadOptions, readSamples, type TrainingSample } from '../data/samples.js';
import { asTask } from '../data/tasks.js';
import { type Devices, openDevices } from '../devices/devices.js';
import { shareRecipe } from '../devices/share-recipe.js';
import { startState, update } from '../optimizer/optimizer.js';
import { drawLossCurve } from '../report/loss-curve.js';
import { RunLog } from '../report/run-log.js';
import { drawSampleSheet } from '../report/sample-sheet.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import { evaluate, type Probe } from './evaluate.js';
import { type Recipe, recipeOf, recipe as recipeSchema, type Stage } from './recipe.js';
import { type RunStorage, StoredRun } from './stored-run.js';

export interface TrainOptions {
  /** Paths of WebDataset shards that the corpus pipeline wrote. */
  shards: readonly string[];
  /** Shards of held-out samples, for the probes in the log: on the way of at most 32 of them, at the end of all. */
  heldOut?: readonly string[];
  preset: string;
  steps: number;
  /** A folder; a checkpoint in it of the same run is continued. */
  out: string;
  /** Where the run's files are kept besides, at each checkpoint and at the end; a run without a checkpoint goes on from there. */
  store?: RunStorage;
  seed: number;
  /** Weights of the same preset to start from, instead of random ones: a file, or the name of a shipped model. */
  from?: string;
  /** VIMI's stage, whose recipe is taken: 1, from nothing or from weights; 2, the three tasks, from weights. */
  stage?: 1 | 2;
  /** The folder of a frozen language model, for presets that read words through one. */
  encoder?: string;
  /** Instead of that recipe. */
  recipe?: Recipe;
  backend?: BackendName;
  /** Threads that the tensorflow backend may take, in each process; all cores, shared evenly, when left out. */
  threads?: number;
  /** Those that share each batch; one, whatever the backend finds, when left out. */
  devices?: readonly Device[];
  checkpointEvery?: number;
  evaluateEvery?: number;
  onProgress?(progress: TrainProgress): void;
  /** What failed without ending the training: an image, or an upload that is tried again at the next checkpoint. */
  onWarning?(error: VimiError): void;
  /** Aborting it writes a checkpoint and ends with CANCELLED. */
  signal?: AbortSignal;
}

export type TrainProgress =
  | { phase: 'reading'; samples: number }
  | { phase: 'training'; step: number; steps: number; loss: number; secondsPerStep: number };

export interface TrainResult {
  /** The mean weights in half precision, with their model card. */
  weights: string;
  sha256: string;
  steps: number;
  backend: string;
  probes: Probe[];
}

/** Steps in a row that may be unusable before training is given up. */
const patience = 10;

/**
 * Trains a preset on shards (VIMI's stages: 1 multimodal-conditioned pretraining, 2 the three tasks). Writes into `out`:
 * recipe.json, log.jsonl (a line a step, probes between), loss.svg and samples.png (at the probes), checkpoint.safetensors,
 * samples.cache (the decoded shards, for when it is continued), and at the end PRESET.safetensors.
 *
 * Continued runs end where uninterrupted ones do: step k depends on (seed, k), the samples and the state alone; on one
 * backend with the same threads, bit for bit. Of several devices, too, and whatever their number: a run's identity has the
 * pieces that its batches are computed in (recipe.ts's `accumulate`, which share-recipe.ts raises), not where. So what ran on two
 * devices goes on, on one, with a recipe of two pieces.
 * MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, OBJECT_NOT_FOUND, OBJECT_DAMAGED, USAGE, BACKEND_UNAVAILABLE,
 * TRAINING_DIVERGED, MODEL_CRASHED (the process of another device; the checkpoint stays), CANCELLED;
 * at the start and at the end also whatever keeps the store from answering.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const preset = presetNamed(options.preset);
  if (options.stage === 2 && options.from === undefined)
    throw new VimiError('USAGE', 'Stage 2 needs weights to start from', { expected: 'from: the weights of stage 1' });
  const whole = recipeSchema.parse(options.recipe ?? recipeOf(preset, options.stage));
  const recipe = options.devices ? shareRecipe(whole, options.devices) : whole;
  for (const { frames } of recipe.stages)
    if (frames > preset.frames)
      throw new VimiError('USAGE', 'The recipe asks for longer clips than the model makes', {
        expected: `at most ${preset.frames} frames`,
        found: String(frames),
      });
  if (preset.encoder.external && Object.values(recipe.augment).some((share) => share > 0))
    throw new VimiError('USAGE', `${preset.name} cannot be trained on changed samples: its words are read beforehand`, {
      expected: 'augment with 0 everywhere',
      found: JSON.stringify(recipe.augment),
    });
  const model = buildModel(preset);
  checkLearners(model, recipe);
  const { backend, threads } = options;
  const { layout, placement } = recipe;
  const lossWeights = { layout, placement };
  const devices = await openDevices(model, { devices: options.devices, backend, threads, lossWeights });
  try {
    return await trainOn(devices, model, recipe, options);
  } finally {
    await devices.close();
  }
}

/** A look at a whole shard takes as long as the 200 steps before it: on the way a part of it is enough. */
const mostGlanced = 32;

async function trainOn(devices: Devices, model: Model, recipe: Recipe, options: TrainOptions): Promise<TrainResult> {
  const { shards, heldOut = [], steps, out, seed, checkpointEvery = 200, evaluateEvery = 200, signal } = options;
  const { preset } = model;
  const { backend } = devices;
  const frozen = await openEncoder([{ preset }], options.encoder);
  await mkdir(out, { recursive: true });

  const reading: ReadOptions = {
    side: preset.side,
    height: preset.height,
    frames: preset.frames,
    fps: preset.defaults.fps,
    ...(followsPaths(preset) && { path: preset.frames }),
    signal,
    onSample: (samples) => options.onProgress?.({ phase: 'reading', samples }),
  };
  const fingerprints = await Promise.all(shards.map(fingerprint));
  const cache = join(out, 'samples.cache');
  const key = cacheKey(fingerprints, reading);
  let samples = await readCache(cache, key);
  if (!samples) {
    samples = await readSamples(shards, reading);
    await writeCache(cache, key, samples);
  }
  if (samples.length === 0)
    throw new VimiError('USAGE', 'The shards hold no clip that is long enough', {
      expected: `${preset.frames} frames`,
    });
  const held = await readSamples(heldOut, reading);
  const glanced = held.filter((_, i) => i % Math.ceil(held.length / mostGlanced) === 0);

  const vectors = frozen && (await readParts(frozen, allPrompts([...samples, ...held], recipe), { signal }));
  await frozen?.close();

  const start = options.from === undefined ? null : weightsPath(options.from);
  const before = start === null ? null : await readWeights(start);
  // Parameters that a model got since begin as from nothing; recipe.json and the weights' card name them.
  const grown = before?.metadata.preset === preset.name;
  const there = grown ? model.specs.filter(({ name }) => before.tensors.has(name)) : model.specs;
  if (before && start) checkWeights(before, there, start);
  const missing = model.specs.filter((spec) => !there.includes(spec)).map(({ name }) => name);
  if (before?.metadata.encoder !== undefined && before.metadata.encoder !== frozen?.sha256)
    throw new VimiError('MODEL_UNKNOWN', 'The weights were trained with another encoder', {
      expected: before.metadata.encoder,
      found: frozen?.sha256 ?? 'none',
      where: options.encoder,
    });
  // Where other parameters learn and words do not, no word becomes known.
  const { only } = recipe.optimizer;
  const read = !only || 'prompt.words' in only ? wordsOf(allPrompts(samples, recipe)) : [];
  const seen = new Set([...(before?.metadata.words?.split(' ') ?? []), ...read]);
  const data = { shards: fingerprints, samples: samples.length };
  const card = {
    ...{ preset: preset.name, parameters: model.parameters, seed, steps, data, recipe },
    ...(frozen && { encoder: frozen.sha256 }),
    ...(before && {
      from: {
        sha256: before.sha256,
        ...(missing.length > 0 && { missing }),
        card: JSON.parse(before.metadata.card ?? 'null'),
      },
    }),
  };
  const run = createHash('sha256').update(JSON.stringify(card)).digest('hex');
  const stored = options.store && new StoredRun(options.store.objects, options.store.prefix, out);
  await stored?.fetch(run, largestCheckpoint(model.parameters));
  const found = await loadCheckpoint(out, model.specs, run);
  const values = startValues(model.specs, seed);
  for (const [name, tensor] of before?.tensors ?? []) values.set(name, tensor.values);
  const state = found?.state ?? startState(model.specs, values);
  let step = found?.step ?? 0;
  const log = await RunLog.open(out, step);
  const told = { ...card, backend, devices: options.devices, run };
  await writeFile(join(out, 'recipe.json'), `${JSON.stringify(told, null, 2)}\n`);
  const warn = (thrown: unknown) => options.onWarning?.(asVimiError(thrown));
  const save = () => saveCheckpoint(out, model.specs, state, { step: String(step), run });
  const keep = async () => stored?.store().catch(warn);

  /** How far it is: probes of the mean weights, and the images. It draws no number that a step depends on. */
  const look = async (): Promise<Probe[]> => {
    const w = weightTensors(model.specs, state.ema);
    try {
      const probes = held.length > 0 ? evaluate(model, w, step < steps ? glanced : held, { vectors }) : [];
      if (probes.length > 0 && log.probes.at(-1)?.step !== step)
        await log.append({ step, probes: probes.map(roundedProbe) });
      await drawLossCurve(out, log).catch(warn);
      const drawn = drawSampleSheet(out, { model, weights: w, sha256: run }, held.length > 0 ? held : samples, {
        ...{ step, vectors, signal: signal ?? new AbortController().signal },
      });
      await drawn.catch((error) => signal?.aborted || warn(error));
      return probes;
    } finally {
      tf.dispose([...w.values()]);
    }
  };

  let bad = 0;
  while (step < steps) {
    const stage = stageAt(recipe.stages, step / steps);
    const began = performance.now();
    const { accumulate = 1 } = recipe.stages[stage]!;
    const batch = drawBatch(samples, preset, recipe.stages[stage]!, recipe, { seed, step, vectors });
    const { loss, diffusion, gradients } = await devices.gradientsOf(state.weights, splitBatch(batch, accumulate));

    // A step that is not finite is left out: the state stays as it was.
    const norm = Number.isFinite(loss)
      ? update(model.specs, state, gradients, step, steps, recipe.optimizer)
      : Number.NaN;
    bad = Number.isFinite(norm) ? 0 : bad + 1;
    step++;
    const secondsPerStep = (performance.now() - began) / 1000;
    await log.append({
      step,
      stage,
      loss: rounded(diffusion),
      total: rounded(loss),
      norm: rounded(norm),
      seconds: rounded(secondsPerStep),
    });
    if (bad >= patience)
      throw new VimiError('TRAINING_DIVERGED', `The loss was not finite for ${patience} steps`, {
        where: `step ${step}`,
      });
    options.onProgress?.({ phase: 'training', step, steps, loss: diffusion, secondsPerStep });
    if (step % evaluateEvery === 0 && step < steps) await look();
    if (step % checkpointEvery === 0 || step === steps) await save();
    if (step % checkpointEvery === 0 && step < steps) await keep();
    await setImmediate(); // lets signals in
    if (signal?.aborted) {
      await save();
      await keep();
      throw new VimiError('CANCELLED', 'The training was stopped; the same command continues it', {
        where: `step ${step} of ${steps}`,
      });
    }
  }

  const probes = await look();
  const weights = join(out, `${preset.name}.safetensors`);
  const tensors = new Map(model.specs.map(({ name, shape }) => [name, { shape, values: state.ema.get(name)! }]));
  const metadata = {
    preset: preset.name,
    format: 'vimi/1',
    // A frozen encoder knows words that were in no prompt.
    ...(frozen ? { encoder: frozen.sha256 } : { words: [...seen].sort().join(' ') }),
    card: JSON.stringify({ ...card, backend, probes: probes.map(roundedProbe) }),
  };
  const sha256 = await writeWeights(weights, tensors, { metadata, dtype: 'F16' });
  await stored?.finish([basename(weights)]);
  return { weights, sha256, steps, backend, probes };
}

/** USAGE where a recipe lets something learn that the model does not have. */
function checkLearners({ preset, specs }: Model, { optimizer: { only = {} } }: Recipe): void {
  for (const [name, rows] of Object.entries(only)) {
    const spec = specs.find((one) => one.name === name);
    const last = rows === 'all' ? 0 : Math.max(...rows);
    if (spec && last < spec.shape[0]!) continue;
    throw new VimiError('USAGE', `${preset.name} has no parameter and row of the name that the recipe lets learn`, {
      expected: spec ? `rows 0 to ${spec.shape[0]! - 1} of ${name}` : specs.map((one) => one.name).join(', '),
      found: spec ? String(last) : name,
      where: 'optimizer.only',
    });
  }
}

/** Weights, mean and two moments in full precision, and the longest header that is read. */
const largestCheckpoint = (parameters: number) => 16 * parameters + 2 ** 24 + 8;

/** Which stage holds at this part of the steps. */
function stageAt(stages: readonly Stage[], part: number): number {
  let end = 0;
  for (const [i, { share }] of stages.entries()) {
    end += share;
    if (part < end - 1e-9) return i;
  }
  return stages.length - 1;
}

/** The prompts of the samples, as they are and as each task of the recipe makes them. */
function* allPrompts(samples: readonly TrainingSample[], { tasks }: Recipe): Generator<ModelPrompt> {
  const shows = { firstFrame: { width: 1, height: 1, data: new Uint8Array(3) } };
  for (const { prompt } of samples) {
    yield prompt;
    if (tasks) for (const name of Object.keys(tasks) as (keyof typeof tasks)[]) yield asTask(prompt, name, shows);
  }
}

async function fingerprint(path: string): Promise<{ name: string; sha256: string }> {
  const { sha256 } = await fileSha256(path).catch((cause: Error) => {
    throw new VimiError('OBJECT_NOT_FOUND', 'The shard cannot be read', { found: cause.message, where: path, cause });
  });
  return { name: basename(path), sha256 };
}

const rounded = (x: number) => Number(x.toPrecision(5));
const roundedProbe = (probe: Probe) => Object.fromEntries(Object.entries(probe).map(([name, x]) => [name, rounded(x)]));
