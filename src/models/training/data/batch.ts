import { drawNoiseLevel } from '../../diffusion/noise-levels.js';
import type { PartVectors } from '../../encoders/frozen-encoder.js';
import { layoutCell } from '../../networks/extensions/layout.js';
import { type PromptItem, promptItems, seenBy } from '../../networks/prompt-input.js';
import { Random } from '../../numerics/random.js';
import type { Preset } from '../../presets/preset.js';
import { sizeOfVideo } from '../../presets/presets.js';
import { waysOf } from '../../sampling/between-frames.js';
import { lesson } from '../../sampling/low-resolution.js';
import type { Pose } from '../labels/match.js';
import { coverage, knownPlaces, type PlacesOfImage, type Shown, smallPoses } from '../labels/places.js';
import { backgroundOf, findSubjects, type Subjects } from '../labels/subjects.js';
import type { Recipe, Stage } from '../loop/recipe.js';
import { augmentItems, drawAugmentation, repaint } from './augment.js';
import { withTurnedImages, withWrongContexts } from './references.js';
import type { TrainingSample } from './samples.js';
import { asTask } from './tasks.js';

/** B clips with their prompts and their noise, as plain numbers. */
export interface Batch {
  B: number;
  T: number;
  /** Width and height in pixels; square where there is no height. */
  side: number;
  height?: number;
  /** [B, T, height, side, 3], -1 to 1; of upsamplers that draw details, these (low-resolution.ts). */
  x: Float32Array;
  /** Standard normal, of the same shape. */
  eps: Float32Array;
  sigma: number[];
  /** [B][T] */
  frames: number[][];
  fps: number[];
  prompts: PromptItem[][];
  /** Covered share of layout cells [B, T, cells] and of patches [B, T, patches]; null: not known. */
  masks: ({ cells: Float32Array; patches: Float32Array } | null)[];
  /** Where each image of each prompt is, as far as known, [B][K]. */
  places: (PlacesOfImage | null)[][];
  /** Of upsamplers: the smaller clips with noise on them, enlarged, of x's shape; the level of that noise, [B]. */
  low?: { x: Float32Array; level: number[] };
  /** Whether the latents of a first pass are carried over. */
  selfCondition: boolean;
}

/**
 * The batch of a step: a function of (seed, step) and the samples alone, so that a resumed run goes on as if it had
 * never stopped.
 */
export function drawBatch(
  samples: readonly TrainingSample[],
  preset: Preset,
  stage: Stage,
  { dropout, augment, tasks }: Pick<Recipe, 'dropout' | 'augment' | 'tasks'>,
  { seed, step, vectors }: { seed: number; step: number; vectors?: PartVectors },
): Batch {
  const random = new Random(seed, step);
  const { frames: T, batch: B } = stage;
  const { width, height } = sizeOfVideo(preset);
  const frame = height * width * 3;
  const length = T * frame;
  const batch: Batch = {
    ...{ B, T, side: width, height, x: new Float32Array(B * length), eps: new Float32Array(0) },
    ...{ sigma: [], frames: [], fps: [], prompts: [], masks: [], places: [] },
    ...(preset.low && { low: { x: new Float32Array(B * length), level: [] } }),
    selfCondition: random.uniform() < stage.selfCondition,
  };
  for (let b = 0; b < B; b++) {
    const sample = drawSample(samples, stage, random);
    // A window as long as the model's clips, and in it T frames next to each other.
    const window = random.below(sample.count - preset.frames + 1);
    const first = random.below(preset.frames - T + 1);
    const augmentation = drawAugmentation(random, augment);
    const whole = sample.frames.subarray(window * frame, (window + preset.frames) * frame);
    const firstFrame = { width, height, data: whole.subarray(0, frame) };
    const subjects = preset.local ? subjectsOf(sample, width) : null;
    const background = backgroundIn(sample, subjects, { width, height });
    // Where it is said is one more of the ways in which people say things otherwise.
    const shows = {
      firstFrame,
      background,
      backgroundFirst: augmentation.strange !== null && augmentation.strange % 3 === 0,
    };
    const { prompt: context, misnamed } = withWrongContexts(sample, samples, { share: augment.wrongContexts, random });
    const asked = tasks ? asTask(context, drawTask(tasks, random), shows) : context;
    const { prompt, posed } = withTurnedImages(asked, background, { share: augment.turnedImages, random });
    const { items, mirrored } = augmentItems(
      promptItems(prompt, preset, vectors),
      sample.contextCaptions,
      augmentation,
      misnamed,
    );
    const paint = (from: number, n: number) =>
      repaint(
        Float32Array.from(whole.subarray(from * frame, (from + n) * frame), (v) => v / 127.5 - 1),
        width,
        mirrored,
        augmentation.channels,
      );
    const painted = paint(first, T);
    batch.x.set(painted, b * length);
    const shown = subjects && shownIn(subjects, width, { window, first, T, mirrored });
    // An upsampler has no layout that would read them.
    batch.masks.push(
      shown && !preset.low
        ? {
            cells: coverage(shown.now.labels, T, width, layoutCell),
            patches: coverage(shown.now.labels, T, width, preset.patch),
          }
        : null,
    );
    batch.frames.push(Array.from({ length: T }, (_, t) => first + t));
    batch.fps.push(sample.fps);
    batch.sigma.push(drawNoiseLevel(() => random.normal(), stage.noise));
    const u = random.uniform();
    const kept = u < dropout.all ? 'nothing' : u < dropout.all + dropout.images ? 'text' : 'all';
    batch.prompts.push(seenBy[kept](items));
    const placesAt = (when: { now: Shown; begin: Shown }, frames: number) =>
      knownPlaces(items, {
        ...{ prompt, sample: sample.prompt, background: subjects!.background, ...when },
        posed: mirrored ? mirroredPoses(posed) : posed,
        ...{ T: frames, side: width, patch: preset.patch },
      });
    const isPlaced = shown !== null && kept === 'all';
    batch.places.push(isPlaced ? placesAt(shown, T) : []);
    if (preset.low && batch.low) {
      // Of the whole clip, as when generating: what lies between two frames needs both.
      const size = { frames: preset.frames, width, height };
      const level = random.uniform() * preset.low.corruption.most;
      const everywhere = { window, first: 0, T: preset.frames, mirrored };
      const known = isPlaced ? placesAt(shownIn(subjects!, width, everywhere), preset.frames) : [];
      const poses = known.map((one) => one && smallPoses(one, preset.low!));
      const ways = waysOf(seenBy[kept](items), poses);
      const { given, goal } = lesson(paint(0, preset.frames), size, preset.low, { level, random, ways });
      const part = (video: Float32Array) => video.subarray(first * frame, first * frame + length);
      batch.low.x.set(part(given), b * length);
      batch.x.set(part(goal), b * length);
      batch.low.level.push(level);
    }
  }
  batch.eps = random.normals(B * length);
  return batch;
}

/** Where the images of a sample's own prompt lie in the first frames of its clip, as far as known. */
export function placesInClip(sample: TrainingSample, items: readonly PromptItem[], preset: Preset) {
  const { width } = sizeOfVideo(preset);
  const subjects = preset.local ? subjectsOf(sample, width) : null;
  if (!subjects) return [];
  const { frames: T, patch } = preset;
  const shown = shownIn(subjects, width, { window: 0, first: 0, T, mirrored: false });
  const prompts = { prompt: sample.prompt, sample: sample.prompt };
  return knownPlaces(items, { ...prompts, background: subjects.background, ...shown, T, side: width, patch });
}

/** The image that the sample's clip is shown before. */
function backgroundIn(sample: TrainingSample, subjects: Subjects | null, size: { width: number; height: number }) {
  const images = imagesOf(sample);
  const k =
    subjects?.background ??
    backgrounds.get(sample) ??
    backgroundOf(sample.frames, { count: sample.count, ...size }, images);
  backgrounds.set(sample, k);
  return images[k];
}

const backgrounds = new WeakMap<TrainingSample, number>();

const imagesOf = ({ prompt }: TrainingSample) =>
  prompt.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));

const found = new WeakMap<TrainingSample, Subjects | null>();

/** Which pixels of the sample show which of its images: found once. */
function subjectsOf(sample: TrainingSample, side: number): Subjects | null {
  let subjects = found.get(sample);
  if (subjects === undefined) {
    subjects = findSubjects(sample.frames, { count: sample.count, side }, imagesOf(sample));
    found.set(sample, subjects);
  }
  return subjects;
}

/** Where subjects are in T frames from `first` in the window, and in the window's first frame, as the batch shows them. */
function shownIn(
  { labels, poses }: Subjects,
  side: number,
  { window, first, T, mirrored }: { window: number; first: number; T: number; mirrored: boolean },
): { now: Shown; begin: Shown } {
  const take = (from: number, n: number): Shown => {
    const part = labels.slice(from * side * side, (from + n) * side * side);
    if (mirrored) for (let row = 0; row < part.length; row += side) part.subarray(row, row + side).reverse();
    const lying = poses.map((list) => list.slice(from, from + n));
    const turned = (pose: Pose | null) => pose && { ...pose, x: 1 - pose.x, turn: -pose.turn };
    return { labels: part, poses: mirrored ? lying.map((list) => list.map(turned)) : lying };
  };
  return { now: take(window + first, T), begin: take(window, 1) };
}

const mirroredPoses = (posed: ReturnType<typeof withTurnedImages>['posed']): typeof posed =>
  new Map([...posed].map(([image, { of, pose }]) => [image, { of, pose: { ...pose, turn: -pose.turn } }]));

/** Any sample, or where the stage says how many stills there are to be, one of the clips or one of the stills. */
function drawSample(samples: readonly TrainingSample[], { stills }: Stage, random: Random): TrainingSample {
  if (stills === undefined) return samples[random.below(samples.length)]!;
  const still = random.uniform() < stills;
  const wanted = samples.filter(({ fps }) => Number.isFinite(fps) !== still);
  const pool = wanted.length > 0 ? wanted : samples;
  return pool[random.below(pool.length)]!;
}

function drawTask(weights: NonNullable<Recipe['tasks']>, random: Random): keyof typeof weights {
  const entries = Object.entries(weights) as [keyof typeof weights, number][];
  let u = random.uniform() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [task, weight] of entries) {
    if (u < weight) return task;
    u -= weight;
  }
  return 'text-to-video';
}

/**
 * A batch in `parts` pieces that are one after another in it. The mean of their losses is the loss of the whole: a step
 * can be computed piece by piece in the memory of one.
 */
export function splitBatch(batch: Batch, parts: number): Batch[] {
  const n = batch.B / parts;
  const piece = <A extends { length: number; slice(from: number, to: number): A }>(list: A, k: number): A =>
    list.slice((k * list.length) / parts, ((k + 1) * list.length) / parts);
  return Array.from({ length: parts }, (_, k) => ({
    ...batch,
    ...{ B: n, x: piece(batch.x, k), eps: piece(batch.eps, k), sigma: piece(batch.sigma, k) },
    ...{ frames: piece(batch.frames, k), fps: piece(batch.fps, k), prompts: piece(batch.prompts, k) },
    ...{ masks: piece(batch.masks, k), places: piece(batch.places, k) },
    ...(batch.low && { low: { x: piece(batch.low.x, k), level: piece(batch.low.level, k) } }),
  }));
}
