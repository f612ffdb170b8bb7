import * as tf from '@tensorflow/tfjs';
import { repeat } from '../networks/layers.js';
import type { Condition } from '../networks/prompt-encoder.js';
import { seenBy } from '../networks/prompt-input.js';
import type { LoadedModel } from '../weights/load-model.js';
import type { Branch } from './guidance.js';
import { eachPlace, frameNumbers, type GuidedNetwork, type GuidedVideo, placesOf } from './guided-network.js';

/** On tfjs's current backend: the branches of a step are one batch. */
export function byOperation({ model, weights }: LoadedModel, video: GuidedVideo): GuidedNetwork {
  const { items, frames: T, width: W, height: H, fps, low } = video;
  let branches: readonly Branch[] = [];
  let condition: Condition | undefined;
  let latents: tf.Tensor | undefined;
  /** What is told the branches of a step does not depend on the noise: it is read once, and when branches fall away. */
  const turnTo = (now: readonly Branch[]) => {
    if (condition && now.length === branches.length) return;
    const kept = now.map((branch) => branches.indexOf(branch));
    tf.dispose(condition ?? []);
    condition = tf.tidy(() =>
      model.encode(
        weights,
        now.map((branch) => seenBy[branch](items)),
      ),
    );
    const before = latents;
    latents = before && tf.tidy(() => tf.gather(before, tf.tensor1d(kept, 'int32')));
    tf.dispose(before ?? []);
    branches = now;
  };
  const same = (x: Float32Array) => tf.tile(tf.tensor(x, [1, T, H, W, 3]), [branches.length, 1, 1, 1, 1]);
  const places = () => {
    const [B, one] = [branches.length, placesOf(video)];
    if (!one) return undefined;
    const each = ({ values, shape }: typeof one.pose) => repeat(tf.tensor(values, shape), [B, ...shape.slice(1)]);
    return { pose: each(one.pose), known: each(one.known) };
  };
  return {
    async step(now, x, { sigma, places: withPlaces }) {
      turnTo(now);
      const [f, carried, laid] = tf.tidy(() => {
        const result = model.denoise(weights, {
          x: same(x),
          sigma: branches.map(() => sigma),
          frames: branches.map(() => frameNumbers(T)),
          fps: branches.map(() => fps),
          condition: condition!,
          latents,
          low: low && { x: same(low.x), level: branches.map(() => low.level), places: places() },
        });
        const all = branches.indexOf('all');
        const pose = withPlaces && all >= 0 ? result.placed.at(-1)?.pose.slice([all], [1]) : undefined;
        return [result.f, result.latents, pose] as const;
      });
      const out = (await f.data()) as Float32Array;
      const poses = eachPlace(((await laid?.data()) as Float32Array | undefined) ?? new Float32Array(), T);
      tf.dispose([f, latents ?? [], laid ?? []]);
      latents = carried;
      return { f: branches.map((_, b) => out.subarray(b * x.length, (b + 1) * x.length)), poses };
    },
    close: () => tf.dispose([condition ?? [], latents ?? []]),
  };
}
