import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import { shape } from '../numerics/shape.js';
import type { Preset } from '../presets/preset.js';
import { conditionWidth, sizeOfVideo } from '../presets/presets.js';
import { blockInTheSmall, planInTheSmall } from './extensions/in-the-small.js';
import type { Placed, Places } from './extensions/placement.js';
import { attention, feedForward, linear, norm, repeat, silu, transformerLayer } from './layers.js';
import { asTensors, type Numbers } from './numbers.js';
import type { Declaration, Weights } from './parameters.js';
import { gridPositions, numberFeatures, timePositions } from './positions.js';
import { type Condition, patches } from './prompt-encoder.js';

/**
 * The denoiser F: a far-reaching interleaved transformer (FIT; Snap Video, Sec. 3.4 and App. A).
 *
 *   B batch   T frames   H, W pixels   p side of a patch   R = H/p rows and Q = W/p columns of patches
 *   S = T * R * Q patch tokens of width P, in G groups of s = S/G; a group spans all frames
 *   L latents of width C, L/G a group   N conditioning tokens of width D
 *
 * A block: latents read the conditioning (sigma, fps, resolution, prompt); latents of a group read its patches;
 * self-attention over all latents; latents write back to their group's patches. A feed-forward follows each
 * cross-attention. Latents carry over to the next sampling step (self-conditioning).
 *
 * With `preset.low` it is an upsampler: a smaller video, enlarged and with noise of a known level on it, lies beside the
 * noisy one on the channels, and the level is one more conditioning token.
 *
 * Where `preset.local` is set, it has more than the paper's: positions of patches are fixed, and extensions/in-the-small.ts
 * says what is planned before the blocks and what follows in each of them.
 */
export interface FitInput {
  /** c_in * x_sigma, [B, T, H, W, 3]. */
  x: tf.Tensor;
  /** Noise level of each entry, length B. */
  sigma: readonly number[];
  /** Number of each frame within its clip, T for each entry: single frames keep their place in time. */
  frames: readonly (readonly number[])[];
  /** Frames per second; Infinity: a still. Length B. */
  fps: readonly number[];
  condition: Condition;
  /** Latents of the step before, [B, L, C]. */
  latents?: tf.Tensor;
  /**
   * Of upsamplers: the enlarged smaller video, [B, T, H, W, 3], the level of the noise on it, length B, and where the
   * prompt's images are; left out: none is laid.
   */
  low?: { x: tf.Tensor; level: readonly number[]; places?: Places };
}

/** What a pass of F computes with, all of it tensors: what a request changes is told here and nowhere else. */
export interface FitTensors extends Pick<FitInput, 'x' | 'condition' | 'latents'> {
  /** What FitInput says in numbers, by name, as `told` writes it. */
  told: Readonly<Record<string, tf.Tensor>>;
  low?: { x: tf.Tensor; places?: Places } | undefined;
  /** 1, or 0 where the latents are not to be carried over: there were none before, [B, 1, 1]. */
  carried?: tf.Tensor;
}

export function fit(declare: Declaration, preset: Preset) {
  const { patch: p, patchWidth: P, width: C, heads, latents: L, ratio, group, local } = preset;
  const { readWidth = C } = preset;
  const D = conditionWidth(preset);
  const size = sizeOfVideo(preset);
  const [rows, columns] = patchGrid(preset);
  const channels = preset.low ? 6 : 3;
  const G = (rows / group.rows) * (columns / group.columns);

  const embed = linear(declare.at('patch'), p * p * channels, P);
  const learned = declare.add('latents', [L, C], 0.5);
  const carryNorm = norm(declare.at('carry-norm'), C);
  const carry = linear(declare.at('carry'), C, C, { start: 0.1 });
  const time = linear(declare.at('time'), P, P);
  const places = local ? fixedPlaces(rows, columns, P) : declare.add('places', [rows * columns, P], 0.5);
  const feature = 32;
  const numberNames = ['sigma', 'fps', 'width', 'height', ...(preset.low ? ['corruption'] : [])];
  const conditions = numberNames.map((name) => {
    const into = linear(declare.at(name).at('in'), feature, D);
    const out = linear(declare.at(name).at('out'), D, D);
    return (w: Weights, features: tf.Tensor) => out(w, silu(into(w, features))); // [B, D]
  });
  const blocks = Array.from({ length: preset.blocks }, (_, i) => {
    const d = declare.at(`block${i}`);
    return {
      readCondition: attention(d.at('read-condition'), { C, D, heads }),
      feedCondition: feedForward(d.at('feed-condition'), C, ratio),
      read: attention(d.at('read'), { C, D: P, heads, inner: readWidth }),
      feedRead: feedForward(d.at('feed-read'), C, ratio),
      compute: Array.from({ length: preset.layers }, (_, j) => transformerLayer(d.at(`compute${j}`), C, heads, ratio)),
      write: attention(d.at('write'), { C: P, D: C, heads }),
      feedWrite: feedForward(d.at('feed-write'), P, ratio),
      more: local ? blockInTheSmall(d, preset, i === 0) : null,
    };
  });
  const finish = norm(declare.at('finish'), P);
  const plan = local ? planInTheSmall(declare, preset, [rows, columns]) : null;
  const head = linear(declare.at('head'), P, p * p * 3, { start: 0.1 });

  /**
   * Noise level, frames per second and size as features for the network, [B, 32] each, and when each frame happens [B, T, P].
   * Logarithms: what matters of them is their ratio. Not of the corruption: no noise at all is a level too.
   */
  const told = ({
    sigma,
    frames,
    fps,
    low,
  }: Pick<FitInput, 'sigma' | 'frames' | 'fps'> & { low?: { level: readonly number[] } | undefined }): Record<
    string,
    Numbers
  > => {
    const numbers: Record<string, number[]> = {
      sigma: sigma.map((s) => 4 * Math.log(s)),
      fps: fps.map((f) => 8 * Math.log1p(8 / f)),
      width: sigma.map(() => 4 * Math.log2(size.width)),
      height: sigma.map(() => 4 * Math.log2(size.height)),
      ...(low && { corruption: low.level.map((level) => 16 * level) }),
    };
    const features = Object.entries(numbers).map(([name, list]) => [
      name,
      { values: numberFeatures(list, feature), shape: [list.length, feature] },
    ]);
    const when = { values: timePositions(frames.flat(), P), shape: [frames.length, frames[0]!.length, P] };
    return { ...Object.fromEntries(features), when };
  };

  /**
   * F [B, T, H, W, 3] and the latents [B, L, C] to carry over. With the parts that are not from the paper also where the subject is, as logits
   * that only training reads: as planned from prompt and time alone [B, T, cells], and as drawn [B, T, R * Q]; and for each
   * block where it lays the images; and how it paints them.
   */
  const network = (w: Weights, { x, told, condition, latents, low, carried }: FitTensors) => {
    const when = told.when!;
    const known = { ...shape(when, ['B', 'T', 'P'], { P }), H: size.height, W: size.width, '3': 3 };
    const { B, T, H, W } = shape(x, ['B', 'T', 'H', 'W', '3'], known);
    if (low) shape(low.x, ['B', 'T', 'H', 'W', '3'], known);
    if (!low !== !preset.low)
      throw new VimiError('SHAPE_MISMATCH', 'Only an upsampler takes a smaller video', {
        expected: preset.low ? 'low' : 'no low',
      });
    const [R, Q] = [rows, columns];

    // Conditioning tokens: four numbers, then the prompt.
    const given = conditions.map((embedNumber, i) => embedNumber(w, told[numberNames[i]!]!).reshape([B, 1, D]));
    const tokens = tf.concat([...given, condition.tokens], 1);
    const bias = tf.concat([tf.zeros([B, 1, 1, given.length]), condition.bias], 3);
    // The same as one vector: the numbers and the prompt as a whole (its first token).
    const whole = condition.tokens.slice([0, 0, 0], [B, 1, D]);
    const summary = given.reduce((sum, token) => sum.add(token)).add(whole);

    // Patch tokens with their places in space and time.
    const grid = places(w);
    const pixels = (low ? tf.concat([x, low.x], 4) : x).reshape([B * T, H, W, channels]);
    let u = embed(w, patches(pad(pixels, R * p, Q * p), p))
      .reshape([B, T, R * Q, P])
      .add(grid.reshape([1, 1, R * Q, P]))
      .add(time(w, when).reshape([B, T, 1, P]));
    const around = { B, T, R, Q, condition, whole, summary, when, places: low?.places };
    const planned = plan?.subject(w, around);
    if (planned) u = u.add(planned.marks);
    u = u.reshape([B, T * R * Q, P]);

    let z = repeat(learned(w).reshape([1, L, C]), [B, L, C]);
    if (latents) {
      const before = carry(w, carryNorm(w, latents));
      z = z.add(carried ? before.mul(carried) : before);
    }

    const images = plan?.images(w, around);
    const placed: Placed[] = [];
    for (const block of blocks) {
      z = block.feedCondition(w, block.readCondition(w, z, tokens, { bias }));
      // Groups become entries of the batch: [B, L, C] → [B * G, L/G, C], [B, S, P] → [B * G, s, P].
      const grouped = intoGroups(u, { B, T, R, Q, P });
      z = block.feedRead(w, block.read(w, z.reshape([B * G, L / G, C]), grouped)).reshape([B, L, C]);
      for (const layer of block.compute) z = layer(w, z);
      const written = block.feedWrite(w, block.write(w, grouped, z.reshape([B * G, L / G, C])));
      u = outOfGroups(written, { B, T, R, Q, P });
      if (block.more && images) u = block.more(w, u, { ...around, ...images }, placed);
    }

    const finished = finish(w, u);
    const out = head(w, finished); // [B, S, p * p * 3]
    const drawnPixels = out
      .reshape([B * T * R, Q, p, p * 3])
      .transpose([0, 2, 1, 3])
      .reshape([B * T, R * p, Q * p, 3]);
    const f = unpad(drawnPixels, H, W).reshape([B, T, H, W, 3]);
    const drawn = plan?.drawn(w, finished)?.reshape([B, T, R * Q]);
    return { f, latents: z, planned: planned?.logits, drawn, placed, paint: images?.paint };
  };

  const denoise = (w: Weights, { sigma, frames, fps, low, ...tensors }: FitInput) =>
    network(w, { ...tensors, low, told: asTensors(told({ sigma, frames, fps, low })) });
  return { told, network, denoise, features: feature };

  /** [B, S, P] → [B * G, s, P] */
  function intoGroups(u: tf.Tensor, { B, T, R, Q, P }: Record<'B' | 'T' | 'R' | 'Q' | 'P', number>): tf.Tensor {
    const { rows: r, columns: q } = group;
    return u
      .reshape([B * T, R / r, r, Q / q, q * P])
      .transpose([0, 1, 3, 2, 4]) // [B * T, R/r, Q/q, r, q * P]
      .reshape([B, T, G, r * q * P])
      .transpose([0, 2, 1, 3])
      .reshape([B * G, T * r * q, P]);
  }

  /** [B * G, s, P] → [B, S, P] */
  function outOfGroups(u: tf.Tensor, { B, T, R, Q, P }: Record<'B' | 'T' | 'R' | 'Q' | 'P', number>): tf.Tensor {
    const { rows: r, columns: q } = group;
    return u
      .reshape([B, G, T, r * q * P])
      .transpose([0, 2, 1, 3])
      .reshape([B * T, R / r, Q / q, r, q * P])
      .transpose([0, 1, 3, 2, 4])
      .reshape([B, T * R * Q, P]);
  }
}

/** Sines and cosines instead of a table that is learned. */
function fixedPlaces(rows: number, columns: number, P: number): (w: Weights) => tf.Tensor {
  const values = gridPositions(rows, columns, P);
  return () => tf.tensor(values, [rows * columns, P]);
}

/** Rows and columns of patches, whole groups of them: [R, Q]. */
export function patchGrid({ patch, group, side, height = side }: Preset): [number, number] {
  const fill = (pixels: number, each: number) => Math.ceil(pixels / patch / each) * each;
  return [fill(height, group.rows), fill(side, group.columns)];
}

/** Images [n, H, W, c] that are no whole number of groups, with grey below and beside; and cut off again. */
function pad(x: tf.Tensor, rows: number, columns: number): tf.Tensor {
  const [, H, W] = x.shape as [number, number, number];
  if (rows === H && columns === W) return x;
  return tf.pad4d(x as tf.Tensor4D, [
    [0, 0],
    [0, rows - H],
    [0, columns - W],
    [0, 0],
  ]);
}

function unpad(x: tf.Tensor, H: number, W: number): tf.Tensor {
  const { n, rows, columns, c } = shape(x, ['n', 'rows', 'columns', 'c']);
  return rows === H && columns === W ? x : x.slice([0, 0, 0, 0], [n, H, W, c]);
}
