import { functionWordsOf } from '../../../language/language-of.js';
import { words } from '../../../language/words.js';
import { hash32 } from '../../encoders/built-in/hash.js';
import { hidden, type PromptItem } from '../../networks/prompt-input.js';
import type { Random } from '../../numerics/random.js';
import type { Recipe } from '../loop/recipe.js';

/**
 * Changes of a sample that keep it true and make it harder to learn by heart (model.md of the design: without them the
 * model memorises names instead of looking at the image).
 *
 * - names: the words that the prompt shares with its context's captions become made-up ones, each the same in all of the
 *   prompt: they still say which image is meant, and only the image says what the subject looks like;
 * - mirror: clip and images are flipped, left and right change places in the words; not where something turns;
 * - colours: the channels of clip and images are permuted alike, and words for colours that this changes are hidden;
 * - strange words: half of all words become others, names aside: small words other small words, the rest made-up ones.
 *   People say things in other words than captions do, and what an image is for must not hang on them.
 */
export interface Augmentation {
  /** What the made-up names follow from; null: names stay as they are. */
  names: number | null;
  mirror: boolean;
  /** Which channel each channel is taken from. */
  channels: readonly [number, number, number];
  /** What the strange words follow from; null: words stay as they are. */
  strange: number | null;
}

const permutations = [
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;
const same = [0, 1, 2] as const;

export function drawAugmentation(
  random: Random,
  { hideNames, mirror, colours, strangeWords = 0 }: Recipe['augment'],
): Augmentation {
  // Always three draws, so that one setting does not shift the others; a fourth only where it is used: runs from before
  // there were strange words stay what they were.
  const [a, b, c] = [random.uniform(), random.uniform(), random.uniform()];
  const d = strangeWords > 0 ? random.uniform() : 1;
  return {
    names: a < hideNames ? Math.floor((a / hideNames) * 2 ** 31) : null,
    mirror: b < mirror,
    channels: c < colours ? permutations[Math.floor((c / colours) * permutations.length)]! : same,
    strange: d < strangeWords ? Math.floor((d / strangeWords) * 2 ** 31) : null,
  };
}

const turning = new Set(
  'spins spin spinning circles circle circling turns turn turning rotates rotate rotating clockwise'.split(' '),
);
const coloured = new Set('red orange yellow green blue purple pink brown violet cyan magenta turquoise'.split(' '));
const sides: Record<string, string> = {
  left: 'right',
  right: 'left',
  leftwards: 'rightwards',
  rightwards: 'leftwards',
};
/** Words that the prompt's own text and a context caption share: the names of what the context shows. */
export function sharedNames(items: readonly PromptItem[], contextCaptions: readonly string[]): Set<string> {
  const ofContext = new Set(contextCaptions.flatMap(words));
  const counts = new Map<string, number>();
  for (const item of items)
    if ('word' in item && typeof item.word === 'string') counts.set(item.word, (counts.get(item.word) ?? 0) + 1);
  const functionWords = functionWordsOf([...counts.keys()]);
  return new Set(
    [...counts].filter(([word, n]) => n >= 2 && ofContext.has(word) && !functionWords.has(word)).map(([word]) => word),
  );
}

/** The words of a text that name something. */
export function namingWords(text: string): string[] {
  const all = words(text);
  const functionWords = functionWordsOf(all);
  return all.filter((word) => !functionWords.has(word));
}

/** The prompt as augmented; `misnamed` are names of a wrong context and of what it stands in for, which nothing shares. */
export function augmentItems(
  items: readonly PromptItem[],
  contextCaptions: readonly string[],
  { names, mirror, channels, strange }: Augmentation,
  misnamed: ReadonlySet<string> = new Set(),
): { items: PromptItem[]; mirrored: boolean } {
  const mirrored = mirror && !items.some((item) => 'word' in item && turning.has(String(item.word)));
  const permuted = channels.some((from, to) => from !== to);
  const shared =
    names === null && strange === null ? null : new Set([...sharedNames(items, contextCaptions), ...misnamed]);
  const changed = items.map((item): PromptItem => {
    if ('image' in item) {
      const side = Math.sqrt(item.image.length / 3);
      return { ...item, image: repaint(item.image, side, mirrored, channels) };
    }
    if ('path' in item) return mirrored ? { path: item.path.map((v, i) => (i % 2 === 0 ? 1 - v : v)) } : item;
    if (!('word' in item) || typeof item.word !== 'string') return item;
    const { word } = item;
    // Of a colour that is not what it was nothing can be said any more.
    if (permuted && coloured.has(word)) return { word: hidden };
    if (shared?.has(word)) return names === null ? item : { word: madeUp(word, names) };
    if (strange !== null && hash32(`${strange} of ${word}`) % 2 === 0)
      return { word: small.includes(word) ? anotherOf(small, word, strange) : madeUp(word, strange) };
    return { word: mirrored ? (sides[word] ?? word) : word };
  });
  return { items: changed, mirrored };
}

/** That stand between what is shown, and say little of it. */
const small = 'a an the in on at by of over with near under before behind front to from and'.split(' ');
const anotherOf = (list: readonly string[], word: string, draw: number) =>
  list[hash32(`${word} as ${draw}`) % list.length]!;

/** A word that is none, of a word and a number. */
const madeUp = (word: string, draw: number): string => hash32(`${draw} ${word}`).toString(36);

/** Frames or an image, rows of `side` pixels: flipped and with the channels permuted. */
export function repaint(
  pixels: Float32Array,
  side: number,
  mirror: boolean,
  [r, g, b]: Augmentation['channels'],
): Float32Array {
  const out = new Float32Array(pixels.length);
  for (let row = 0; row < pixels.length; row += side * 3)
    for (let x = 0; x < side; x++) {
      const from = row + (mirror ? side - 1 - x : x) * 3;
      const to = row + x * 3;
      out[to] = pixels[from + r]!;
      out[to + 1] = pixels[from + g]!;
      out[to + 2] = pixels[from + b]!;
    }
  return out;
}
