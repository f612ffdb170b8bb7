import { setImmediate } from 'node:timers/promises';
import { VimiError } from '../../core/errors.js';
import { denoiserAt } from '../diffusion/denoiser.js';
import { type FrozenEncoder, type PartVectors, readParts } from '../encoders/frozen-encoder.js';
import { Readings } from '../encoders/known-readings.js';
import type { GraphRunner } from '../graphs/graph-runner.js';
import { isGuided, promptItems } from '../networks/prompt-input.js';
import { Random } from '../numerics/random.js';
import type { GenerateInput, RgbImage, RgbVideo } from '../ports.js';
import type { LowResolution, Preset } from '../presets/preset.js';
import { preconditioningOf, sizeOfVideo } from '../presets/presets.js';
import type { LoadedModel } from '../weights/load-model.js';
import { withBackgroundWords } from './background-words.js';
import { waysOf } from './between-frames.js';
import { byGraph } from './by-graph.js';
import { byOperation } from './by-operation.js';
import { withFillingReferences } from './filling-references.js';
import { withFirstFrame } from './first-frame.js';
import { branchesOfSteps, combine, factorsOf, guidanceAt } from './guidance.js';
import type { GuidedVideo, Laid } from './guided-network.js';
import { withImagesForNames } from './images-for-names.js';
import {
  corrupt,
  detailsOf,
  drawnOver,
  enlarge,
  frameDrawnOver,
  lowSize,
  posesBetween,
  reduce,
  type SmallVideo,
  smooth,
  waysIn,
} from './low-resolution.js';
import { withPaint } from './painted-images.js';
import { Rounds, type Seat } from './rounds.js';
import { sample, stepsBefore } from './sampler.js';
import { karrasSchedule } from './schedule.js';
import { StepReuse } from './step-reuse.js';
import { thresholds } from './thresholding.js';
import { withUnsaidBackground } from './unsaid-background.js';

export interface GenerateOptions {
  /** Makes the model's videos larger and smoother: the cascade of Snap Video. */
  upsampler?: LoadedModel;
  /** Reads the prompt for models that need one. */
  encoder?: FrozenEncoder;
  /** What it gave for the prompt, where that has been read already. */
  vectors?: PartVectors;
  /** Runs the networks as graphs; left out, tfjs runs them operation by operation. */
  graphs?: GraphRunner;
  /** Its place among the videos that are drawn at once; left out: it is alone. */
  seat?: Seat;
  /** What its prompt is read as, where others may have had the same; left out: it is alone. */
  readings?: Readings;
  signal: AbortSignal;
  /** Sampler steps, those of the upsampler among them. */
  onStep?(done: number, total: number): void;
  /** Its last step begins. */
  onLast?(): void;
  /** Before each `onStep` but the last: `draw` gives the middle frame as the model sees it in the noise so far. */
  onEstimate?(draw: () => RgbImage): void;
}

/**
 * One video from one prompt: deterministic in (input, weights, backend). Steps of other videos may run in one batch with its own
 * (rounds.ts): each has its own noise, and no entry of a batch sees another.
 *
 * With an upsampler, `input` describes what comes out of it; the steps and the guidance are the base model's, and the
 * upsampler's are its preset's own.
 *
 * A first frame of the prompt is frame 1 of the video, covered and cropped where its form is another (first-frame.ts). A
 * background is read after the words that training had before one (background-words.ts), and a subject fills its image where
 * training had only such (filling-references.ts).
 *
 * CANCELLED at the step border after `signal` is aborted.
 */
export async function generate(
  base: LoadedModel,
  input: GenerateInput,
  {
    upsampler,
    encoder,
    vectors: read,
    graphs,
    seat = new Rounds().seat(),
    readings = new Readings(),
    signal,
    onStep,
    onLast,
    onEstimate,
  }: GenerateOptions,
): Promise<RgbVideo> {
  const low = upsampler?.model.preset.low;
  const more = upsampler?.model.preset.defaults;
  const { draft } = input;
  const skipped = input.start
    ? stepsBefore(karrasSchedule(input.steps, base.model.preset.noise), input.start.level)
    : 0;
  const all = draft === undefined ? input.steps + (more?.steps ?? 0) : Math.min(draft, input.steps);
  const steps = Math.max(1, all - skipped);
  const atBorder = stepBorder(steps, { signal, onStep, onLast, onEstimate });
  const { defaults, backgroundAfter, unsaidBackground, fillingReferences } = base.model.preset;
  const { method } = defaults;
  const native = sizeOfVideo((upsampler ?? base).model.preset);
  const { prompt: asked, frame } = withFirstFrame(input.prompt, native, input);
  const placed = withImagesForNames(asked, base.model.preset);
  const behind = withUnsaidBackground(withBackgroundWords(placed, backgroundAfter), unsaidBackground);
  const prompt = withFillingReferences(behind, fillingReferences);
  const vectors = read ?? (encoder && (await readParts(encoder, [prompt], { readings })));
  const first = frame && Float32Array.from(frame.data, (v) => v / 127.5 - 1);
  const noise = new Random(input.seed);
  const given = input.start && Float32Array.from(input.start.video.data, (v) => v / 127.5 - 1);
  const startOf = (x: Float32Array | undefined) => x && input.start && { x, level: input.start.level };
  if (!upsampler || !low || !more) {
    const size = nativeSize(base, input);
    const onStep = (x: Float64Array) => atBorder(() => cropFrame(middleOf(x, size), size, input));
    const settings = { ...input, prompt, vectors, method, graphs, seat, readings };
    const { x } = await denoised(base, settings, noise, onStep, { first, start: startOf(given) });
    return crop(x, size, input);
  }
  const seen = lowSize(nativeSize(upsampler, input), low);
  const { frames } = seen;
  const part = { width: Math.ceil(input.width / low.everyPixel), height: Math.ceil(input.height / low.everyPixel) };
  const small = await denoised(
    base,
    { ...input, prompt, vectors, method, graphs, seat, readings, frames, fps: input.fps / low.everyFrame },
    noise,
    (x) => atBorder(() => cropFrame(middleOf(x, seen), seen, part)),
    {
      first: first && reduce(first, { frames: 1, ...native }, low),
      start: startOf(given && reduce(given, { frames: input.frames, ...native }, low)),
    },
  );
  if (draft !== undefined) return crop(small.x, seen, part);
  const { guidance } = more;
  return upsampled(
    upsampler,
    low,
    { ...small, first },
    { ...input, prompt, steps: more.steps, guidance, graphs, seat, readings },
    vectors,
    atBorder,
  );
}

/**
 * The second half of a cascade alone: `small` is a video as `reduce` (low-resolution.ts) gives them; the steps and the
 * guidance of `input` are the upsampler's. MODEL_UNKNOWN when the model is none.
 */
export async function upsample(
  upsampler: LoadedModel,
  small: SmallVideo,
  input: GenerateInput,
  { vectors, signal, onStep }: Pick<GenerateOptions, 'vectors' | 'signal' | 'onStep'>,
): Promise<RgbVideo> {
  const { low, name } = upsampler.model.preset;
  if (!low) throw new VimiError('MODEL_UNKNOWN', `${name} is not an upsampler`);
  const seat = new Rounds().seat();
  return upsampled(
    upsampler,
    low,
    small,
    { ...input, seat, readings: new Readings() },
    vectors,
    stepBorder(input.steps, { signal, onStep }),
  );
}

async function upsampled(
  upsampler: LoadedModel,
  low: LowResolution,
  small: SmallVideo & { first?: Float32Array | null },
  input: GenerateInput & Pick<Settings, 'graphs' | 'seat' | 'readings'>,
  vectors: PartVectors | undefined,
  atBorder: StepBorder,
): Promise<RgbVideo> {
  const size = nativeSize(upsampler, input);
  const level = low.corruption.usual;
  const known = waysOf(promptItems(input.prompt, upsampler.model.preset, vectors), small.poses);
  const ways = waysIn(small.x, size, low, known);
  const x = enlarge(corrupt(Float32Array.from(small.x), level, new Random(input.seed, 1)), size, low, ways);
  const poses = small.poses.map((one) => one && posesBetween(one, size.frames, low));
  const first = small.first && detailsOf(small.first, smooth(small.x, size, low, ways), low);
  const { method } = upsampler.model.preset.defaults;
  // What is set for the base model's noise levels says nothing here.
  const settings = { ...input, method, vectors, oscillation: undefined, guided: undefined, reuse: undefined };
  const given = { low: { x, level, poses, paints: small.paints ?? [] }, first };
  const middle = size.frames >> 1;
  const onStep = (x: Float64Array) =>
    atBorder(() => cropFrame(frameDrawnOver(small.x, x, size, low, middle, ways), size, input));
  const large = await denoised(upsampler, settings, new Random(input.seed, 2), onStep, given);
  return crop(drawnOver(small.x, large.x, size, low, ways), size, input);
}

const nativeSize = ({ model }: LoadedModel, { frames }: GenerateInput) => ({ frames, ...sizeOfVideo(model.preset) });

/** What happens after each step: it is counted, and it may be the last one. `draw` shows how far the video is. */
type StepBorder = (draw: () => RgbImage) => Promise<void>;

function stepBorder(
  total: number,
  { signal, onStep, onLast, onEstimate }: Pick<GenerateOptions, 'signal' | 'onStep' | 'onLast' | 'onEstimate'>,
): StepBorder {
  let done = 0;
  if (total === 1) onLast?.();
  return async (draw) => {
    if (++done < total) onEstimate?.(draw);
    onStep?.(done, total);
    if (done === total - 1) onLast?.();
    await setImmediate(); // lets a cancellation in
    if (signal.aborted)
      throw new VimiError('CANCELLED', 'The generation was cancelled', { where: `step ${done} of ${total}` });
  };
}

/** MODEL_UNKNOWN when the upsampler does not go on from the base's videos. */
export function checkCascade(base: Preset, upsampler: Preset): void {
  const text = ({ frames, width, height }: { frames: number; width: number; height: number }) =>
    `${frames} frames of ${width}x${height}`;
  const made = { frames: base.frames, ...sizeOfVideo(base) };
  const wanted = upsampler.low && lowSize({ frames: upsampler.frames, ...sizeOfVideo(upsampler) }, upsampler.low);
  if (!wanted || text(wanted) !== text(made))
    throw new VimiError('MODEL_UNKNOWN', `${upsampler.name} does not fit ${base.name}`, {
      expected: `one that enlarges ${text(made)}`,
      found: wanted ? `one for ${text(wanted)}` : 'a model that is not an upsampler',
    });
}

type Settings = Pick<
  GenerateInput,
  'prompt' | 'frames' | 'fps' | 'steps' | 'guidance' | 'oscillation' | 'guided' | 'reuse' | 'draft'
> &
  Pick<Preset['defaults'], 'method'> & { vectors?: PartVectors; graphs?: GraphRunner; seat: Seat; readings: Readings };

/**
 * A sample of one model, [T, H, W, 3], -1 to 1 unless it draws details, and where it laid each of the prompt's images,
 * [T, 5], and painted it, [4, 3]; `low` as FitInput has it, for one video; `first` is a first frame that is known, [H, W, 3]. `onStep` is given the
 * last D(x, sigma) of the step.
 */
async function denoised(
  loaded: LoadedModel,
  {
    prompt,
    frames: T,
    fps,
    steps,
    guidance,
    oscillation,
    guided: between,
    reuse = 0,
    draft,
    method,
    vectors,
    graphs,
    seat,
    readings,
  }: Settings,
  random: Random,
  onStep: (estimate: Float64Array) => Promise<void>,
  {
    low,
    first,
    start,
  }: {
    low?: GuidedVideo['low'] & { paints: readonly Float32Array[] };
    first?: Float32Array | null;
    start?: { x: Float32Array; level: number };
  },
): Promise<{ x: Float64Array } & Laid> {
  const { preset } = loaded.model;
  const { width: W, height: H } = sizeOfVideo(preset);
  const items = withPaint(promptItems(prompt, preset, vectors), low?.paints ?? []);
  const hasImages = items.some(isGuided);
  const p = preconditioningOf(preset);
  const schedule = karrasSchedule(steps, preset.noise);
  const weightsAt = (step: number, sigma: number) =>
    guidanceAt({ step, sigma }, guidance, { oscillation, above: preset.guidedAbove, between });
  const branchesAt = branchesOfSteps(
    schedule.slice(0, -1).map((sigma, step) => weightsAt(step, sigma)),
    hasImages,
  );

  const video = { items, frames: T, width: W, height: H, fps, low };
  const network = graphs
    ? byGraph(loaded, graphs, video, { seat, readings })
    : byOperation(loaded, video, { seat, readings });
  let laid: Laid = { poses: [], paints: [] };
  let estimate: Float64Array = new Float64Array();
  const reused = new StepReuse(reuse);
  try {
    const denoise = async (y: Float64Array, sigma: number, step: number) => {
      // The last step says where the images are laid.
      const standIn = step < steps - 1 ? reused.standIn() : undefined;
      if (standIn) return standIn;
      const branches = branchesAt[step]!;
      const { input, clean: cleanOf } = denoiserAt(p, sigma);
      const seen = await network.step(branches, input(y), { sigma, places: step === steps - 1 });
      laid = { poses: seen.poses, paints: seen.paints };
      const guided = combine(
        factorsOf(branches, weightsAt(step, sigma), hasImages),
        seen.f.map((f) => cleanOf(y, f)),
      );
      const clean = thresholds[preset.thresholding](guided);
      if (first) clean.set(first);
      estimate = clean;
      reused.saw(clean);
      return clean;
    };
    const x = await sample(denoise, random.normals(T * H * W * 3), p, {
      schedule,
      method,
      fresh: (n) => random.normals(n),
      onStep: () => onStep(estimate),
      ...{ draft, start },
    });
    if (!x.every(Number.isFinite)) throw new VimiError('INTERNAL', 'The network returned numbers that are not finite');
    return { x, ...laid };
  } finally {
    network.close();
  }
}

/** The middle one of the frames of a video. */
function middleOf(x: Float64Array, { frames, width, height }: ReturnType<typeof nativeSize>): Float64Array {
  const n = height * width * 3;
  return x.subarray((frames >> 1) * n, ((frames >> 1) + 1) * n);
}

function cropFrame(
  frame: Float64Array,
  { width, height }: ReturnType<typeof nativeSize>,
  wanted: { width: number; height: number },
): RgbImage {
  return crop(frame, { frames: 1, width, height }, wanted);
}

/** Bytes of the middle of each frame: a smaller video is a part of a native one. */
function crop(
  x: Float64Array,
  size: { frames: number; width: number; height: number },
  { width, height }: { width: number; height: number },
): RgbVideo {
  const { frames } = size;
  const data = new Uint8Array(frames * height * width * 3);
  const [left, top] = [(size.width - width) >> 1, (size.height - height) >> 1];
  let at = 0;
  for (let t = 0; t < frames; t++)
    for (let row = 0; row < height; row++) {
      const from = ((t * size.height + row + top) * size.width + left) * 3;
      for (let i = 0; i < width * 3; i++)
        data[at++] = Math.round(Math.max(0, Math.min(255, (x[from + i]! + 1) * 127.5)));
    }
  return { frames, width, height, data };
}
