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
  return { ...event, prompt: withImages(event.prompt, images) };
}
