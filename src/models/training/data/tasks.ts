import { instructions, type Task } from '../../../events/prompt.js';
import { imagesForNames, splitRetrieved } from '../../name-in-prompt.js';
import type { ModelPrompt, RgbImage } from '../../ports.js';

type Part = ModelPrompt['parts'][number];

/**
 * The three tasks of VIMI's stage 2, made of what a text-to-video sample holds:
 *
 *   prediction      the sample's own text, then the clip's first frame
 *   subject-driven  the sample's own text, and in place of each subject's name its image: a retrieved one, which shows
 *                   it on white; the image that is the clip's background, where there is one, as the background. Which words
 *                   are the name: those that the image's caption shares with the text (not from the paper). What the text does
 *                   not name is left out. `backgroundFirst`: the background is said before everything else.
 *   text-to-video   as it is, with what was retrieved
 *
 * A prompt of another task, or one that names nothing it has an image of, stays as it is.
 */
export function asTask(
  prompt: ModelPrompt,
  task: Task,
  {
    firstFrame,
    background,
    backgroundFirst = false,
  }: { firstFrame: RgbImage; background?: RgbImage; backgroundFirst?: boolean },
): ModelPrompt {
  if (prompt.task !== 'text-to-video' || task === 'text-to-video') return prompt;
  if (task === 'prediction') {
    const frame = { pixels: firstFrame, role: 'first-frame' as const };
    const { own } = splitRetrieved(prompt.parts);
    return { ...prompt, task, instruction: instructions[task], parts: [...own, frame] };
  }
  const { own, roles } = imagesForNames(prompt.parts, (pixels) => (pixels === background ? 'background' : 'subject'));
  if (roles.length === 0) return prompt;
  const isBackground = (part: Part) => 'pixels' in part && part.role === 'background';
  const parts = backgroundFirst ? [...own.filter(isBackground), ...own.filter((part) => !isBackground(part))] : own;
  return { ...prompt, task, instruction: instructions[task], parts };
}
