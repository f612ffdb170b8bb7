import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../errors.js';
import { type BackendName, openBackend } from '../backend/backend.js';
import { buildModel } from '../networks/model.js';
import { sizeOf, startValues } from '../networks/parameters.js';
import { presetNamed } from '../presets.js';
import { checkWeights, readWeights, writeWeights } from '../weights.js';
import { drawBatch } from './batch.js';
import { loadCheckpoint, saveCheckpoint, trimLog } from './checkpoint.js';
import { evaluate, type Probe } from './evaluate.js';
import { lossOf } from './loss.js';
import { startState, update } from './optimizer.js';
import { defaultRecipe, type Recipe, recipe as recipeSchema, type Stage } from './recipe.js';
import { readSamples } from './samples.js';

export interface TrainOptions {
  /** Paths of WebDataset shards that the corpus pipeline wrote. */
  shards: readonly string[];
  /** Shards of held-out samples, for the probes in the log. */
  heldOut?: readonly string[];
  preset: string;
  steps: number;
  /** A folder; a checkpoint in it of the same run is continued. */
  out: string;
  seed: number;
  /** Weights of the same preset to start from, instead of random ones: a later stage of training. */
  from?: string;
  recipe?: Recipe;
  backend?: BackendName;
  /** Threads that the tensorflow backend may take. */
  threads?: number;
  checkpointEvery?: number;
  evaluateEvery?: number;
  onProgress?(progress: TrainProgress): void;
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
 * Trains a preset on shards (VIMI's stage 1: multimodal-conditioned pretraining). Writes into `out`: recipe.json,
 * log.jsonl (a line a step, probes between), checkpoint.safetensors, and at the end PRESET.safetensors.
 *
 * Continued runs end where uninterrupted ones do: step k depends on (seed, k), the samples and the state alone; on one
 * backend with the same threads, bit for bit.
 * MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, OBJECT_NOT_FOUND, OBJECT_DAMAGED, USAGE, TRAINING_DIVERGED, CANCELLED.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { shards, heldOut = [], steps, out, seed, checkpointEvery = 200, evaluateEvery = 200, signal } = options;
  const recipe = recipeSchema.parse(options.recipe ?? defaultRecipe);
  const preset = presetNamed(options.preset);
  const model = buildModel(preset);
  const backend = await openBackend(options.backend, { threads: options.threads });
  await mkdir(out, { recursive: true });

  const read = (paths: readonly string[]) =>
    readSamples(paths, {
      side: preset.side,
      frames: preset.frames,
      signal,
      onSample: (samples) => options.onProgress?.({ phase: 'reading', samples }),
    });
  const samples = await read(shards);
  if (samples.length === 0)
    throw new VimiError('USAGE', 'The shards hold no clip that is long enough', {
      expected: `${preset.frames} frames`,
    });
  const held = await read(heldOut);

  const before = options.from === undefined ? null : await readWeights(options.from);
  if (before && options.from) checkWeights(before, model.specs, options.from);
  const data = { shards: await Promise.all(shards.map(fingerprint)), samples: samples.length };
  const card = {
    ...{ preset: preset.name, parameters: model.parameters, seed, steps, data, recipe },
    ...(before ? { from: { sha256: before.sha256, card: JSON.parse(before.metadata.card ?? 'null') } } : {}),
  };
  const run = createHash('sha256').update(JSON.stringify(card)).digest('hex');
  const found = await loadCheckpoint(out, model.specs, run);
  const values = before
    ? new Map([...before.tensors].map(([name, tensor]) => [name, tensor.values]))
    : startValues(model.specs, seed);
  const state = found?.state ?? startState(model.specs, values);
  let step = found?.step ?? 0;
  await trimLog(out, step);
  await writeFile(join(out, 'recipe.json'), `${JSON.stringify({ ...card, backend }, null, 2)}\n`);
  const log = (line: object) => appendFile(join(out, 'log.jsonl'), `${JSON.stringify(line)}\n`);
  const save = () => saveCheckpoint(out, model.specs, state, { step: String(step), run });
  const probe = () => {
    const w = asTensors(state.ema);
    try {
      return held.length > 0 ? evaluate(model, w, held) : [];
    } finally {
      tf.dispose([...w.values()]);
    }
  };
  const asTensors = (values: ReadonlyMap<string, Float32Array>) =>
    new Map(model.specs.map(({ name, shape }) => [name, tf.tensor(values.get(name)!, shape)]));

  let bad = 0;
  while (step < steps) {
    const stage = stageAt(recipe.stages, step / steps);
    const began = performance.now();
    const batch = drawBatch(samples, preset, recipe.stages[stage]!, recipe, { seed, step });
    const w = asTensors(state.weights);
    const { value, grads, diffusion } = tf.tidy(() => {
      let seen: tf.Tensor | undefined;
      const compute = () => {
        const losses = lossOf(model, w, batch, recipe);
        seen = tf.keep(losses.diffusion);
        return losses.total;
      };
      // Parameters that a batch does not use (no picture in it, nothing carried over) have no gradient.
      return { ...tf.engine().gradients(compute, [...w.values()], undefined, true), diffusion: seen! };
    });
    const loss = (await value.data())[0]!;
    const diffusionLoss = (diffusion.dataSync() as Float32Array).reduce((sum, l) => sum + l / batch.B, 0);
    const gradients = new Map(
      model.specs.map((spec, i) => [
        spec.name,
        (grads[i]?.dataSync() ?? new Float32Array(sizeOf(spec))) as Float32Array,
      ]),
    );
    tf.dispose([value, ...grads.filter(Boolean), diffusion, ...w.values()]);

    // A step that is not finite is left out: the state stays as it was.
    const norm = Number.isFinite(loss)
      ? update(model.specs, state, gradients, step, steps, recipe.optimizer)
      : Number.NaN;
    bad = Number.isFinite(norm) ? 0 : bad + 1;
    step++;
    const secondsPerStep = (performance.now() - began) / 1000;
    await log({
      step,
      stage,
      loss: rounded(diffusionLoss),
      total: rounded(loss),
      norm: rounded(norm),
      seconds: rounded(secondsPerStep),
    });
    if (bad >= patience)
      throw new VimiError('TRAINING_DIVERGED', `The loss was not finite for ${patience} steps`, {
        where: `step ${step}`,
      });
    options.onProgress?.({ phase: 'training', step, steps, loss: diffusionLoss, secondsPerStep });
    if (step % evaluateEvery === 0 && held.length > 0) await log({ step, probes: probe().map(roundedProbe) });
    if (step % checkpointEvery === 0 || step === steps) await save();
    await setImmediate(); // lets signals in
    if (signal?.aborted) {
      await save();
      throw new VimiError('CANCELLED', 'The training was stopped; the same command continues it', {
        where: `step ${step} of ${steps}`,
      });
    }
  }

  const probes = probe();
  const weights = join(out, `${preset.name}.safetensors`);
  const tensors = new Map(model.specs.map(({ name, shape }) => [name, { shape, values: state.ema.get(name)! }]));
  const metadata = {
    preset: preset.name,
    format: 'vimi/1',
    card: JSON.stringify({ ...card, backend, probes: probes.map(roundedProbe) }),
  };
  const sha256 = await writeWeights(weights, tensors, { metadata, dtype: 'F16' });
  return { weights, sha256, steps, backend, probes };
}

/** Which stage holds at this part of the steps. */
function stageAt(stages: readonly Stage[], part: number): number {
  let end = 0;
  for (const [i, { share }] of stages.entries()) {
    end += share;
    if (part < end - 1e-9) return i;
  }
  return stages.length - 1;
}

async function fingerprint(path: string): Promise<{ name: string; sha256: string }> {
  const bytes = await readFile(path);
  return { name: basename(path), sha256: createHash('sha256').update(bytes).digest('hex') };
}

const rounded = (x: number) => Number(x.toPrecision(5));
const roundedProbe = (probe: Probe) => Object.fromEntries(Object.entries(probe).map(([name, x]) => [name, rounded(x)]));
