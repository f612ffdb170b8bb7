import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../errors.js';
import { combine, guidanceBranches } from './diffusion/guidance.js';
import { cIn, cOut, cSkip, inputScale, sigmaData } from './diffusion/preconditioning.js';
import { Random } from './diffusion/random.js';
import { sample } from './diffusion/sampler.js';
import { karrasSchedule } from './diffusion/schedule.js';
import { threshold } from './diffusion/thresholding.js';
import type { LoadedModel } from './load-model.js';
import { promptItems, seenBy } from './networks/prompt-input.js';
import type { GenerateInput, RgbVideo } from './ports.js';

/** Noise levels of the sampler. 40 drowns a video at this input scale; below .005 nothing is seen any more. */
export const noiseRange = { min: 0.005, max: 40 };

/**
 * One video from one prompt: deterministic in (input, weights, backend). The branches of guidance are one batch; other
 * requests never are, so nobody's video depends on its neighbours.
 *
 * CANCELLED at the step border after `signal` is aborted.
 */
export async function generate(
  { model, weights }: LoadedModel,
  input: GenerateInput,
  { signal, onStep }: { signal: AbortSignal; onStep?(done: number, total: number): void },
): Promise<RgbVideo> {
  const { preset } = model;
  const [T, H, W] = [input.frames, preset.side, preset.side];
  const items = promptItems(input.prompt, preset);
  const branches = guidanceBranches(
    input.guidance,
    items.some((item) => 'picture' in item),
  );
  const B = branches.length;
  const p = { sd: sigmaData, si: inputScale(preset.frames, preset.side) };

  // Independent of the noise level: once for all steps.
  const condition = tf.tidy(() =>
    model.encode(
      weights,
      branches.map(([branch]) => seenBy[branch](items)),
    ),
  );
  let latents: tf.Tensor | undefined;
  try {
    const denoise = async (y: Float64Array, sigma: number) => {
      const [f, carried] = tf.tidy(() => {
        const one = tf.tensor(
          Float32Array.from(y, (v) => v * cIn(p, sigma)),
          [1, T, H, W, 3],
        );
        const result = model.denoise(weights, {
          x: tf.tile(one, [B, 1, 1, 1, 1]),
          sigma: branches.map(() => sigma),
          frames: branches.map(() => Array.from({ length: T }, (_, t) => t)),
          fps: branches.map(() => input.fps),
          condition,
          latents,
        });
        return [result.f, result.latents] as const;
      });
      const out = (await f.data()) as Float32Array;
      tf.dispose([f, latents]);
      latents = carried;
      const length = y.length;
      const clean = branches.map((_, b) =>
        Float64Array.from(y, (v, i) => cSkip(p, sigma) * v + cOut(p, sigma) * out[b * length + i]!),
      );
      return threshold(combine(branches, clean));
    };
    const x = await sample(denoise, new Random(input.seed).normals(T * H * W * 3), p, {
      schedule: karrasSchedule(input.steps, noiseRange),
      onStep: async (done, total) => {
        onStep?.(done, total);
        await setImmediate(); // lets a cancellation in
        if (signal.aborted)
          throw new VimiError('CANCELLED', 'The generation was cancelled', { where: `step ${done} of ${total}` });
      },
    });
    if (!x.every(Number.isFinite)) throw new VimiError('INTERNAL', 'The network gave numbers that are not finite');
    return crop(x, { frames: T, side: preset.side }, input);
  } finally {
    tf.dispose([condition.tokens, condition.bias, condition.fine, condition.fineBias]);
    if (latents) tf.dispose(latents);
  }
}

/** Bytes of the middle of each frame: a smaller video is a part of a native one. */
function crop(
  x: Float64Array,
  { frames, side }: { frames: number; side: number },
  { width, height }: { width: number; height: number },
): RgbVideo {
  const data = new Uint8Array(frames * height * width * 3);
  const [left, top] = [(side - width) >> 1, (side - height) >> 1];
  let at = 0;
  for (let t = 0; t < frames; t++)
    for (let row = 0; row < height; row++) {
      const from = ((t * side + row + top) * side + left) * 3;
      for (let i = 0; i < width * 3; i++)
        data[at++] = Math.round(Math.max(0, Math.min(255, (x[from + i]! + 1) * 127.5)));
    }
  return { frames, width, height, data };
}
