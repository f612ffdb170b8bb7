import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../errors.js';
import { conditionWidth, type Preset, sizeOfVideo } from '../presets.js';
import { shape } from '../shape.js';
import {
  attention,
  feedForward,
  framesBeside,
  linear,
  neighbours,
  norm,
  repeat,
  silu,
  transformerLayer,
} from './layers.js';
import { lookAt } from './look.js';
import type { Declaration, Weights } from './parameters.js';
import { type Placed, type Places, picturePlan, placement, placementAt } from './placement.js';
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
 * Own choices, where `preset.local` is set, for models that must learn in the small: fixed positions; after each write the
 * prompt's pictures are laid into the frames (placement.ts), and patches look at their neighbours (3x3) and at the frames
 * before and after. The noise level and the prompt as a whole scale and shift what they read.
 * And a layout: prompt and time give a map of where the subject will be, which has a loss of its own. Without that, words
 * like "moves left" earn nearly nothing until word, frame and place are found together.
 *
 * With `preset.low` it is an upsampler: a smaller video, enlarged and with noise of a known level on it, lies beside the
 * noisy one on the channels, and the level is one more conditioning token. Where the pictures are needs no layout then: it
 * is told, as whoever drew the smaller video laid them.
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
   * prompt's pictures are; left out: none is laid.
   */
  low?: { x: tf.Tensor; level: readonly number[]; places?: Places };
}

export function fit(declare: Declaration, preset: Preset) {
  const { patch: p, patchWidth: P, width: C, heads, latents: L, ratio, group, local } = preset;
  const { readWidth = C } = preset;
  const D = conditionWidth(preset);
  const size = sizeOfVideo(preset);
  const [rows, columns] = patchGrid(preset);
  const channels = preset.low ? 6 : 3;
  const G = (rows / group.rows) * (columns / group.columns);
  const places = local ? gridPositions(rows, columns, P) : new Float32Array();

  const embed = linear(declare.at('patch'), p * p * channels, P);
  const learned = declare.add('latents', [L, C], 0.5);
  const carryNorm = norm(declare.at('carry-norm'), C);
  const carry = linear(declare.at('carry'), C, C, { start: 0.1 });
  const time = linear(declare.at('time'), P, P);
  const learnedPlaces = local ? null : declare.add('places', [rows * columns, P], 0.5);
  const feature = 32;
  const numberNames = ['sigma', 'fps', 'width', 'height', ...(preset.low ? ['corruption'] : [])];
  const conditions = numberNames.map((name) => {
    const into = linear(declare.at(name).at('in'), feature, D);
    const out = linear(declare.at(name).at('out'), D, D);
    return (w: Weights, numbers: number[]) => out(w, silu(into(w, numberFeatures(numbers, feature)))); // [B, D]
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
      local: local ? localPath(d.at('local'), preset) : null,
      place: local && !preset.low ? placement(d.at('place'), preset) : null,
      // Once is enough where nothing has to be found.
      placeAt: local && preset.low && i === 0 ? placementAt(d.at('place'), preset) : null,
      near: local ? neighbours(d.at('near'), P) : null,
    };
  });
  const finish = norm(declare.at('finish'), P);
  const plan = local && !preset.low ? layout(declare.at('layout'), preset) : null;
  const planPictures = plan ? picturePlan(declare.at('picture-plan'), preset, [rows, columns]) : null;
  const drawn = plan ? linear(declare.at('drawn'), P, 1) : null;
  const head = linear(declare.at('head'), P, p * p * 3, { start: 0.1 });

  /**
   * F [B, T, H, W, 3] and the latents [B, L, C] to carry over. With the own choices also where the subject is, as logits
   * that only training reads: as planned from prompt and time alone [B, T, cells], and as drawn [B, T, R * Q]; and for each
   * block where it lays the pictures.
   */
  return (w: Weights, { x, sigma, frames, fps, condition, latents, low }: FitInput) => {
    const known = { T: frames[0]!.length, B: sigma.length, H: size.height, W: size.width, '3': 3 };
    const { B, T, H, W } = shape(x, ['B', 'T', 'H', 'W', '3'], known);
    if (low) shape(low.x, ['B', 'T', 'H', 'W', '3'], known);
    if (!low !== !preset.low)
      throw new VimiError('SHAPE_MISMATCH', 'An upsampler, and nothing else, is given a smaller video', {
        expected: preset.low ? 'low' : 'no low',
      });
    const [R, Q] = [rows, columns];

    // Conditioning tokens: four numbers, then the prompt. Logarithms: what matters of them is their ratio.
    const numbers = [
      sigma.map((s) => 4 * Math.log(s)),
      fps.map((f) => 8 * Math.log1p(8 / f)),
      sigma.map(() => 4 * Math.log2(W)),
      sigma.map(() => 4 * Math.log2(H)),
      // Not its logarithm: no noise at all is a level too.
      ...(low ? [low.level.map((level) => 16 * level)] : []),
    ];
    const given = conditions.map((embedNumber, i) => embedNumber(w, numbers[i]!).reshape([B, 1, D]));
    const tokens = tf.concat([...given, condition.tokens], 1);
    const bias = tf.concat([tf.zeros([B, 1, 1, given.length]), condition.bias], 3);
    // The same as one vector: the numbers and the prompt as a whole (its first token).
    const whole = condition.tokens.slice([0, 0, 0], [B, 1, D]);
    const summary = given.reduce((sum, token) => sum.add(token)).add(whole);

    // Patch tokens with their places in space and time.
    const grid = learnedPlaces ? learnedPlaces(w) : tf.tensor(places, [R * Q, P]);
    const when = tf.tensor(timePositions(frames.flat(), P), [B, T, P]);
    const pixels = (low ? tf.concat([x, low.x], 4) : x).reshape([B * T, H, W, channels]);
    let u = embed(w, patches(pad(pixels, R * p, Q * p), p))
      .reshape([B, T, R * Q, P])
      .add(grid.reshape([1, 1, R * Q, P]))
      .add(time(w, when).reshape([B, T, 1, P]));
    const planned = plan?.(w, whole, when);
    if (planned) u = u.add(planned.marks);
    u = u.reshape([B, T * R * Q, P]);

    let z = repeat(learned(w).reshape([1, L, C]), [B, L, C]);
    if (latents) z = z.add(carry(w, carryNorm(w, latents)));

    const placed: Placed[] = [];
    const plannedPictures = condition.pictures && planPictures?.(w, condition.pictures.meaning, whole, when);
    const look = condition.pictures && lookAt(condition.pictures.pixels);
    for (const block of blocks) {
      z = block.feedCondition(w, block.readCondition(w, z, tokens, { bias }));
      // Groups become entries of the batch: [B, L, C] → [B * G, L/G, C], [B, S, P] → [B * G, s, P].
      const grouped = intoGroups(u, { B, T, R, Q, P });
      z = block.feedRead(w, block.read(w, z.reshape([B * G, L / G, C]), grouped)).reshape([B, L, C]);
      for (const layer of block.compute) z = layer(w, z);
      const written = block.feedWrite(w, block.write(w, grouped, z.reshape([B * G, L / G, C])));
      u = outOfGroups(written, { B, T, R, Q, P });
      if (block.place && condition.pictures && look) {
        const found = block.place(w, u, condition.pictures, { look, planned: plannedPictures, whole, when, R, Q });
        placed.push(found.placed);
        u = found.u;
      }
      if (block.placeAt && condition.pictures && look && low?.places)
        u = block.placeAt(w, u, condition.pictures, { look, places: low.places, R, Q });
      if (block.near) u = block.near(w, u.reshape([B * T, R, Q, P])).reshape([B, T * R * Q, P]);
      if (block.local) u = block.local(w, u, { B, T, R, Q }, summary);
    }

    const finished = finish(w, u);
    const out = head(w, finished); // [B, S, p * p * 3]
    const drawnPixels = out
      .reshape([B * T * R, Q, p, p * 3])
      .transpose([0, 2, 1, 3])
      .reshape([B * T, R * p, Q * p, 3]);
    const f = unpad(drawnPixels, H, W).reshape([B, T, H, W, 3]);
    return { f, latents: z, planned: planned?.logits, drawn: drawn?.(w, finished).reshape([B, T, R * Q]), placed };
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

  /** Own choices of a block: patches [B, S, P] look at their neighbours and at the frames beside them. */
  function localPath(d: Declaration, { patchWidth: width }: Preset) {
    const modulate = linear(d.at('modulate'), C, 2 * width, { start: 0.2 });
    const feed = feedForward(d.at('feed-look'), width, ratio);
    const near = neighbours(d.at('near'), width);
    const frameNorm = norm(d.at('frame-norm'), width);
    const beside = framesBeside(d.at('frames'), width);
    return (w: Weights, u: tf.Tensor, { B, T, R, Q }: Record<'B' | 'T' | 'R' | 'Q', number>, summary: tf.Tensor) => {
      const [scale, shift] = tf.split(modulate(w, silu(summary)), 2, 2) as [tf.Tensor, tf.Tensor]; // [B, 1, P]
      let v = u.add(u.mul(scale).add(shift));
      v = feed(w, v);
      v = near(w, v.reshape([B * T, R, Q, P]));
      const frames = v.reshape([B, T, R * Q, P]);
      return frames.add(beside(w, frameNorm(w, frames))).reshape([B, T * R * Q, P]);
    };
  }
}

/** Rows and columns of patches, whole groups of them: [R, Q]. */
export function patchGrid({ patch, group, side, height = side }: Preset): [number, number] {
  const fill = (pixels: number, each: number) => Math.ceil(pixels / patch / each) * each;
  return [fill(height, group.rows), fill(side, group.columns)];
}

/** Pictures [n, H, W, c] that are no whole number of groups, with grey below and beside; and cut off again. */
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

/** Side of a cell of the layout in pixels. */
export const layoutCell = 4;

/**
 * Where the subject will be, from the prompt as a whole and the time: a query a frame, times the places of the cells.
 * summary [B, 1, C], when [B, T, P] → logits [B, T, cells] and what they add to the patch tokens [B, T, R * Q, P].
 */
function layout(declare: Declaration, { side, patch, patchWidth: P, width: C }: Preset) {
  const cells = side / layoutCell;
  const step = layoutCell / patch;
  const places = gridPositions(cells, cells, P);
  const fromPrompt = linear(declare.at('prompt'), C, 2 * C);
  const fromTime = linear(declare.at('time'), P, 2 * C);
  const query = linear(declare.at('query'), 2 * C, P);
  const level = declare.add('level', [1], 0);
  const mark = declare.add('mark', [1, P], 0.5);
  return (w: Weights, summary: tf.Tensor, when: tf.Tensor) => {
    const { B, T } = shape(when, ['B', 'T', 'P'], { P });
    // A product, not a sum: which way the time moves the subject is what the prompt decides.
    const joint = silu(fromPrompt(w, summary).mul(fromTime(w, when))); // [B, T, 2C]
    const logits = tf
      .matMul(query(w, joint).reshape([B * T, P]) as tf.Tensor2D, tf.tensor2d(places, [cells * cells, P]), false, true)
      .add(level(w))
      .reshape([B, T, cells * cells]);
    const spread = repeat(logits.sigmoid().reshape([B * T * cells, 1, cells, 1]), [
      B * T * cells,
      step,
      cells,
      step,
    ]).reshape([B * T * (side / patch) ** 2, 1]);
    const marks = tf.matMul(spread as tf.Tensor2D, mark(w) as tf.Tensor2D).reshape([B, T, (side / patch) ** 2, P]);
    return { logits, marks };
  };
}
