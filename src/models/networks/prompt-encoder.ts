import * as tf from '@tensorflow/tfjs';
import { imageRole } from '../../events/prompt.js';
import { shape } from '../numerics/shape.js';
import type { Preset } from '../presets/preset.js';
import { conditionWidth } from '../presets/presets.js';
import { follow } from './extensions/follow.js';
import { matteOf } from './extensions/matte.js';
import { wordsBeside } from './extensions/words-beside.js';
import { asScores, hiding, linear, norm, repeat, transformerLayer } from './layers.js';
import { asTensors, type Numbers } from './numbers.js';
import type { Declaration, Weights } from './parameters.js';
import { gridPositions, placePositions, ranges, waves } from './positions.js';
import { followsPaths, type PromptItem } from './prompt-input.js';
import { wordTokens } from './word-tokens.js';

/**
 * The prompt encoder: one transformer over interleaved words and image patches. It stands for VIMI's frozen multimodal
 * language model, and is trained with the denoiser (not from the paper: there is nothing pretrained to freeze).
 *
 *   B prompts   N tokens: one for the prompt as a whole, its words, patches of 8x8 pixels an image: 16 at 32x32
 *   K images  C width of the conditioning
 *
 * Words are the preset's own or those of a frozen encoder outside (word-tokens.ts); images are read here in any case
 * (not from the paper: small language models see none), beside what such an encoder saw of them. Without layers, as where a large language model has read the words, both go
 * on as they are, each with its place in the prompt. An image keeps its place among the words, its role, and the place of each
 * patch. Latents alone hide an image's details, so the images go along, to be laid into the frames (placement.ts; own
 * choice). What stands next to what is told to attention as well, by a number for each head and distance (Raffel et al.
 * 2020): of two subjects each has words of its own.
 */
export type Condition = {
  /** [B, N, C] */
  tokens: tf.Tensor;
  /** [B, 1, 1, N]: 0, or a large negative number where a prompt has no such token. */
  bias: tf.Tensor;
  /** The images themselves, where there are any and they are laid into the frames. */
  images?: ConditionImages;
};

export type ConditionImages = {
  /** RGB from -1 to 1, and what of it is the subject (matte.ts), [B, K, side, side, 4]. */
  pixels: tf.Tensor;
  /** What each has come to mean, [B, K, C]. */
  meaning: tf.Tensor;
  /** 1, or 0 where a prompt has fewer images, [B, K]. */
  present: tf.Tensor;
  /** Where each is wanted, as the prompt's clip shows it (follow.ts), [B, K, F, P]; of presets that read paths. */
  wanted?: tf.Tensor;
};

const roles = imageRole.options;
/** Pixels to each side of the patches that tell what an image shows. */
export const coarsePatch = 8;
/** How far apart in the prompt, to each side, is told; what is further counts as this far. */
export const reach = 12;

export function promptEncoder(declare: Declaration, preset: Preset) {
  const { encoder, heads, ratio } = preset;
  const C = conditionWidth(preset);
  const { imageSide: side } = encoder;
  const coarse = side / coarsePatch;
  const coarseCount = coarse ** 2;
  const words = wordTokens(declare, preset);
  const whole = declare.add('whole', [1, C], 0.5);
  const role = declare.add('roles', [roles.length, C], 0.5);
  const embedCoarse = linear(declare.at('coarse'), coarsePatch ** 2 * 3, C);
  const layers = Array.from({ length: encoder.layers }, (_, i) =>
    transformerLayer(declare.at(`layer${i}`), C, heads, ratio),
  );
  const finish = norm(declare.at('finish'), C);
  // An upsampler sees in the smaller video what belongs to what; without layers there is no attention.
  const byDistance = preset.low || encoder.layers === 0 ? null : declare.add('distance', [2 * reach + 1, heads], 0);

  const beside = preset.local && byDistance ? wordsBeside(declare.at('beside'), { C, D: 2 * reach + 1 }) : null;

  const following = followsPaths(preset) ? follow(declare.at('follow'), preset) : null;

  const coarsePlaces = gridPositions(coarse, coarse, C);

  /**
   * Prompts as numbers, by name; with room for `room.words` words at least: what takes part is told by `present`.
   *
   *   words [B, N words, ...]   order [B, N + K, C]   present [B, N + K]: words, then images   distance [B * M * M, 25], M tokens
   *   pixels [B * K, side, side, 3]   mattes [B * K, side, side, 1]   roles [B * K, roles]
   *   path [B, F, P]: of the prompt's clip, F moments; nothing where there is none
   */
  const told = (given: readonly PromptItem[][], room: { words?: number } = {}): Record<string, Numbers> => {
    const read = encoder.external ? 'vector' : 'word';
    const prompts = given.map((items) => items.filter((item) => 'image' in item || read in item));
    const B = prompts.length;
    const images = prompts.map((items) => items.flatMap((item) => ('image' in item ? [item] : [])));
    const K = Math.max(0, ...images.map((list) => list.length));
    const wordCount = Math.max(room.words ?? 0, ...prompts.map((items, b) => items.length - images[b]!.length));

    const { places, present } = itemPlaces(prompts, wordCount, K);
    const numbers: Record<string, Numbers> = {
      order: {
        values: waves(places, C, ranges.place).map((v) => 0.5 * v),
        shape: [B, wordCount + K, C],
      },
      present: { values: present, shape: [B, wordCount + K] },
    };
    if (byDistance) numbers.distance = distances(tokenPlaces(places, { B, wordCount, K, coarseCount }));
    if (wordCount > 0) numbers.words = words.told(prompts, wordCount);
    if (K === 0) return numbers;
    const data = new Float32Array(B * K * side * side * 3);
    const mattes = new Float32Array(B * K * side * side);
    const roleBags = new Float32Array(B * K * roles.length);
    for (const [b, list] of images.entries())
      for (const [k, { image, role: r }] of list.entries()) {
        data.set(image, (b * K + k) * image.length);
        if (preset.local) mattes.set(matteOf(image, side), (b * K + k) * side * side);
        roleBags[(b * K + k) * roles.length + roles.indexOf(r)] = 1;
      }
    numbers.pixels = { values: data, shape: [B * K, side, side, 3] };
    if (preset.local) numbers.mattes = { values: mattes, shape: [B * K, side, side, 1] };
    if (following) numbers.path = { values: pathsOf(given, preset), shape: [B, preset.frames, preset.patchWidth] };
    numbers.roles = { values: roleBags, shape: [B * K, roles.length] };
    return numbers;
  };

  const network = (w: Weights, told: Readonly<Record<string, tf.Tensor>>): Condition => {
    const [order, presence] = [told.order!, told.present!];
    const { B, n } = shape(presence, ['B', 'n']);
    const wordCount = told.words?.shape[1] ?? 0;
    const K = n - wordCount;
    const parts: tf.Tensor[] = [repeat(whole(w).reshape([1, 1, C]), [B, 1, C])];
    const masks: tf.Tensor[] = [tf.ones([B, 1])];
    const said = told.words && words.read(w, told.words);
    if (said) {
      parts.push(said.add(order.slice([0, 0, 0], [B, wordCount, C])));
      masks.push(presence.slice([0, 0], [B, wordCount]));
    }

    // Images: [B * K, side, side, 3] in patches of both sizes.
    const { pixels, mattes } = told;
    if (pixels) {
      const about = tf
        .matMul(told.roles as tf.Tensor2D, role(w) as tf.Tensor2D)
        .add(order.slice([0, wordCount, 0], [B, K, C]).reshape([B * K, C]))
        .reshape([B * K, 1, C]);
      const tokens = embedCoarse(w, patches(pixels, coarsePatch))
        .add(tf.tensor(coarsePlaces, [1, coarseCount, C]))
        .add(about);
      parts.push(tokens.reshape([B, K * coarseCount, C]));
      masks.push(repeatEach(presence.slice([0, wordCount], [B, K]), coarseCount));
    }

    let x = tf.concat(parts, 1); // [B, N, C]
    const N = x.shape[1]!;
    const bias = hide(tf.concat(masks, 1), N);
    const near = byDistance && distanceBias(byDistance(w), told.distance!, { B, N });
    for (const layer of layers) x = layer(w, x, near ? bias.add(near) : bias);
    const tokens = finish(w, x);

    shape(tokens, ['B', 'N', 'C'], { B, N, C });
    if (!pixels || !mattes) return { tokens, bias };
    const ofImages = tokens.slice([0, 1 + wordCount, 0], [B, K * coarseCount, C]).reshape([B, K, coarseCount, C]);
    let meaning: tf.Tensor = ofImages.mean(2);
    if (beside && said) {
      const toWords = told
        .distance!.reshape([B, N, N, 2 * reach + 1])
        .slice([0, 1 + wordCount, 1, 0], [B, K * coarseCount, wordCount, 2 * reach + 1])
        .reshape([B, K, coarseCount, wordCount * (2 * reach + 1)])
        .slice([0, 0, 0, 0], [B, K, 1, -1]) // All patches of an image have its place.
        .reshape([B, K, wordCount, 2 * reach + 1]);
      meaning = meaning.add(beside(w, said, presence.slice([0, 0], [B, wordCount]), toWords));
    }
    const shown = {
      pixels: tf.concat([pixels, mattes], 3).reshape([B, K, side, side, 4]),
      meaning,
      present: presence.slice([0, wordCount], [B, K]),
      ...(following && { wanted: following(w, meaning, told.path!) }),
    };
    return { tokens, bias, images: shown };
  };

  const encode = (w: Weights, prompts: readonly PromptItem[][], room?: { words?: number }): Condition =>
    network(w, asTensors(told(prompts, room)));
  return { told, network, encode };
}

/** The paths that prompts show, written as places are, [B, F, P]; zeros where a prompt shows none. */
function pathsOf(prompts: readonly PromptItem[][], { frames: F, patchWidth: P }: Preset): Float32Array {
  const out = new Float32Array(prompts.length * F * P);
  for (const [b, items] of prompts.entries())
    for (const item of items) if ('path' in item) out.set(placePositions(item.path, P), b * F * P);
  return out;
}

/** Of each item its place in its prompt, and 1 where there is one: first words, then images, [B, words + K]. */
export function itemPlaces(
  prompts: readonly PromptItem[][],
  wordCount: number,
  K: number,
): Record<'places' | 'present', Float32Array> {
  const n = wordCount + K;
  const [places, present] = [new Float32Array(prompts.length * n), new Float32Array(prompts.length * n)];
  for (const [b, items] of prompts.entries()) {
    let [word, image] = [0, 0];
    for (const [place, item] of items.entries()) {
      const at = b * n + ('image' in item ? wordCount + image++ : word++);
      places[at] = place;
      present[at] = 1;
    }
  }
  return { places, present };
}

/** Of each token its place among the items, [B][N]; the first, the prompt as a whole, has none. */
function tokenPlaces(
  places: Float32Array,
  { B, wordCount, K, coarseCount }: Record<'B' | 'wordCount' | 'K' | 'coarseCount', number>,
): number[][] {
  return Array.from({ length: B }, (_, b) => {
    const own = [...places.subarray(b * (wordCount + K), (b + 1) * (wordCount + K))];
    const ofImages = own.slice(wordCount).flatMap((place) => Array<number>(coarseCount).fill(place));
    return [Number.NaN, ...own.slice(0, wordCount), ...ofImages];
  });
}

/** How far each token stands behind the one that reads it, one of 25, or none: [B * N * N, 25] of ones and zeros. */
function distances(places: readonly number[][]): Numbers {
  const kinds = 2 * reach + 1;
  const [B, N] = [places.length, places[0]!.length];
  const values = new Float32Array(B * N * N * kinds);
  let i = 0;
  for (const list of places)
    for (const from of list)
      for (const to of list) {
        const distance = Math.max(-reach, Math.min(reach, to - from));
        if (!Number.isNaN(distance)) values[i * kinds + distance + reach] = 1;
        i++;
      }
  return { values, shape: [B * N * N, kinds] };
}

/** What each head adds to its scores for how far the read token stands behind the reading one, [B, heads, N, N]. */
function distanceBias(table: tf.Tensor, distance: tf.Tensor, { B, N }: Record<'B' | 'N', number>): tf.Tensor {
  const heads = table.shape[1]!;
  return tf
    .matMul(distance as tf.Tensor2D, asScores(table) as tf.Tensor2D)
    .reshape([B, N, N, heads])
    .transpose([0, 3, 1, 2]);
}

/** [B, H, W, c] → [B, (H/p) * (W/p), p * p * c] */
export function patches(x: tf.Tensor, p: number): tf.Tensor {
  const { B, H, W, c } = shape(x, ['B', 'H', 'W', 'c']);
  return x
    .reshape([B * (H / p), p, W / p, p * c])
    .transpose([0, 2, 1, 3])
    .reshape([B, (H / p) * (W / p), p * p * c]);
}

/** [B, K] → [B, K * n], each number n times. */
function repeatEach(x: tf.Tensor, n: number): tf.Tensor {
  const { B, K } = shape(x, ['B', 'K']);
  return repeat(x.reshape([B, K, 1]), [B, K, n]).reshape([B, K * n]);
}

/** A mask of ones and zeros [B, N] as what is added to scores [B, 1, 1, N]. */
function hide(mask: tf.Tensor, N: number): tf.Tensor {
  return hiding(mask).reshape([-1, 1, 1, N]);
}
