import * as tf from '@tensorflow/tfjs';
import { shape } from '../../numerics/shape.js';
import type { Preset } from '../../presets/preset.js';
import { linear, norm, silu } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';
import { gridPositions } from '../positions.js';
import { type ConditionImages, patches } from '../prompt-encoder.js';
import { atFrames } from './follow.js';
import { type Look, seen } from './look.js';
import { painted } from './paint.js';

/**
 * The images of the prompt, laid into the frames: a spatial transformer (Jaderberg et al. 2015; not from the paper). For each
 * image and frame it finds where the image's subject is (a map over the patches), how large and how far turned; takes
 * the image's pixels from there; and lets each patch decide what of them it wants. Attention alone must learn for every
 * subject anew which of its pixels goes where.
 *
 *   B batch   K images   T frames   S = R * Q patches of a frame   P patch width   C width   h = P hidden channels
 */
export interface Placed {
  /** Logits of where in a frame each image's subject is, [B, K, T, S]. */
  heat: tf.Tensor;
  /**
   * The image's middle in the frame, which is 1 wide and 1 high, ln of its size, and cosine and sine of how far it is
   * turned clockwise (their direction counts, not their length), [B, K, T, 5].
   */
  pose: tf.Tensor;
}

export interface PlacementContext {
  /** Into the images, B * K of them. */
  look: Look;
  /** How they are painted, as paint.ts says it. */
  paint: tf.Tensor;
  planned?: tf.Tensor;
  whole: tf.Tensor;
  when: tf.Tensor;
  R: number;
  Q: number;
}

export function placement(declare: Declaration, preset: Preset) {
  const { patchWidth: P, width: C } = preset;
  const h = P;
  const before = norm(declare.at('norm'), P);
  const query = linear(declare.at('query'), C, P);
  const fromImage = linear(declare.at('picture'), C, h);
  const fromPrompt = linear(declare.at('prompt'), C, h);
  const fromTime = linear(declare.at('time'), P, h);
  const fromPatches = linear(declare.at('patches'), P, h);
  const toPose = linear(declare.at('pose'), h, 5, { start: 0.1 });
  const lay = laying(declare, preset, { mapped: true });

  /**
   * u [B, T * S, P], planned [B, K, T, S], whole [B, 1, C], when [B, T, P] → u with what is seen of the images, and where
   * they are.
   */
  return (
    w: Weights,
    u: tf.Tensor,
    images: ConditionImages,
    { look, paint, planned, whole, when, R, Q }: PlacementContext,
  ): { u: tf.Tensor; placed: Placed } => {
    const { B, T } = shape(when, ['B', 'T', 'P'], { P });
    const { K } = shape(images.meaning, ['B', 'K', 'C'], { B, C });
    const S = R * Q;
    const normed = before(w, u);

    // Where: as the words plan it, and the patches that answer to the image.
    const answered = tf
      .matMul(normed, query(w, images.meaning).mul(1 / Math.sqrt(P)), false, true) // [B, T * S, K]
      .transpose([0, 2, 1])
      .reshape([B, K, T, S]);
    const heat = (planned ? answered.add(planned) : answered) as tf.Tensor4D;
    const share = tf.softmax(heat); // [B, K, T, S]
    const middle = tf.matMul(share.reshape([-1, S]) as tf.Tensor2D, tf.tensor2d(centres(R, Q), [S, 2]));
    const pooled = tf
      .matMul(share.transpose([0, 2, 1, 3]).reshape([B * T, K, S]), normed.reshape([B * T, S, P]))
      .reshape([B, T, K, P])
      .transpose([0, 2, 1, 3]); // [B, K, T, P]
    // A product of time with prompt and image: how large and how turned the subject is when, the words decide.
    const told = fromImage(w, images.meaning).add(fromPrompt(w, whole)).reshape([B, K, 1, h]);
    const joint = told.mul(fromTime(w, when).reshape([B, 1, T, h])).add(fromPatches(w, pooled));
    const free = toPose(w, silu(joint)).reshape([B * K * T, 5]);
    const at = middle.add(free.slice([0, 0], [-1, 2]));
    const logSize = free.slice([0, 2], [-1, 1]).clipByValue(-3, 2);
    const towards = free.slice([0, 3], [-1, 2]).add(tf.tensor2d([1, 0], [1, 2]));
    const pose = tf.concat([at, logSize, towards], 1).reshape([B, K, T, 5]);
    const there = images.present.reshape([B, K, 1]);
    const taken = lay(w, normed, images, { look, paint, pose, share: there, heat, R, Q });
    return { u: u.add(taken), placed: { heat, pose } };
  };
}

/** Where a prompt's images are, told and not found: of an upsampler, whose smaller video was drawn by them. */
export interface Places {
  /** As Placed has it, [B, K, T, 5]. */
  pose: tf.Tensor;
  /** 1, or 0 where it is not known: no image is laid there, [B, K, T]. */
  known: tf.Tensor;
}

/** The same with places that are told: u [B, T * S, P] → u with what is seen of the images. */
export function placementAt(declare: Declaration, preset: Preset) {
  const before = norm(declare.at('norm'), preset.patchWidth);
  const lay = laying(declare, preset, { mapped: false });
  return (
    w: Weights,
    u: tf.Tensor,
    images: ConditionImages,
    { look, places: { pose, known }, R, Q }: { look: Look; places: Places; R: number; Q: number },
  ): tf.Tensor => {
    const { B, K } = shape(known, ['B', 'K', 'T']);
    const share = known.mul(images.present.reshape([B, K, 1]));
    return u.add(lay(w, before(w, u), images, { look, pose, share, R, Q }));
  };
}

interface Lying {
  look: Look;
  paint?: tf.Tensor;
  pose: tf.Tensor;
  share: tf.Tensor;
  heat?: tf.Tensor;
  R: number;
  Q: number;
}

/**
 * What each patch takes of the images that lie on it. Each opens to what it wants, told by the pixels, by itself and by
 * the image. normed [B, T * S, P], pose [B, K, T, 5], share [B, K, T or 1], heat [B, K, T, S] → [B, T * S, P]
 */
function laying(declare: Declaration, { patch: p, patchWidth: P, width: C }: Preset, { mapped }: { mapped: boolean }) {
  const h = P;
  const cell = p * p * seen;
  const value = linear(declare.at('value'), cell, h);
  const gatePixels = linear(declare.at('gate-pixels'), mapped ? cell + 1 : cell, h);
  const gatePatch = linear(declare.at('gate-patch'), P, h, { bias: false });
  const gateImage = linear(declare.at('gate-picture'), C, h, { bias: false });
  const out = linear(declare.at('out'), h, P, { bias: false });
  return (
    w: Weights,
    normed: tf.Tensor,
    images: ConditionImages,
    { look, paint, pose, share, heat, R, Q }: Lying,
  ): tf.Tensor => {
    const { B, K, T } = shape(pose, ['B', 'K', 'T', '5'], { '5': 5 });
    const S = R * Q;
    const flat = pose.reshape([B * K * T, 5]);
    const towards = flat.slice([0, 3], [-1, 2]);
    const turn = towards.div(towards.square().sum(1, true).add(1e-6).sqrt());
    const where = { at: flat.slice([0, 0], [-1, 2]), logSize: flat.slice([0, 2], [-1, 1]), turn };
    const found = look(...placesIn(where, R * p, Q * p));
    const pixels = (paint ? painted(found, paint) : found).reshape([B * K * T, R * p, Q * p, seen]);
    const cells = patches(pixels, p).reshape([B, K, T, S, cell]);
    const told = heat ? tf.concat([cells, heat.mul(0.1).reshape([B, K, T, S, 1])], 4) : cells;
    const gate = gatePixels(w, told)
      .add(gatePatch(w, normed).reshape([B, 1, T, S, h]))
      .add(gateImage(w, images.meaning).reshape([B, K, 1, 1, h]));
    const taken = value(w, cells)
      .mul(gate.sigmoid())
      .mul(share.reshape([B, K, share.shape[2]!, 1, 1]))
      .sum(1); // [B, T, S, h]
    return out(w, taken).reshape([B, T * S, P]);
  };
}

/**
 * Where in the frames each image's subject will be, as the words around the image tell it: for each image and frame a
 * query, times the places of the patches; and as a clip shows it, where the prompt has one. Without it what is in the noise must
 * say which of two images moves where. images.meaning [B, K, C], whole [B, 1, C], when [B, T, P] → logits [B, K, T, S]
 */
export function imagePlan(declare: Declaration, { patchWidth: P, width: C }: Preset, [R, Q]: [number, number]) {
  const fromImage = linear(declare.at('picture'), C, 2 * C);
  const fromPrompt = linear(declare.at('prompt'), C, 2 * C, { start: 0.2 });
  const fromTime = linear(declare.at('time'), P, 2 * C);
  const query = linear(declare.at('query'), 2 * C, P, { start: 0 });
  const places = gridPositions(R, Q, P);
  return (w: Weights, { meaning, wanted }: ConditionImages, whole: tf.Tensor, when: tf.Tensor): tf.Tensor => {
    const { B, K } = shape(meaning, ['B', 'K', 'C'], { C });
    const { T } = shape(when, ['B', 'T', 'P'], { B, P });
    const says = fromImage(w, meaning)
      .add(fromPrompt(w, whole))
      .reshape([B, K, 1, 2 * C]);
    const joint = silu(says.mul(fromTime(w, when).reshape([B, 1, T, 2 * C]))); // [B, K, T, 2C]
    const told = query(w, joint); // [B, K, T, P]
    const asked = (wanted ? told.add(atFrames(wanted, when)) : told).reshape([B * K * T, P]) as tf.Tensor2D;
    return tf.matMul(asked, tf.tensor2d(places, [R * Q, P]), false, true).reshape([B, K, T, R * Q]);
  };
}

/** The middles of the patches in a frame that is 1 wide and 1 high: x and y, [R * Q, 2]. */
function centres(R: number, Q: number): Float32Array {
  return Float32Array.from({ length: R * Q * 2 }, (_, i) =>
    i % 2 === 0 ? (((i >> 1) % Q) + 0.5) / Q : (Math.floor((i >> 1) / Q) + 0.5) / R,
  );
}

/** Where each pixel of frames of rows x columns pixels lies in an image that is moved, scaled and turned: x and y, [N, n]. */
function placesIn(
  { at, logSize, turn }: { at: tf.Tensor; logSize: tf.Tensor; turn: tf.Tensor },
  rows: number,
  columns: number,
): [tf.Tensor, tf.Tensor] {
  const one = (x: tf.Tensor, i: number) => x.slice([0, i], [-1, 1]);
  const places = centres(rows, columns);
  const line = (i: number) =>
    tf.tensor2d(
      Float32Array.from({ length: rows * columns }, (_, n) => places[2 * n + i]!),
      [1, rows * columns],
    );
  // The frame's pixel in the image's own measure: back from the middle, turned back, scaled back.
  const dx = line(0).sub(one(at, 0));
  const dy = line(1).sub(one(at, 1));
  const scale = logSize.neg().exp();
  const [cos, sin] = [one(turn, 0).mul(scale), one(turn, 1).mul(scale)];
  return [dx.mul(cos).add(dy.mul(sin)).add(0.5), dy.mul(cos).sub(dx.mul(sin)).add(0.5)];
}
