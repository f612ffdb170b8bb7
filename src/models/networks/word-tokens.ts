import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import { shape } from '../numerics/shape.js';
import type { Preset } from '../presets/preset.js';
import { conditionWidth } from '../presets/presets.js';
import { linear, norm } from './layers.js';
import type { Numbers } from './numbers.js';
import type { Declaration, Weights } from './parameters.js';
import { type PromptItem, wordRows } from './prompt-input.js';

/**
 * Words of prompts as [B, N, C]: B prompts, N words of the longest. An item that is no word of the preset's kind takes no
 * room. Two kinds:
 *
 * - a word is the mean of hashed table rows, itself and its pieces: no word is unknown;
 * - a token that a frozen encoder outside has read (E channels) is normed and projected: what is learned is how to use it.
 */
export function wordTokens(declare: Declaration, preset: Preset) {
  const { external } = preset.encoder;
  return external ? frozenTokens(declare, external, conditionWidth(preset)) : spelledTokens(declare, preset);
}

export interface WordTokens {
  /** What the words of B prompts are made of, with room for N of each. */
  told(prompts: readonly PromptItem[][], N: number): Numbers;
  read(w: Weights, words: tf.Tensor): tf.Tensor;
}

function spelledTokens(declare: Declaration, { encoder: { vocabulary }, width: C }: Preset): WordTokens {
  const table = declare.add('words', [vocabulary, C], 1);
  return {
    told(prompts, N) {
      // A row holds how much of each table row a word is.
      const bags = new Float32Array(prompts.length * N * vocabulary);
      for (const [b, items] of prompts.entries()) {
        const words = items.filter((item) => 'word' in item);
        for (const [n, { word }] of words.entries()) {
          const rows = wordRows(word, vocabulary);
          for (const row of rows) bags[(b * N + n) * vocabulary + row]! += 1 / Math.sqrt(rows.length);
        }
      }
      return { values: bags, shape: [prompts.length, N, vocabulary] };
    },
    read(w, bags) {
      const { B, N } = shape(bags, ['B', 'N', 'vocabulary'], { vocabulary });
      return tf.matMul(bags.reshape([B * N, vocabulary]) as tf.Tensor2D, table(w) as tf.Tensor2D).reshape([B, N, C]);
    },
  };
}

/** E channels from outside, C channels here. */
function frozenTokens(declare: Declaration, E: number, C: number): WordTokens {
  const before = norm(declare.at('norm'), E);
  const project = linear(declare.at('project'), E, C);
  return {
    told(prompts, N) {
      const data = new Float32Array(prompts.length * N * E);
      for (const [b, items] of prompts.entries()) {
        const vectors = items.flatMap((item) => ('vector' in item ? [item.vector] : []));
        for (const [n, vector] of vectors.entries()) {
          if (vector.length !== E)
            throw new VimiError('SHAPE_MISMATCH', 'A token of the prompt encoder has the wrong size', {
              expected: `${E} channels`,
              found: String(vector.length),
            });
          data.set(vector, (b * N + n) * E);
        }
      }
      return { values: data, shape: [prompts.length, N, E] };
    },
    read: (w, vectors) => project(w, before(w, vectors)),
  };
}
