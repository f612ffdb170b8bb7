import type { Task } from '../../events/prompt.js';
import { instructions } from '../../operators/compose-prompt.js';
import { words } from '../embedding/words.js';
import type { ModelPrompt, RgbImage } from '../ports.js';
import { isCommon } from './augment.js';
import type { TrainingSample } from './samples.js';

/**
 * The three tasks of VIMI's stage 2, made of what a text-to-video sample holds:
 *
 *   prediction      the sample's own text, then the clip's first frame
 *   subject-driven  the sample's own text, and in place of the subject's name its picture: the retrieved one, laid on
 *                   white. Which words are the name: those that the retrieved caption shares with the text (own choice).
 *   text-to-video   as it is, with what was retrieved
 *
 * A sample that is of another task already, or holds no such name or picture, stays as it is.
 */
export function asTask(
  sample: Pick<TrainingSample, 'prompt' | 'contextCaptions'>,
  task: Task,
  firstFrame: RgbImage,
): ModelPrompt {
  const { prompt } = sample;
  if (prompt.task !== 'text-to-video' || task === 'text-to-video') return prompt;
  const own = ownParts(sample);
  const asked = { task, instruction: instructions[task] };
  if (task === 'prediction') return { ...asked, parts: [...own, { pixels: firstFrame, role: 'first-frame' }] };
  const retrieved = prompt.parts.find((part) => 'pixels' in part && part.role === 'reference');
  const caption = sample.contextCaptions[0];
  if (!retrieved || !('pixels' in retrieved) || caption === undefined) return prompt;
  const subject = { pixels: retrieved.pixels, role: 'subject' } as const;
  for (const [i, part] of own.entries()) {
    const place = 'text' in part && nameIn(part.text, caption);
    if (!place) continue;
    const text = [part.text.slice(0, place.from).trim(), part.text.slice(place.to).trim()];
    const replaced = [{ text: text[0]! }, subject, { text: text[1]! }].filter((one) => !('text' in one) || one.text);
    return { ...asked, parts: [...own.slice(0, i), ...replaced, ...own.slice(i + 1)] };
  }
  return prompt;
}

/** The parts that were not retrieved: retrieved ones come first, a caption before each `reference`. */
function ownParts({ prompt }: Pick<TrainingSample, 'prompt'>): ModelPrompt['parts'] {
  const last = prompt.parts.findLastIndex((part) => 'pixels' in part && part.role === 'reference');
  return prompt.parts.slice(last + 1);
}

/** The first run of words in the text that the caption has too, small words left out: from and to, in characters. */
function nameIn(text: string, caption: string): { from: number; to: number } | null {
  const shared = new Set(words(caption));
  const found = { from: -1, to: -1 };
  for (const match of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    const belongs = words(match[0]).every((word) => shared.has(word) && !isCommon(word));
    if (!belongs && found.from >= 0) break;
    if (!belongs) continue;
    if (found.from < 0) found.from = match.index;
    found.to = match.index + match[0].length;
  }
  return found.from < 0 ? null : found;
}
