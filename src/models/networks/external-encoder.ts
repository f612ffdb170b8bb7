import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../errors.js';
import type { Preset } from '../presets.js';
import { linear, norm, repeat } from './layers.js';
import type { Declaration, Weights } from './parameters.js';
import { type Condition, hide } from './prompt-encoder.js';
import type { PromptItem } from './prompt-input.js';

/**
 * Conditioning from a language model that is frozen and lies outside (both papers'): its tokens are normed and projected,
 * nothing more. The first token says "no prompt", so that guidance has something to leave out.
 *
 *   B prompts   N tokens of the longest prompt, and one   E channels from outside   D channels of the conditioning
 */
export function externalEncoder(
  declare: Declaration,
  { encoder, width, conditionWidth = width, patchWidth: P }: Preset,
) {
  const E = encoder.external ?? 0;
  const whole = declare.add('whole', [1, conditionWidth], 0.5);
  const before = norm(declare.at('norm'), E);
  const project = linear(declare.at('project'), E, conditionWidth);
  return (w: Weights, prompts: readonly PromptItem[][]): Condition => {
    const B = prompts.length;
    const vectors = prompts.map((items) => items.flatMap((item) => ('vector' in item ? [item.vector] : [])));
    const N = Math.max(0, ...vectors.map((list) => list.length));
    const data = new Float32Array(B * N * E);
    const present = new Float32Array(B * (N + 1));
    for (const [b, list] of vectors.entries()) {
      present.fill(1, b * (N + 1), b * (N + 1) + 1 + list.length);
      for (const [n, vector] of list.entries()) {
        if (vector.length !== E)
          throw new VimiError('SHAPE_MISMATCH', 'A token of the prompt encoder has the wrong size', {
            expected: `${E} channels`,
            found: String(vector.length),
          });
        data.set(vector, (b * N + n) * E);
      }
    }
    const first = repeat(whole(w).reshape([1, 1, conditionWidth]), [B, 1, conditionWidth]);
    const tokens = N > 0 ? tf.concat([first, project(w, before(w, tf.tensor(data, [B, N, E])))], 1) : first;
    // Nothing of a picture goes past this encoder: there are no fine tokens to look at.
    return {
      tokens,
      bias: hide(tf.tensor(present, [B, N + 1]), N + 1),
      fine: tf.zeros([B, 1, P]),
      fineBias: tf.zeros([B, 1, 1, 1]),
    };
  };
}
