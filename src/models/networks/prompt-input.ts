import { VimiError } from '../../core/errors.js';
import type { ImageRole } from '../../events/prompt.js';
import { words } from '../../language/words.js';
import { shrink } from '../encoders/built-in/area.js';
import { hash32 } from '../encoders/built-in/hash.js';
import type { MotionPath } from '../encoders/built-in/motion-path.js';
import { pieces } from '../encoders/built-in/pieces.js';
import { type PartVectors, partKey } from '../encoders/frozen-encoder.js';
import type { ModelPrompt, RgbImage } from '../ports.js';
import type { Preset } from '../presets/preset.js';
import type { Branch } from '../sampling/guidance.js';

/**
 * A prompt as the encoder reads it: words and images in reading order, or the vectors that an outside encoder made of
 * them, each saying what it is of, those of an image before it; and last the path of a clip that shows a motion.
 */
export type PromptItem =
  | { word: string | typeof hidden }
  | { image: Image; role: ImageRole }
  | { path: MotionPath }
  | { vector: Float32Array; of: 'text' | ImageRole };

/** RGB from -1 to 1, row by row, side x side x 3. */
export type Image = Float32Array;

/** A word whose spelling is withheld: training hides names so that the model must look at the image. */
export const hidden = null;

/**
 * Words and images of a prompt. At most as many as the preset reads: of images the user's own, then the first that were
 * retrieved; of words each part's share from its beginning (a long retrieved caption never pushes out the user's own words). For a preset with a frozen encoder
 * outside, `vectors` says what it gives for each text and image, read by itself (not from the paper: a caption is read once,
 * whatever it comes with). MODEL_UNKNOWN without it.
 */
export function promptItems(prompt: ModelPrompt, preset: Preset, vectors?: PartVectors): PromptItem[] {
  const { name, encoder } = preset;
  if (encoder.external && !vectors)
    throw new VimiError('MODEL_UNKNOWN', `${name} reads prompts through an external encoder, and none is connected`, {
      expected: `the folder of a language model of ${encoder.external} channels`,
    });
  const vectorsOf = (part: ModelPrompt['parts'][number]): PromptItem[] =>
    (vectors?.get(partKey(part)) ?? []).map((vector) => ({ vector, of: 'text' in part ? 'text' : part.role }));
  const itemsOf = (text: string): PromptItem[] =>
    encoder.external ? vectorsOf({ text }) : words(text).map((word) => ({ word }));
  const texts = [{ text: prompt.instruction }, ...prompt.parts].map((part) =>
    'text' in part ? itemsOf(part.text) : null,
  );
  const share = fairShares(
    texts.map((text) => text?.length ?? 0),
    encoder.words,
  );
  const isOwn = (part: ModelPrompt['parts'][number]) => 'pixels' in part && part.role !== 'reference';
  const left = { own: encoder.images, reference: encoder.images - prompt.parts.filter(isOwn).length };
  const read = [{ text: '' }, ...prompt.parts].flatMap((part, i): PromptItem[] => {
    if ('text' in part) return texts[i]!.slice(0, share[i]);
    if (left[isOwn(part) ? 'own' : 'reference']-- <= 0) return [];
    const seen = encoder.external ? vectorsOf(part) : [];
    return [...seen, { image: readImage(part.pixels, encoder.imageSide), role: part.role }];
  });
  return prompt.path && followsPaths(preset) ? [...read, { path: prompt.path }] : read;
}

/** Whether a preset's models read the path of a clip: those that find the places of images themselves. */
export const followsPaths = ({ local, low }: Preset): boolean => local && !low;

/** An image on a white square, scaled to side x side. */
export function readImage(image: RgbImage, side: number): Image {
  const { width, height, data } = image;
  const size = Math.max(width, height);
  let square = data;
  if (width !== height) {
    square = new Uint8Array(size * size * 3).fill(255);
    const [left, top] = [(size - width) >> 1, (size - height) >> 1];
    for (let row = 0; row < height; row++)
      square.set(data.subarray(row * width * 3, (row + 1) * width * 3), ((row + top) * size + left) * 3);
  }
  return Float32Array.from(shrink({ width: size, height: size, data: square }, side), (v) => 2 * v - 1);
}

/** Images that cover the frame. Guidance strengthens whatever differs between a branch with an image and one without: of these, grain. */
const unguided: readonly ImageRole[] = ['background', 'first-frame'];

/** Whether guidance of images counts for it; what covers the frame is read with the words (not from the paper). */
export function isGuided(item: PromptItem): boolean {
  const of = 'image' in item ? item.role : 'vector' in item ? item.of : 'text';
  return of !== 'text' && !unguided.includes(of);
}

/** What of a prompt each branch of guidance reads; training withholds the same. */
export const seenBy: Record<Branch, (items: PromptItem[]) => PromptItem[]> = {
  nothing: () => [],
  text: (items) => items.filter((item) => !isGuided(item) && !('path' in item)),
  all: (items) => items,
};

/** Words are given room for a multiple of this: prompts of nearly the same length have one shape. */
const wordRoom = 16;

/** For how many words a prompt is given room when a model draws from it; what takes part is told by `present`. */
export const roomFor = (items: readonly PromptItem[]): number =>
  wordRoom * Math.ceil(items.filter((item) => 'word' in item || 'vector' in item).length / wordRoom);

/** The rows of the table that a word is the sum of: itself and its pieces. Row 0 is the hidden word's alone. */
export function wordRows(word: string | typeof hidden, vocabulary: number): number[] {
  if (word === hidden) return [0];
  return [`w ${word}`, ...pieces(word)].map((feature) => 1 + (hash32(feature) % (vocabulary - 1)));
}

/** Splits `total` among wishes: nobody gets more than wished, and who wishes little gets all of it. */
function fairShares(wishes: number[], total: number): number[] {
  const shares = wishes.map(() => 0);
  let left = total;
  while (left > 0) {
    const open = wishes.flatMap((wish, i) => (wish > shares[i]! ? [i] : []));
    if (open.length === 0) break;
    const each = Math.max(1, Math.floor(left / open.length));
    for (const i of open) {
      const more = Math.min(each, wishes[i]! - shares[i]!, left);
      shares[i]! += more;
      left -= more;
    }
  }
  return shares;
}
