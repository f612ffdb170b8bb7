import * as tf from '@tensorflow/tfjs';
import type { Preset } from '../presets.js';
import { repeat } from './layers.js';
import type { Declaration, Weights } from './parameters.js';
import { type Condition, hide } from './prompt-encoder.js';
import type { PromptItem } from './prompt-input.js';
import { frozenTokens } from './word-tokens.js';

/**
 * Conditioning from a language model that is frozen and lies outside (both papers'): its tokens are normed and projected,
 * nothing more. The first token says "no prompt", so that guidance has something to leave out.
 *
 *   B prompts   N tokens of the longest prompt   D channels of the conditioning
 */
export function externalEncoder(declare: Declaration, preset: Preset) {
  const { width, conditionWidth: D = width } = preset;
  const whole = declare.add('whole', [1, D], 0.5);
  const read = frozenTokens(declare, preset.encoder.external ?? 0, D);
  return (w: Weights, prompts: readonly PromptItem[][]): Condition => {
    const B = prompts.length;
    const counts = prompts.map((items) => items.filter((item) => 'vector' in item).length);
    const N = Math.max(0, ...counts);
    const present = new Float32Array(B * (N + 1));
    for (const [b, count] of counts.entries()) present.fill(1, b * (N + 1), b * (N + 1) + 1 + count);
    const first = repeat(whole(w).reshape([1, 1, D]), [B, 1, D]);
    return {
      tokens: N > 0 ? tf.concat([first, read(w, prompts, N)], 1) : first,
      bias: hide(tf.tensor(present, [B, N + 1]), N + 1),
    };
  };
}
