import * as tf from '@tensorflow/tfjs';
import type { Preset } from '../presets.js';
import { shape } from '../shape.js';
import { attention, feedForward, linear, neighbours, norm, silu, transformerLayer } from './layers.js';
import type { Declaration, Weights } from './parameters.js';
import { gridPositions, numberFeatures, timePositions } from './positions.js';
import { type Condition, patches } from './prompt-encoder.js';

/**
 * The denoiser F: a far-reaching interleaved transformer (FIT; Snap Video, Sec. 3.4 and App. A).
 *
 *   B batch   T frames   H, W pixels   p side of a patch   R = H/p rows and Q = W/p columns of patches
 *   S = T * R * Q patch tokens of width P, in G groups of s = S/G; a group spans all frames
 *   L latents of width C, L/G a group   N conditioning tokens   F fine picture tokens
 *
 * A block: latents read the conditioning (sigma, fps, resolution, prompt); latents of a group read its patches;
 * self-attention over all latents; latents write back to their group's patches. A feed-forward follows each
 * cross-attention. Latents carry over to the next sampling step (self-conditioning).
 *
 * Own choices, where `preset.local` is set, for models that must learn in the small: positions in one pixel frame that
 * patches and pictures share; and after each write the patches look at the pictures' fine tokens, at their neighbours
 * (3x3) and at the frames before and after. The noise level and the prompt as a whole scale and shift what they read.
 */
export interface FitInput {
  /** c_in * x_sigma, [B, T, H, W, 3]. */
  x: tf.Tensor;
  /** Noise level of each entry, length B. */
  sigma: readonly number[];
  /** Number of each frame within its clip, length T: single frames keep their place in time. */
  frames: readonly number[];
  /** Frames per second; Infinity: a still. Length B. */
  fps: readonly number[];
  condition: Condition;
  /** Latents of the step before, [B, L, C]. */
  latents?: tf.Tensor;
}

export function fit(declare: Declaration, preset: Preset) {
  const { patch: p, patchWidth: P, width: C, heads, latents: L, ratio, group, side, local } = preset;
  const [rows, columns] = [side / p, side / p];
  const G = (rows / group.rows) * (columns / group.columns);
  const places = gridPositions(rows, columns, P);

  const embed = linear(declare.at('patch'), p * p * 3, P);
  const learned = declare.add('latents', [L, C], 0.5);
  const carryNorm = norm(declare.at('carry-norm'), C);
  const carry = linear(declare.at('carry'), C, C, { start: 0.1 });
  const time = linear(declare.at('time'), P, P);
  const feature = 32;
  const conditions = ['sigma', 'fps', 'width', 'height'].map((name) => {
    const into = linear(declare.at(name).at('in'), feature, C);
    const out = linear(declare.at(name).at('out'), C, C);
    return (w: Weights, numbers: number[]) => out(w, silu(into(w, numberFeatures(numbers, feature)))); // [B, C]
  });
  const blocks = Array.from({ length: preset.blocks }, (_, i) => {
    const d = declare.at(`block${i}`);
    return {
      readCondition: attention(d.at('read-condition'), { C, D: C, heads }),
      feedCondition: feedForward(d.at('feed-condition'), C, ratio),
      read: attention(d.at('read'), { C, D: P, heads }),
      feedRead: feedForward(d.at('feed-read'), C, ratio),
      compute: Array.from({ length: preset.layers }, (_, j) => transformerLayer(d.at(`compute${j}`), C, heads, ratio)),
      write: attention(d.at('write'), { C: P, D: C, heads }),
      feedWrite: feedForward(d.at('feed-write'), P, ratio),
      local: local ? localPath(d.at('local'), preset) : null,
    };
  });
  const finish = norm(declare.at('finish'), P);
  const head = linear(declare.at('head'), P, p * p * 3, { start: 0.1 });

  /** F [B, T, H, W, 3] and the latents [B, L, C] to carry over. */
  return (w: Weights, { x, sigma, frames, fps, condition, latents }: FitInput) => {
    const { B, T, H, W } = shape(x, ['B', 'T', 'H', 'W', '3'], {
      T: frames.length,
      B: sigma.length,
      H: side,
      W: side,
      '3': 3,
    });
    const [R, Q] = [rows, columns];

    // Conditioning tokens: four numbers, then the prompt. Logarithms: what matters of them is their ratio.
    const numbers = [
      sigma.map((s) => 4 * Math.log(s)),
      fps.map((f) => 8 * Math.log1p(8 / f)),
      sigma.map(() => 4 * Math.log2(W)),
      sigma.map(() => 4 * Math.log2(H)),
    ];
    const given = conditions.map((embedNumber, i) => embedNumber(w, numbers[i]!).reshape([B, 1, C]));
    const tokens = tf.concat([...given, condition.tokens], 1);
    const bias = tf.concat([tf.zeros([B, 1, 1, given.length]), condition.bias], 3);
    // The same as one vector: the numbers and the prompt as a whole (its first token).
    const summary = given.reduce((sum, token) => sum.add(token)).add(condition.tokens.slice([0, 0, 0], [B, 1, C]));

    // Patch tokens with their places in space and time.
    const grid = tf.tensor(places, [1, 1, R * Q, P]);
    const when = time(w, tf.tensor(timePositions(frames, P), [T, P])).reshape([1, T, 1, P]);
    let u = embed(w, patches(x.reshape([B * T, H, W, 3]), p))
      .reshape([B, T, R * Q, P])
      .add(grid)
      .add(when);
    u = u.reshape([B, T * R * Q, P]);

    let z = tf.tile(learned(w).reshape([1, L, C]), [B, 1, 1]);
    if (latents) z = z.add(carry(w, carryNorm(w, latents)));

    for (const block of blocks) {
      z = block.feedCondition(w, block.readCondition(w, z, tokens, { bias }));
      // Groups become entries of the batch: [B, L, C] → [B * G, L/G, C], [B, S, P] → [B * G, s, P].
      const grouped = intoGroups(u, { B, T, R, Q, P });
      z = block.feedRead(w, block.read(w, z.reshape([B * G, L / G, C]), grouped)).reshape([B, L, C]);
      for (const layer of block.compute) z = layer(w, z);
      const written = block.feedWrite(w, block.write(w, grouped, z.reshape([B * G, L / G, C])));
      u = outOfGroups(written, { B, T, R, Q, P });
      if (block.local) u = block.local(w, u, { B, T, R, Q }, summary, condition);
    }

    const out = head(w, finish(w, u)); // [B, S, p * p * 3]
    const f = out
      .reshape([B * T * R, Q, p, p * 3])
      .transpose([0, 2, 1, 3])
      .reshape([B, T, H, W, 3]);
    return { f, latents: z };
  };

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

  /** The places of one frame's patches, T times. */
  function overFrames(table: Float32Array, T: number): Float32Array {
    const out = new Float32Array(T * table.length);
    for (let t = 0; t < T; t++) out.set(table, t * table.length);
    return out;
  }

  /** The own choices of a block: patches [B, S, P] look at pictures, neighbours and the frames beside them. */
  function localPath(d: Declaration, { patchWidth: width }: Preset) {
    const modulate = linear(d.at('modulate'), C, 2 * width, { start: 0.2 });
    const look = attention(d.at('look'), { C: width, D: width, heads: 2 });
    const feedLook = feedForward(d.at('feed-look'), width, ratio);
    const near = neighbours(d.at('near'), width);
    const frameNorm = norm(d.at('frame-norm'), width);
    const beside = linear(d.at('frames'), 3 * width, width, { start: 0.2 });
    return (
      w: Weights,
      u: tf.Tensor,
      { B, T, R, Q }: Record<'B' | 'T' | 'R' | 'Q', number>,
      summary: tf.Tensor,
      condition: Condition,
    ) => {
      const [scale, shift] = tf.split(modulate(w, silu(summary)), 2, 2) as [tf.Tensor, tf.Tensor]; // [B, 1, P]
      let v = u.add(u.mul(scale).add(shift));
      const place = tf.tensor(overFrames(places, T), [T * R * Q, P]);
      v = feedLook(w, look(w, v, condition.fine, { bias: condition.fineBias, place }));
      v = near(w, v.reshape([B * T, R, Q, P])).reshape([B, T, R * Q * P]);
      // Frames t-1, t, t+1 side by side; beyond the ends there is nothing.
      const line = frameNorm(w, v.reshape([B, T * R * Q, P])).reshape([B, T, R * Q, P]);
      const empty = tf.zeros([B, 1, R * Q, P]);
      const before = T > 1 ? tf.concat([empty, line.slice([0, 0, 0, 0], [B, T - 1, R * Q, P])], 1) : empty;
      const after = T > 1 ? tf.concat([line.slice([0, 1, 0, 0], [B, T - 1, R * Q, P]), empty], 1) : empty;
      const mixed = beside(w, tf.concat([before, line, after], 3));
      return v.reshape([B, T * R * Q, P]).add(mixed.reshape([B, T * R * Q, P]));
    };
  }
}
