import { functionWordsOf } from '../../language/language-of.js';
import { words } from '../../language/words.js';
import { matteOf } from '../networks/extensions/matte.js';
import { readImage } from '../networks/prompt-input.js';
import type { ModelPrompt, RgbImage } from '../ports.js';

/**
 * The prompt with the role background for each retrieved image that the request's own words name as one: its caption's name follows
 * one of `after` ("in front of the bay of Vematar"), and it is a scene, that is, no subject on a plain ground. Retrieval does not
 * say what an image is for; as a background it is read as the request's own would be, and guidance does not make grain of it.
 */
export function withRetrievedBackgrounds(prompt: ModelPrompt, after: readonly string[] = []): ModelPrompt {
  const { parts } = prompt;
  const isRetrieved = (part: ModelPrompt['parts'][number]) => 'pixels' in part && part.role === 'reference';
  const own = parts.slice(parts.findLastIndex(isRetrieved) + 1);
  const said = words(own.map((part) => ('text' in part ? part.text : '')).join(' '));
  return {
    ...prompt,
    parts: parts.map((part, i) => {
      const caption = parts[i - 1];
      if (!('pixels' in part) || part.role !== 'reference' || !caption || !('text' in caption)) return part;
      return isSaidAfter(words(caption.text), said, after) && isScene(part.pixels)
        ? { ...part, role: 'background' }
        : part;
    }),
  };
}

/** Whether the name, without the function words before it, is said after one of these, function words between them left out. */
function isSaidAfter(caption: readonly string[], said: readonly string[], after: readonly string[]): boolean {
  const functionWords = functionWordsOf([...caption, ...said]);
  const name = caption.slice(
    Math.max(
      0,
      caption.findIndex((word) => !functionWords.has(word)),
    ),
  );
  return said.some((_, at) => {
    if (!name.every((word, i) => word === said[at + i])) return false;
    let end = at;
    const before = () => ` ${said.slice(0, end).join(' ')}`;
    const follows = () => after.some((phrase) => before().endsWith(` ${phrase}`));
    while (!follows() && end > 0 && functionWords.has(said[end - 1]!)) end--;
    return follows();
  });
}

const side = 32;
/** Of the picture, what is no plain ground around a subject: scenes have more, even with rounded corners. */
const leastOfScene = 0.85;

function isScene(pixels: RgbImage): boolean {
  const matte = matteOf(readImage(pixels, side), side);
  return matte.reduce((sum, opaque) => sum + opaque, 0) >= leastOfScene * matte.length;
}
