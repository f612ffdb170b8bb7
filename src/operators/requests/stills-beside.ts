import type { Product } from '../../flow/flow.js';
import { videoStills } from '../../media/drawing/video-stills.js';
import type { RgbVideo } from '../../media/pixels.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

/* A video's thumbnail, spritesheet and last frame lie beside it, under its name and a hash of their own bytes. */

const ending = /-(?:thumbnail|spritesheet|last-frame)-[0-9a-f]{16}\.webp$/;

/** What is stored beside a video, and named by its event. */
export async function stillsBeside(video: RgbVideo, scale: number): Promise<NonNullable<Product['beside']>> {
  const { thumbnail, spritesheet, lastFrame } = await videoStills(video, scale);
  const { width, height } = video;
  const mediaType = 'image/webp';
  return [
    { ending: '-thumbnail-{digest}.webp', body: thumbnail, mediaType, named: { field: 'thumbnail' } },
    {
      ...{ ending: '-spritesheet-{digest}.webp', body: spritesheet.image, mediaType },
      named: { field: 'spritesheet', more: spritesheet.geometry },
    },
    {
      ...{ ending: '-last-frame-{digest}.webp', body: lastFrame, mediaType },
      named: { field: 'last_frame', more: { width, height } },
    },
  ];
}

/** The key of the video that a still beside it belongs to; any other key as it is. */
export function videoKeyOf(key: string): string {
  return key.replace(ending, '.mp4');
}

/** Removes a video with what lies beside it, whether an event names it or not. */
export async function removeVideo(objects: ObjectStore, key: string): Promise<void> {
  await objects.remove(key);
  for await (const one of objects.list(besideKey(key, '-'))) if (videoKeyOf(one) === key) await objects.remove(one);
}
