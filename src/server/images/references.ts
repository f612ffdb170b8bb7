import { z } from 'zod';
import type { RequestImages } from '../../app/request-images.js';
import { VimiError } from '../../core/errors.js';
import { leftOut } from '../../events/input.js';
import type { ImageRole, ObjectRef } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';

/*
 * Images that come with a request. Each becomes an object, and a part of the prompt before its text; what the event carries is
 * the object's name.
 */

const address = z.string().min(1).max(4096);
/** Characters of the longest image that stands in a JSON body: 20 MB in base64, and what a data URL says before it. */
export const longestInline = 26_700_000;
const dataUrl = z.string().max(longestInline);

const sources = ['image_url', 'data_url', 'document_id', 'video_id', 'upload'] as const;

export const reference = z
  .strictObject({
    role: leftOut(z.enum(['subject', 'background', 'first_frame', 'first-frame'])).describe('default: subject'),
    image_url: leftOut(dataUrl).describe('an address on one of media_hosts of the topology, or a data URL'),
    data_url: leftOut(dataUrl).describe('data:image/png;base64,...'),
    document_id: leftOut(z.string().max(64)).describe('the image of a document of the corpus'),
    video_id: leftOut(z.string().max(200)).describe('the last frame of a completed job, pixel for pixel'),
    upload: leftOut(z.string().max(200)).describe('the name of a part of this multipart request'),
  })
  .refine(
    (one) => sources.filter((name) => one[name] !== undefined).length === 1,
    `exactly one of ${sources.join(', ')}`,
  )
  .meta({ id: 'Reference' });
export type Reference = z.infer<typeof reference>;

/** What other APIs call an image that the video begins with. */
export const imageReference = z.strictObject({ image_url: address.or(dataUrl) });

/** Names of multipart parts that say what an image is for. */
const partRoles: Record<string, ImageRole> = {
  input_reference: 'first-frame',
  first_frame: 'first-frame',
  subject: 'subject',
  background: 'background',
};

/** What a part of a multipart request is for, by its name; undefined: `references` says it. */
export function roleOfPart(name: string): ImageRole | undefined {
  return Object.hasOwn(partRoles, name) ? partRoles[name] : undefined;
}

/** Images that came as parts of a multipart request, by the names of the parts. */
export type Uploads = ReadonlyMap<string, ObjectRef[]>;

interface Wanted {
  role: ImageRole;
  object(signal: AbortSignal): Promise<ObjectRef>;
}

/** The fields of a request that name images. */
export interface AskedImages {
  references?: Reference[] | undefined;
  input_reference?: z.infer<typeof imageReference> | undefined;
  image_reference?: z.infer<typeof imageReference> | undefined;
}

/** Where images come from that do not stand in the request. */
export interface ImageSources {
  images: RequestImages;
  /** The last frame of a job. */
  lastFrame(job: string): Promise<ObjectRef>;
}

/** The images of a request, none of them looked at. EVENT_INVALID for an upload that is not there, or that nothing names. */
export function imagesOf(asked: AskedImages, uploads: Uploads, { images, lastFrame }: ImageSources): Wanted[] {
  const wanted: Wanted[] = [];
  const named = new Set<string>();
  const add = (one: Reference, where: string) => {
    const role: ImageRole = one.role === 'first_frame' ? 'first-frame' : (one.role ?? 'subject');
    const { image_url: url = one.data_url, document_id: document, video_id: job, upload } = one;
    if (upload !== undefined) {
      named.add(upload);
      for (const object of uploaded(uploads, upload)) wanted.push({ role, object: async () => object });
    } else if (document !== undefined) wanted.push({ role, object: () => images.ofDocument(document) });
    else if (job !== undefined) wanted.push({ role, object: async () => images.ofFrame(await lastFrame(job)) });
    else if (url?.startsWith('data:')) wanted.push({ role, object: () => images.ofDataUrl(url, where, role) });
    else wanted.push({ role, object: (signal) => images.ofAddress(url ?? '', where, { role, signal }) });
  };
  for (const [n, one] of (asked.references ?? []).entries()) add(one, `references.${n}`);
  for (const name of ['input_reference', 'image_reference'] as const) {
    const one = asked[name];
    if (one) add({ role: 'first-frame', image_url: one.image_url } as Reference, name);
  }
  for (const [name, objects] of uploads) {
    if (named.has(name)) continue;
    const role = roleOfPart(name);
    if (role === undefined)
      throw new VimiError('EVENT_INVALID', 'Nothing says what an uploaded image is for', {
        expected: `a part named ${Object.keys(partRoles).join(', ')}, or references with its name as upload`,
        found: name,
      });
    for (const object of objects) wanted.push({ role, object: async () => object });
  }
  return wanted;
}

function uploaded(uploads: Uploads, name: string): ObjectRef[] {
  const found = uploads.get(name);
  if (found) return found;
  throw new VimiError('EVENT_INVALID', 'A reference names an upload that did not come', {
    expected: 'a file part of this name in a multipart request',
    found: name,
    where: 'references',
  });
}

/** A prompt with images before its texts. */
export function withImages(
  prompt: GenerationRequested['prompt'],
  images: readonly { uri: string; role: ImageRole }[],
): GenerationRequested['prompt'] {
  if (images.length === 0) return prompt;
  const parts = images.map(({ uri, role }) => ({ image: { uri }, role }));
  return [...parts, ...(typeof prompt === 'string' ? [{ text: prompt }] : prompt)] as GenerationRequested['prompt'];
}

/** Images and clips of prompts are stored under names like these; nothing else of the store, and no file, is anybody's to name over HTTP. */
const imageUri = /^object:images\/[0-9a-f]{64}\.webp$/;
const clipUri = /^object:clips\/[0-9a-f]{64}\.mp4$/;

/** MEDIA_FORBIDDEN for a part that names a file of this machine, or an object that is no image or clip of a prompt. */
export function checkUris(prompt: GenerationRequested['prompt']): void {
  if (typeof prompt === 'string') return;
  for (const [n, { image, clip }] of prompt.entries()) {
    if (image && 'uri' in image) checkUri(String(image.uri), imageUri, `prompt.${n}.image.uri`);
    if (clip) checkUri(clip.uri, clipUri, `prompt.${n}.clip.uri`);
  }
}

function checkUri(uri: string, allowed: RegExp, where: string): void {
  if (allowed.test(uri)) return;
  throw new VimiError('MEDIA_FORBIDDEN', 'A prompt over HTTP cannot name files or other objects of the server', {
    ...{ expected: 'object:images/SHA256.webp or object:clips/SHA256.mp4', found: uri, where },
    remedy:
      'Send an image itself: base64 in its place, references with image_url, data_url or document_id, or an upload.',
  });
}
