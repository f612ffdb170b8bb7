import type { RequestImages } from '../../app/request-images.js';
import type { GenerationRequested } from '../../events/schemas.js';
import { checkUris, imagesOf, type Uploads, withImages } from '../images/references.js';
import type { Caller } from '../keys/callers.js';
import { eventOf, type VideoRequest } from './video-request.js';
import type { VideoService } from './video-service.js';

/** What no image has: it stands for those that were not looked at yet. */
const unseen = `object:images/${'0'.repeat(64)}.webp`;

/** The event that a request stands for, its images stored. All that can be refused is refused before an image is fetched or decoded. */
export async function askedVideo(
  asked: VideoRequest,
  uploads: Uploads,
  videos: VideoService,
  { caller, signal }: { caller: Caller; signal: AbortSignal },
): Promise<GenerationRequested> {
  const event = await eventOf(asked, videos.models);
  checkUris(event.prompt);
  const lastFrame = (job: string) => videos.lastFrame(job, caller);
  const wanted = imagesOf(asked, uploads, { images: videos.images, lastFrame });
  const roles = wanted.map(({ role }) => ({ uri: unseen, role }));
  videos.check({ ...event, prompt: withImages(event.prompt, roles) });
  await videos.checkModel(event);
  const images: Parameters<typeof withImages>[1][number][] = [];
  // One after the other: an image of the allowed size takes 120 MB while it is decoded.
  for (const { role, object } of wanted) images.push({ uri: `object:${(await object(signal)).key}`, role });
  return { ...event, prompt: withImages(await withoutBytes(event.prompt, videos.images), images) };
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
