import type { RequestImages } from '../../app/request-images.js';
import type { GenerationRequested } from '../../events/schemas.js';
import { checkUris, type Referred, referredBy, type Uploads, withReferences } from '../images/references.js';
import type { Caller } from '../keys/callers.js';
import { eventOf, type VideoRequest } from './video-request.js';
import type { VideoService } from './video-service.js';

/** What no image and no clip has: it stands for those that were not looked at yet. */
const unseen = `images/${'0'.repeat(64)}.webp`;

/**
 * The event that a request stands for, its images and clips stored. All that can be refused is refused before one is fetched or
 * decoded, except uploads: those were decoded as they came, before the fields behind them were known.
 */
export async function askedVideo(
  asked: VideoRequest,
  uploads: Uploads,
  videos: VideoService,
  { caller, signal }: { caller: Caller; signal: AbortSignal },
): Promise<GenerationRequested> {
  const event = await eventOf(asked, videos.models);
  checkUris(event.prompt);
  const wanted = referredBy(asked, uploads, {
    ...{ images: videos.images, clips: videos.clips },
    lastFrame: (job) => videos.lastFrame(job, caller),
    video: (job) => videos.video(job, caller),
  });
  const all = wanted.map((one) => ({ ...one, key: unseen }));
  videos.check({ ...event, prompt: withReferences(event.prompt, all) });
  const motions = wanted.filter(({ role }) => role === 'motion').length;
  await videos.checkModel(event, { motions: motions && motions + clipsIn(event.prompt) });
  const stored: Referred[] = [];
  // One after the other: an image of the allowed size takes 120 MB while it is decoded.
  for (const { object, ...one } of wanted) {
    const { key, caption } = await object(signal);
    stored.push({ ...one, key, ...(caption !== undefined && { caption }) });
  }
  return { ...event, prompt: withReferences(await withoutBytes(event.prompt, videos.images), stored) };
}

/** Clips that a prompt brings itself: a model that follows one follows the last. */
function clipsIn(prompt: GenerationRequested['prompt']): number {
  return typeof prompt === 'string' ? 0 : prompt.filter(({ clip }) => clip).length;
}

/** Images that stand in a prompt itself are stored as all others are: what is none is refused now, and not by the job. */
async function withoutBytes(
  prompt: GenerationRequested['prompt'],
  images: RequestImages,
): Promise<GenerationRequested['prompt']> {
  if (typeof prompt === 'string') return prompt;
  const parts = [];
  for (const [n, part] of prompt.entries()) {
    const { image, role } = part;
    if (!image || !('base64' in image)) parts.push(part);
    else {
      const { key } = await images.ofBytes(Buffer.from(String(image.base64), 'base64'), `prompt.${n}.image`, role);
      parts.push({ ...part, image: { uri: `object:${key}` } });
    }
  }
  return parts as GenerationRequested['prompt'];
}
