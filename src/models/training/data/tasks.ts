import { instructions, type Task } from '../../../events/prompt.js';
import { functionWordsOf } from '../../../language/language-of.js';
import { composed, type Token, tokens, words } from '../../../language/words.js';
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
  // What was retrieved comes first: captions, each before its image.
  const last = prompt.parts.findLastIndex((part) => 'pixels' in part && part.role === 'reference');
  const own = prompt.parts.slice(last + 1);
  if (task === 'prediction') {
    const frame = { pixels: firstFrame, role: 'first-frame' as const };
    return { ...prompt, task, instruction: instructions[task], parts: [...own, frame] };
  }
  let parts = own;
  for (const [i, part] of prompt.parts.slice(0, last + 1).entries()) {
    const caption = prompt.parts[i - 1];
    if ('pixels' in part && caption && 'text' in caption) {
      const { pixels } = part;
      parts = replaceName(parts, caption.text, { pixels, role: pixels === background ? 'background' : 'subject' });
    }
  }
  const isBackground = (part: Part) => 'pixels' in part && part.role === 'background';
  if (backgroundFirst) parts = [...parts.filter(isBackground), ...parts.filter((part) => !isBackground(part))];
  return parts === own ? prompt : { ...prompt, task, instruction: instructions[task], parts };
}

/** The parts with the first name that the caption has too replaced by its image; the same parts when there is none. */
function replaceName(parts: Part[], caption: string, image: Part): Part[] {
  for (const [i, part] of parts.entries()) {
    const around = 'text' in part && aroundName(part.text, caption);
    if (!around) continue;
    const texts = around.map((text): Part[] => (text === '' ? [] : [{ text }]));
    return [...parts.slice(0, i), ...texts[0]!, image, ...texts[1]!, ...parts.slice(i + 1)];
  }
  return parts;
}

/** What stands before and behind the first run of words that the caption has too, function words left out; null: it has none. */
function aroundName(text: string, caption: string): [string, string] | null {
  const shared = new Set(words(caption));
  const written = composed(text);
  const all = tokens(written);
  const functionWords = functionWordsOf(all.map(({ word }) => word));
  const isOfName = ({ word }: Token) => shared.has(word) && !functionWords.has(word);
  const first = all.findIndex(isOfName);
  if (first < 0) return null;
  const behind = all.findIndex((token, i) => i > first && !isOfName(token));
  const last = all.at(behind < 0 ? -1 : behind - 1)!;
  return [written.slice(0, all[first]!.at).trim(), written.slice(last.at + last.text.length).trim()];
}
