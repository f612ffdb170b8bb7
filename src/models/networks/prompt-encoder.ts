import * as tf from '@tensorflow/tfjs';
import { imageRole } from '../../events/prompt.js';
import { conditionWidth, type Preset } from '../presets.js';
import { shape } from '../shape.js';
import { linear, norm, repeat, transformerLayer } from './layers.js';
import { matteOf } from './matte.js';
import type { Declaration, Weights } from './parameters.js';
import { gridPositions, waves } from './positions.js';
import type { PromptItem } from './prompt-input.js';
import { wordTokens } from './word-tokens.js';

/**
 * The prompt encoder: one transformer over interleaved words and picture patches. It stands for VIMI's frozen multimodal
 * language model, and is trained with the denoiser (own choice: there is nothing pretrained to freeze).
 *
 *   B prompts   N tokens: one for the prompt as a whole, its words, patches of 8x8 pixels a picture: 16 at 32x32
 *   K pictures  C width of the conditioning
 *
 * Words are the preset's own or those of a frozen encoder outside (word-tokens.ts); pictures are read here in any case
 * (own choice: small language models see none). Without layers, as where a large language model has read the words, both go
 * on as they are, each with its place in the prompt. A picture keeps its place among the words, its role, and the place of each
 * patch. Latents alone hide a picture's details, so the pictures go along, to be laid into the frames (placement.ts; own
 * choice). What stands next to what is told to attention as well, by a number for each head and distance (Raffel et al.
 * 2020): of two subjects each has words of its own.
 */
export type Condition = {
  /** [B, N, C] */
  tokens: tf.Tensor;
  /** [B, 1, 1, N]: 0, or a large negative number where a prompt has no such token. */
  bias: tf.Tensor;
  /** The pictures themselves, where there are any and they are laid into the frames. */
  pictures?: ConditionPictures;
};

export type ConditionPictures = {
  /** RGB from -1 to 1, and what of it is the subject (matte.ts), [B, K, side, side, 4]. */
  pixels: tf.Tensor;
  /** What each has come to mean, [B, K, C]. */
  meaning: tf.Tensor;
  /** 1, or 0 where a prompt has fewer pictures, [B, K]. */
  present: tf.Tensor;
};

/** What hides a token: its weight after softmax is exactly 0. */
const away = -1e9;
const roles = imageRole.options;
/** Pixels to each side of the patches that tell what a picture shows. */
export const coarsePatch = 8;
/** How far apart in the prompt, to each side, is told; what is further counts as this far. */
const reach = 12;

export function promptEncoder(declare: Declaration, preset: Preset) {
  const { encoder, heads, ratio } = preset;
  const C = conditionWidth(preset);
  const { pictureSide: side } = encoder;
  const coarse = side / coarsePatch;
  const coarseCount = coarse ** 2;
  const readWords = wordTokens(declare, preset);
  const whole = declare.add('whole', [1, C], 0.5);
  const role = declare.add('roles', [roles.length, C], 0.5);
  const embedCoarse = linear(declare.at('coarse'), coarsePatch ** 2 * 3, C);
  const layers = Array.from({ length: encoder.layers }, (_, i) =>
    transformerLayer(declare.at(`layer${i}`), C, heads, ratio),
  );
  const finish = norm(declare.at('finish'), C);
  // An upsampler sees in the smaller video what belongs to what; without layers there is no attention.
  const byDistance = preset.low || encoder.layers === 0 ? null : declare.add('distance', [2 * reach + 1, heads], 0);

  const coarsePlaces = gridPositions(coarse, coarse, C);

  return (w: Weights, given: readonly PromptItem[][]): Condition => {
    const read = encoder.external ? 'vector' : 'word';
    const prompts = given.map((items) => items.filter((item) => 'picture' in item || read in item));
    const B = prompts.length;
    const pictures = prompts.map((items) => items.flatMap((item) => ('picture' in item ? [item] : [])));
    const K = Math.max(0, ...pictures.map((list) => list.length));
    const wordCount = Math.max(0, ...prompts.map((items, b) => items.length - pictures[b]!.length));

    const places = new Float32Array(B * (wordCount + K));
    const present = new Float32Array(B * (wordCount + K)); // words, then pictures
    for (const [b, items] of prompts.entries()) {
      let [word, picture] = [0, 0];
      for (const [place, item] of items.entries()) {
        const at = b * (wordCount + K) + ('picture' in item ? wordCount + picture++ : word++);
        places[at] = place;
        present[at] = 1;
      }
    }
    const order = tf.tensor(waves(places, C, { longest: 256, shortest: 4 }), [B, wordCount + K, C]).mul(0.5);
    const parts: tf.Tensor[] = [repeat(whole(w).reshape([1, 1, C]), [B, 1, C])];
    const masks: tf.Tensor[] = [tf.ones([B, 1])];
    const presence = tf.tensor(present, [B, wordCount + K]);
    if (wordCount > 0) {
      parts.push(readWords(w, prompts, wordCount).add(order.slice([0, 0, 0], [B, wordCount, C])));
      masks.push(presence.slice([0, 0], [B, wordCount]));
    }

    // Pictures: [B * K, side, side, 3] in patches of both sizes.
    let pictured: tf.Tensor | null = null;
    if (K > 0) {
      const data = new Float32Array(B * K * side * side * 3);
      const mattes = new Float32Array(B * K * side * side);
      const roleBags = new Float32Array(B * K * roles.length);
      for (const [b, list] of pictures.entries())
        for (const [k, { picture, role: r }] of list.entries()) {
          data.set(picture, (b * K + k) * picture.length);
          if (preset.local) mattes.set(matteOf(picture, side), (b * K + k) * side * side);
          roleBags[(b * K + k) * roles.length + roles.indexOf(r)] = 1;
        }
      const pixels = tf.tensor(data, [B * K, side, side, 3]);
      if (preset.local) pictured = tf.concat([pixels, tf.tensor(mattes, [B * K, side, side, 1])], 3);
      const about = tf
        .matMul(tf.tensor2d(roleBags, [B * K, roles.length]), role(w) as tf.Tensor2D)
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
    const near = byDistance && distanceBias(byDistance(w), tokenPlaces(places, { B, wordCount, K, coarseCount }));
    for (const layer of layers) x = layer(w, x, near ? bias.add(near) : bias);
    const tokens = finish(w, x);

    shape(tokens, ['B', 'N', 'C'], { B, N, C });
    if (!pictured) return { tokens, bias };
    const ofPictures = tokens.slice([0, 1 + wordCount, 0], [B, K * coarseCount, C]).reshape([B, K, coarseCount, C]);
    const shown = {
      pixels: pictured.reshape([B, K, side, side, 4]),
      meaning: ofPictures.mean(2),
      present: presence.slice([0, wordCount], [B, K]),
    };
    return { tokens, bias, pictures: shown };
  };
}

/** Of each token its place among the items, [B][N]; the first, the prompt as a whole, has none. */
function tokenPlaces(
  places: Float32Array,
  { B, wordCount, K, coarseCount }: Record<'B' | 'wordCount' | 'K' | 'coarseCount', number>,
): number[][] {
  return Array.from({ length: B }, (_, b) => {
    const own = [...places.subarray(b * (wordCount + K), (b + 1) * (wordCount + K))];
    const ofPictures = own.slice(wordCount).flatMap((place) => Array<number>(coarseCount).fill(place));
    return [Number.NaN, ...own.slice(0, wordCount), ...ofPictures];
  });
}

/** What each head adds to its scores for how far the read token stands behind the reading one, [B, heads, N, N]. */
function distanceBias(table: tf.Tensor, places: readonly number[][]): tf.Tensor {
  const [B, N, heads] = [places.length, places[0]!.length, table.shape[1]!];
  const index = new Int32Array(B * N * N).fill(-1); // no row of the table
  let i = 0;
  for (const list of places)
    for (const from of list)
      for (const to of list) {
        const distance = Math.max(-reach, Math.min(reach, to - from));
        if (!Number.isNaN(distance)) index[i] = distance + reach;
        i++;
      }
  const rows = tf.oneHot(tf.tensor1d(index, 'int32'), 2 * reach + 1).cast('float32') as tf.Tensor2D;
  // Tenfold: what is learned in small steps is to reach scores that decide.
  return tf
    .matMul(rows, table.mul(10) as tf.Tensor2D)
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
export function repeatEach(x: tf.Tensor, n: number): tf.Tensor {
  const { B, K } = shape(x, ['B', 'K']);
  return repeat(x.reshape([B, K, 1]), [B, K, n]).reshape([B, K * n]);
}

/** A mask of ones and zeros [B, N] as what is added to scores [B, 1, 1, N]. */
export function hide(mask: tf.Tensor, N: number): tf.Tensor {
  return tf.sub(1, mask).mul(away).reshape([-1, 1, 1, N]);
}
