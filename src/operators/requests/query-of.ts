import type { ImageRole, PromptPart, Task } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { Query } from '../../flow/flow.js';
import type { Resources } from '../../flow/operator.js';
import { promptText } from '../../language/prompt-text.js';
import type { GivenPart } from './check-request.js';
import { type ClipLimits, storePromptClip } from './prompt-clip.js';
import { storePromptImage } from './prompt-image.js';

/** Of one image of a prompt, as a step's settings say. */
export interface ImageBounds {
  max_image_bytes: number;
  max_image_pixels: number;
}

/** The same of its clips. */
export interface MediaBounds extends ImageBounds {
  max_clip_bytes: number;
  max_clip_seconds: number;
}

type Around = Pick<Resources, 'objects' | 'mediaRoots' | 'workDir'> & { signal: AbortSignal };

/** Of a frame of a clip, before it is made small. */
const mostClipPixels = 40_000_000;
/** Images and clips are kept this small: no model here looks closer. */
const longestSide = 512;
/** But what comes out as it went in, as frame 1 of a video. */
const longestFirstFrame = 2048;

/** Pixels of the longer side of an image that is kept. */
export function longestOf(role: ImageRole | undefined): number {
  return role === 'first-frame' ? longestFirstFrame : longestSide;
}

/** How a clip of a prompt is kept. */
export function clipLimits({ max_clip_bytes: maxBytes, max_clip_seconds: maxSeconds }: MediaBounds): ClipLimits {
  return { maxBytes, maxSeconds, maxPixels: mostClipPixels, longest: longestSide };
}

/** What a request that was checked says: what is searched for, and what the model reads. Its images and clips are stored; MEDIA_*. */
export async function queryOf(
  { retrieval }: Pick<GenerationRequested, 'retrieval'>,
  { given, task }: { given: GivenPart[]; task: Task },
  bounds: MediaBounds,
  around: Around,
): Promise<Query> {
  const parts = await takeIn(given, task, bounds, around);
  const texts = parts.flatMap((part) => ('text' in part ? [part.text] : []));
  return { task, parts, text: texts.join(' '), retrieval, self: {} };
}

async function takeIn(given: GivenPart[], task: Task, bounds: MediaBounds, around: Around): Promise<PromptPart[]> {
  const limits = { maxBytes: bounds.max_image_bytes, maxPixels: bounds.max_image_pixels };
  const hasFirstFrame = given.some((part) => 'image' in part && part.role === 'first-frame');
  let roleOfNext: ImageRole = task === 'prediction' && !hasFirstFrame ? 'first-frame' : 'subject';
  const parts: PromptPart[] = [];
  // One after the other: an image of the allowed size takes 120 MB while it is decoded.
  for (const [n, part] of given.entries()) {
    if ('clip' in part) {
      const clip = await storePromptClip(part, clipLimits(bounds), around);
      parts.push({ clip, caption: promptText(part.caption ?? ''), role: 'motion' });
      continue;
    }
    if (!('image' in part)) {
      const text = promptText(part.text);
      if (text !== '') parts.push({ text });
      continue;
    }
    const role = part.role ?? roleOfNext;
    const longest = longestOf(role);
    const image = await storePromptImage(part, `prompt.${n}.image`, { ...limits, longest }, around);
    const entity = promptText(part.entity ?? '');
    parts.push({ image, role, ...(entity !== '' && { entity }) });
    if (part.role === undefined) roleOfNext = 'subject';
  }
  return parts;
}
