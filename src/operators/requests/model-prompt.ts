import type { Prompt, PromptPart } from '../../events/prompt.js';
import type { Resources } from '../../flow/operator.js';
import { clipsRead } from '../../models/check-input.js';
import { type MotionPath, readMotionPath } from '../../models/encoders/built-in/motion-path.js';
import type { ModelDescription, ModelPrompt } from '../../models/ports.js';
import { decodedImage } from '../decoded-image.js';

/** Of a clip, as admit and the corpus store them. */
const mostClipBytes = 64 * 1024 * 1024;

/**
 * A composed prompt with its images decoded, as far as a model reads it, and the places of the parts that it is not shown.
 * OBJECT_NOT_FOUND, OBJECT_DAMAGED, MEDIA_*.
 */
export async function modelPrompt(
  { task, instruction, parts }: Prompt,
  description: Pick<ModelDescription, 'takes' | 'limits' | 'path'>,
  around: Pick<Resources, 'objects' | 'workDir'> & { signal: AbortSignal },
): Promise<{ read: ModelPrompt; unreadParts: number[] }> {
  const { objects } = around;
  const unread = unreadIn(parts, description);
  const shown = parts.filter((_, n) => !unread.has(n));
  const read = await Promise.all(
    shown.map(async (part): Promise<ModelPrompt['parts'][number][]> => {
      if ('text' in part) return [part];
      if ('clip' in part) return [];
      const { image, role, entity } = part;
      return [{ pixels: await decodedImage(image, objects), role, ...(entity !== undefined && { entity }) }];
    }),
  );
  const path = await pathIn(parts, unread, description.path, around);
  const clips = await Promise.all(
    parts
      .flatMap((part, n) => ('clip' in part && !unread.has(n) && !path ? [part] : []))
      .map(async ({ clip: { key, sha256 }, caption }) => ({
        ...{ mp4: await objects.get(key, { sha256, maxBytes: mostClipBytes }), caption },
      })),
  );
  return {
    read: { task, instruction, parts: read.flat(), ...(path ? { path } : clips.length > 0 && { clips }) },
    unreadParts: [...unread].sort((a, b) => a - b),
  };
}

/**
 * The path in the one clip that a model follows, which leads images. Where there is none to lead, or nothing moves in the clip, it changes
 * nothing, and is noted among the unread.
 */
async function pathIn(
  parts: readonly PromptPart[],
  unread: Set<number>,
  points: number | undefined,
  around: Parameters<typeof modelPrompt>[2],
): Promise<MotionPath | null> {
  const at = parts.findIndex((part, n) => 'clip' in part && !unread.has(n));
  const part = parts[at];
  if (!points || !part || !('clip' in part)) return null;
  const { key, sha256 } = part.clip;
  const path = parts.some((one) => 'image' in one)
    ? await readMotionPath(await around.objects.get(key, { sha256, maxBytes: mostClipBytes }), points, around)
    : null;
  if (!path) unread.add(at);
  return path;
}

/**
 * An own model reads all images, and of clips one at most, whose path it follows. A model server says what it takes: the images of the request have the first
 * places, and the best of what was retrieved get those that are left. A caption goes with its image.
 */
function unreadIn(
  parts: readonly PromptPart[],
  { takes, limits, path }: Pick<ModelDescription, 'takes' | 'limits' | 'path'>,
): Set<number> {
  const places = (is: (part: PromptPart) => boolean) => parts.flatMap((part, n) => (is(part) ? [n] : []));
  const clips = places((part) => 'clip' in part);
  // Those of the request come last.
  const unreadClips = clips.slice(0, Math.max(0, clips.length - clipsRead({ takes, path })));
  if (!takes) return new Set(unreadClips);
  const own = places((part) => 'image' in part && part.role !== 'reference').length;
  const room = takes.roles.includes('subject') ? Math.max(0, limits.images - own) : 0;
  const unreadImages = places((part) => 'image' in part && part.role === 'reference').slice(room);
  const captions = unreadImages.map((n) => n - 1).filter((n) => n >= 0 && 'text' in parts[n]!);
  return new Set([...unreadClips, ...unreadImages, ...captions]);
}
