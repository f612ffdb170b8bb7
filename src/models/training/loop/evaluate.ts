import * as tf from '@tensorflow/tfjs';
import type { PartVectors } from '../../encoders/frozen-encoder.js';
import type { Model } from '../../networks/model.js';
import type { Weights } from '../../networks/parameters.js';
import { type PromptItem, promptItems, seenBy } from '../../networks/prompt-input.js';
import { Random } from '../../numerics/random.js';
import { sizeOfVideo } from '../../presets/presets.js';
import { waysOf } from '../../sampling/between-frames.js';
import { lesson } from '../../sampling/low-resolution.js';
import { type Batch, placesInClip } from '../data/batch.js';
import type { TrainingSample } from '../data/samples.js';
import { smallPoses } from '../labels/places.js';
import { lossOf } from './loss.js';

/** Mean diffusion loss at a noise level, by what the model was told. */
export interface Probe {
  sigma: number;
  /** Its own prompt. */
  right: number;
  /** Another sample's prompt. */
  wrong: number;
  /** Its own words, another sample's images: the difference is what the images are good for. */
  wrongImages: number;
  /** Its own words with left and right, up and down exchanged; only over clips that move so. NaN: none does. */
  wrongWay: number;
  /** The right loss over those clips alone. */
  rightWay: number;
  nothing: number;
}

const probeLevels = [0.3, 1, 3, 10];

/**
 * Losses of whole clips at fixed noise levels, with fixed noise: comparable from step to step and between models. Sample
 * i is told sample i + n/2's prompt as the wrong one.
 */
export function evaluate(
  model: Model,
  w: Weights,
  samples: readonly TrainingSample[],
  {
    levels = probeLevels,
    seed = 1,
    batch = 4,
    vectors,
  }: { levels?: readonly number[]; seed?: number; batch?: number; vectors?: PartVectors } = {},
): Probe[] {
  const { preset } = model;
  const { frames: T, low } = preset;
  const { width: side, height } = sizeOfVideo(preset);
  const size = { frames: T, width: side, height };
  const length = T * height * side * 3;
  const items = samples.map((sample) => promptItems(sample.prompt, preset, vectors));
  const other = (i: number) => items[(i + Math.max(1, samples.length >> 1)) % samples.length]!;
  const told: Record<Exclude<keyof Probe, 'sigma' | 'rightWay'>, (i: number) => PromptItem[]> = {
    right: (i) => items[i]!,
    wrong: other,
    wrongImages: (i) => exchangeImages(items[i]!, other(i)),
    wrongWay: (i) => items[i]!.map((item) => ('word' in item ? { word: opposite(item.word) } : item)),
    nothing: (i) => seenBy.nothing(items[i]!),
  };
  const moves = items.map((list) => list.some((item) => 'word' in item && opposite(item.word) !== item.word));

  return levels.map((sigma) => {
    const sums = { right: 0, wrong: 0, wrongImages: 0, wrongWay: 0, nothing: 0, rightWay: 0 };
    for (let from = 0; from < samples.length; from += batch) {
      const chosen = samples.slice(from, from + batch);
      const B = chosen.length;
      const given: Batch = {
        ...{
          B,
          T,
          side,
          height,
          selfCondition: false,
          masks: chosen.map(() => null),
          places: chosen.map((sample, b) => (low ? placesInClip(sample, items[from + b]!, preset) : [])),
          sigma: chosen.map(() => sigma),
        },
        x: new Float32Array(B * length),
        eps: new Float32Array(B * length),
        frames: chosen.map(() => Array.from({ length: T }, (_, t) => t)),
        fps: chosen.map(({ fps }) => fps),
        prompts: [],
        ...(low && { low: { x: new Float32Array(B * length), level: chosen.map(() => low.corruption.usual) } }),
      };
      for (const [b, sample] of chosen.entries()) {
        const clip = Float32Array.from(sample.frames.subarray(0, length), (v) => v / 127.5 - 1);
        given.x.set(clip, b * length);
        if (low && given.low) {
          const known = given.places[b]!.map((place) => place && smallPoses(place, low));
          const taught = lesson(clip, size, low, {
            ...{ level: low.corruption.usual, random: new Random(seed, 2 ** 20 + from + b) },
            ways: waysOf(items[from + b]!, known),
          });
          given.low.x.set(taught.given, b * length);
          given.x.set(taught.goal, b * length);
        }
        given.eps.set(new Random(seed, from + b).normals(length), b * length);
      }
      for (const name of ['right', 'wrong', 'wrongImages', 'wrongWay', 'nothing'] as const) {
        const prompts = chosen.map((_, b) => told[name](from + b));
        const perClip = tf.tidy(() => lossOf(model, w, { ...given, prompts }, { layout: 0, placement: 0 }).diffusion);
        const losses = perClip.dataSync();
        perClip.dispose();
        for (const [b, loss] of losses.entries()) {
          if (name !== 'wrongWay' || moves[from + b]) sums[name] += loss;
          if (name === 'right' && moves[from + b]) sums.rightWay += loss;
        }
      }
    }
    const n = samples.length;
    const moving = moves.filter(Boolean).length;
    return {
      sigma,
      right: sums.right / n,
      wrong: sums.wrong / n,
      wrongImages: sums.wrongImages / n,
      wrongWay: sums.wrongWay / moving,
      rightWay: sums.rightWay / moving,
      nothing: sums.nothing / n,
    };
  });
}

function exchangeImages(items: PromptItem[], from: PromptItem[]): PromptItem[] {
  const theirs = from.flatMap((item) => ('image' in item ? [item.image] : []));
  let k = 0;
  return items.map((item) =>
    'image' in item && theirs.length > 0 ? { ...item, image: theirs[k++ % theirs.length]! } : item,
  );
}

const opposites: Record<string, string> = { left: 'right', right: 'left', up: 'down', down: 'up' };
const opposite = <W>(word: W): W => ((typeof word === 'string' && opposites[word]) || word) as W;
