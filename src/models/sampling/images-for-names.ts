import { instructions } from '../../events/prompt.js';
import { functionWordsOf } from '../../language/language-of.js';
import { words } from '../../language/words.js';
import { imagesForNames } from '../name-in-prompt.js';
import { matteOf } from '../networks/extensions/matte.js';
import { readImage } from '../networks/prompt-input.js';
import type { ModelPrompt, RgbImage } from '../ports.js';
import type { Preset } from '../presets/preset.js';

/**
 * The prompt with retrieved images in the place of their names, as subject-driven prompts have theirs (not from the paper): where the
 * request's words name two or more of them, so that each is bound to the words beside it; or one that is a scene behind the rest. An
 * image is the background where its name follows one of `backgroundAfter` ("in front of the bay of Vematar") and it is no subject on a
 * plain ground. What the words do not name stays before them, with its caption. The event's prompt is not changed.
 */
export function withImagesForNames(
  prompt: ModelPrompt,
  { imagesForNames: wanted = false, backgroundAfter = [] }: Pick<Preset, 'imagesForNames' | 'backgroundAfter'>,
): ModelPrompt {
  if (!wanted || prompt.task !== 'text-to-video') return prompt;
  const { own, unnamed, roles } = imagesForNames(prompt.parts, (pixels, before) =>
    follows(before, backgroundAfter) && isScene(pixels) ? 'background' : 'subject',
  );
  if (roles.length < 2 && roles[0] !== 'background') return prompt;
  const instruction = instructions[unnamed.length > 0 ? 'text-to-video with context' : 'subject-driven'];
  return { ...prompt, task: 'subject-driven', instruction, parts: [...unnamed, ...own] };
}

/** Whether a text ends with one of these phrases, function words behind it left out. */
function follows(text: string, phrases: readonly string[]): boolean {
  const said = words(text);
  const functionWords = functionWordsOf(said);
  for (let end = said.length; end > 0; end--) {
    const before = ` ${said.slice(0, end).join(' ')}`;
    if (phrases.some((phrase) => before.endsWith(` ${phrase}`))) return true;
    if (!functionWords.has(said[end - 1]!)) return false;
  }
  return false;
}

const side = 32;
/** Of the picture, what is no plain ground around a subject: scenes have more, even with rounded corners. */
const leastOfScene = 0.85;

function isScene(pixels: RgbImage): boolean {
  const matte = matteOf(readImage(pixels, side), side);
  return matte.reduce((sum, opaque) => sum + opaque, 0) >= leastOfScene * matte.length;
}
