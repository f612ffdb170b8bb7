import type * as tf from '@tensorflow/tfjs';
import type { Preset } from '../../presets/preset.js';
import { linear, neighbours } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';
import type { Condition } from '../prompt-encoder.js';
import { layout } from './layout.js';
import { localPath } from './local-path.js';
import { type Look, lookAt } from './look.js';
import { paint } from './paint.js';
import { imagePlan, type Placed, type Places, placement, placementAt } from './placement.js';

/*
 * What a FIT has besides the paper's parts where `preset.local` is set, for models that must learn in the small:
 *
 *   layout       prompt and time say where the subject will be (layout.ts), with a loss of its own
 *   placement    after each write the prompt's images are laid into the frames (placement.ts)
 *   paint        in the colours that the words ask for (paint.ts)
 *   near         patches look at their neighbours
 *   local path   and at the frames beside theirs (local-path.ts)
 *
 * An upsampler has no layout and finds no places: it is told where the images are, as whoever drew the smaller video laid
 * them.
 */

/** Whose patches they are: B entries of T frames of R x Q patches. */
export interface PatchGrid {
  B: number;
  T: number;
  R: number;
  Q: number;
}

/** What all blocks are told of one pass. */
export interface Surroundings extends PatchGrid {
  condition: Condition;
  /** The prompt as one vector, [B, 1, C]. */
  whole: tf.Tensor;
  /** The same with noise level, frames per second and size. */
  summary: tf.Tensor;
  /** Features of each frame's time, [B, T, P]. */
  when: tf.Tensor;
  /** Of upsamplers: where the images are. */
  places?: Places | undefined;
}

export function blockInTheSmall(declare: Declaration, preset: Preset, isFirst: boolean) {
  const { patchWidth: P, low } = preset;
  const local = localPath(declare.at('local'), preset);
  const place = low ? null : placement(declare.at('place'), preset);
  // Once is enough where nothing has to be found.
  const placeAt = low && isFirst ? placementAt(declare.at('place'), preset) : null;
  const near = neighbours(declare.at('near'), P);

  /**
   * u [B, S, P], as the block wrote it → with what its patches see. To `placed` it adds where it laid the images, which
   * training reads, and at the end whoever enlarges the video.
   */
  return (w: Weights, u: tf.Tensor, around: Surroundings & Images, placed: Placed[]): tf.Tensor => {
    const { B, T, R, Q, condition, whole, when, summary, look, paint, planned, places } = around;
    let v = u;
    if (place && condition.images && look && paint) {
      const laid = place(w, v, condition.images, { look, paint, planned, whole, when, R, Q });
      placed.push(laid.placed);
      v = laid.u;
    }
    if (placeAt && condition.images && look && places) v = placeAt(w, v, condition.images, { look, places, R, Q });
    v = near(w, v.reshape([B * T, R, Q, P])).reshape([B, T * R * Q, P]);
    return local(w, v, { B, T, R, Q }, summary);
  };
}

export interface Images {
  /** Into the prompt's images, where it has some. */
  look: Look | undefined;
  /** How the words paint them; an upsampler's images are painted already. */
  paint: tf.Tensor | undefined;
  /** Where they are planned to be. */
  planned: tf.Tensor | undefined;
}

/** Before the blocks: what prompt and time say of the places of the subject and of the images. */
export function planInTheSmall(declare: Declaration, preset: Preset, grid: [rows: number, columns: number]) {
  const plan = preset.low ? null : layout(declare.at('layout'), preset);
  const planImages = preset.low ? null : imagePlan(declare.at('picture-plan'), preset, grid);
  const paintImages = preset.low ? null : paint(declare.at('paint'), preset);
  const drawn = preset.low ? null : linear(declare.at('drawn'), preset.patchWidth, 1);
  return {
    /** Logits of the subject's place, and what they add to the patches; nothing for an upsampler. */
    subject: (w: Weights, { whole, when }: Surroundings) => plan?.(w, whole, when),
    images(w: Weights, { condition, whole, when }: Surroundings): Images {
      const { images } = condition;
      return {
        paint: images && paintImages?.(w, condition, images),
        planned: images && planImages?.(w, images, whole, when),
        look: images && lookAt(images.pixels),
      };
    },
    /** The subject's place as it was drawn: logits [B, S, 1] of finished patches. */
    drawn: (w: Weights, finished: tf.Tensor) => drawn?.(w, finished),
  };
}
