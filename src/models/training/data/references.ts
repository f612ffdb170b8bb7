import { moveImage } from '../../../media/drawing/moved-image.js';
import type { Random } from '../../numerics/random.js';
import type { ModelPrompt, RgbImage } from '../../ports.js';
import type { Pose } from '../labels/match.js';
import { namingWords } from './augment.js';
import type { TrainingSample } from './samples.js';

/*
 * Changes of a sample's references that leave its clip as it is, so that the model learns what not to take from them. Not from the paper.
 *
 * - wrong contexts: another sample's caption and image stand where a retrieved document was. What its words do not name, the clip does
 *   not show: the model learns to leave it out.
 * - turned images: a subject stands turned and smaller in its image, and upright in the clip.
 */

type Part = ModelPrompt['parts'][number];

export interface Misled {
  prompt: ModelPrompt;
  /** The words that name what was put in and what was taken out. */
  misnamed: ReadonlySet<string>;
}

/** Each retrieved document becomes, with this probability, one of another sample that shares no name with the sample's own words. */
export function withWrongContexts(
  { prompt }: TrainingSample,
  samples: readonly TrainingSample[],
  { share = 0, random }: { share?: number | undefined; random: Random },
): Misled {
  const misnamed = new Set<string>();
  if (share === 0) return { prompt, misnamed };
  const all = documentsOf(prompt);
  const own = new Set(
    prompt.parts.slice(afterDocuments(prompt)).flatMap((part) => ('text' in part ? namingWords(part.text) : [])),
  );
  const parts = [...prompt.parts];
  for (const { at, caption } of all) {
    if (random.uniform() >= share) continue;
    const others = documentsOf(samples[random.below(samples.length)]!.prompt);
    const other = others[random.below(Math.max(1, others.length))];
    const names = other ? namingWords(other.caption.text) : [];
    if (!other || names.some((name) => own.has(name))) continue;
    [parts[at], parts[at + 1]] = [other.caption, other.image];
    for (const name of [...names, ...namingWords(caption.text).filter((one) => own.has(one))]) misnamed.add(name);
  }
  return { prompt: { ...prompt, parts }, misnamed };
}

/** Where what was retrieved ends: captions, each before its image. */
const afterDocuments = ({ parts }: ModelPrompt) =>
  parts.findLastIndex((part) => 'pixels' in part && part.role === 'reference') + 1;

interface Document {
  at: number;
  caption: Part & { text: string };
  image: Part & { pixels: RgbImage };
}

function documentsOf(prompt: ModelPrompt): Document[] {
  return prompt.parts.slice(0, afterDocuments(prompt)).flatMap((image, i, before) => {
    const caption = before[i - 1];
    return 'pixels' in image && caption && 'text' in caption ? [{ at: i - 1, caption, image }] : [];
  });
}

/** How far a reference is turned to either side, and how much smaller than would fit it may be. */
const mostTurn = Math.PI / 3;
const leastSize = 0.75;

/**
 * The prompt with images of subjects turned, each with this probability; and of each of those which image it was and in which pose it
 * is shown. `background` stays.
 */
export function withTurnedImages(
  prompt: ModelPrompt,
  background: RgbImage | undefined,
  { share = 0, random }: { share?: number | undefined; random: Random },
): { prompt: ModelPrompt; posed: Map<RgbImage, { of: RgbImage; pose: Pose }> } {
  const posed = new Map<RgbImage, { of: RgbImage; pose: Pose }>();
  if (share === 0) return { prompt, posed };
  const parts = prompt.parts.map((part) => {
    const shows = 'pixels' in part && (part.role === 'reference' || part.role === 'subject');
    if (!shows || part.pixels === background || random.uniform() >= share) return part;
    const turn = mostTurn * (2 * random.uniform() - 1);
    // A turned square fits.
    const fits = 1 / (Math.abs(Math.cos(turn)) + Math.abs(Math.sin(turn)));
    const size = fits * (leastSize + (1 - leastSize) * random.uniform());
    const pixels = moveImage(part.pixels, { x: 0, y: 0, size, angle: turn });
    posed.set(pixels, { of: part.pixels, pose: { x: 0.5, y: 0.5, size, turn } });
    return { ...part, pixels };
  });
  return { prompt: { ...prompt, parts }, posed };
}
