import { z } from 'zod';
import type { RequestClips, StoredClip } from '../../app/request-clips.js';
import { inPlace } from '../../app/request-entities.js';
import type { RequestImages } from '../../app/request-images.js';
import { VimiError } from '../../core/errors.js';
import { characters, leftOut } from '../../events/input.js';
import type { ImageRole, ObjectRef } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';

/*
 * Images that come with a request, and clips that show a motion. Each becomes an object, and a part of the prompt before its
 * text; what the event carries is the object's name.
 */

const address = z.string().min(1).max(4096);
/** Characters of the longest image that stands in a JSON body: 20 MB in base64, and what a data URL says before it. */
export const longestInline = 26_700_000;
const dataUrl = z.string().max(longestInline);

/** The part of a multipart request that is a clip. */
const motionPart = 'motion';

const sources = ['image_url', 'data_url', 'document_id', 'video_id', 'upload'] as const;

export const reference = z
  .strictObject({
    role: leftOut(z.enum(['subject', 'background', 'first_frame', 'first-frame', 'motion'])).describe(
      'default: subject. motion: a clip that shows how something moves',
    ),
    image_url: leftOut(dataUrl).describe('an address on one of media_hosts of the topology, or a data URL; no motion'),
    data_url: leftOut(dataUrl).describe('data:image/png;base64,...; of a motion data:video/mp4;base64,...'),
    document_id: leftOut(z.string().max(64)).describe(
      'the image of a document of the corpus; of a motion the clip that it is',
    ),
    video_id: leftOut(z.string().max(200)).describe(
      'the last frame of a completed job, pixel for pixel; of a motion its video',
    ),
    entity: leftOut(characters(1, 200)).describe(
      'words of the prompt that the image stands for, such as "fox"; left out: it stands before the text',
    ),
    upload: leftOut(z.string().max(200)).describe(
      `the name of a part of this multipart request; of a motion a part named ${motionPart}`,
    ),
  })
  .refine(
    (one) => sources.filter((name) => one[name] !== undefined).length === 1,
    `exactly one of ${sources.join(', ')}`,
  )
  .refine(({ role, image_url: url }) => role !== 'motion' || url === undefined, {
    error: 'data_url, document_id, video_id or upload: a clip is not fetched from an address',
    path: ['image_url'],
  })
  .refine(({ role, entity }) => entity === undefined || !(role === 'motion' || role?.startsWith('first')), {
    error: 'no words: a first frame and a motion stand for the whole video',
    path: ['entity'],
  })
  .refine(({ role, upload }) => upload === undefined || (role === 'motion') === (upload === motionPart), {
    error: `the clip of a motion as a part named ${motionPart}, and an image as a part of another name`,
    path: ['upload'],
  })
  .meta({ id: 'Reference' });
export type Reference = z.infer<typeof reference>;

/** What other APIs call an image that the video begins with. */
export const imageReference = z.strictObject({ image_url: address.or(dataUrl) });

/** What a reference is for: an image, or a clip that shows a motion. */
export type ReferenceRole = Exclude<ImageRole, 'reference'> | 'motion';

/** Names of multipart parts that say what they are for. */
const partRoles: Record<string, ReferenceRole> = {
  input_reference: 'first-frame',
  first_frame: 'first-frame',
  subject: 'subject',
  background: 'background',
  [motionPart]: 'motion',
};

/** What a part of a multipart request is for, by its name; undefined: `references` says it. */
export function roleOfPart(name: string): ReferenceRole | undefined {
  return Object.hasOwn(partRoles, name) ? partRoles[name] : undefined;
}

/** Images and clips that came as parts of a multipart request, by the names of the parts. */
export type Uploads = ReadonlyMap<string, StoredClip[]>;

interface Wanted {
  role: ReferenceRole;
  /** Words of the prompt that it stands for. */
  entity?: string | undefined;
  /** As the caller knows it. */
  where: string;
  /** Stores it. */
  object(signal: AbortSignal): Promise<StoredClip>;
}

/** The fields of a request that name images. */
export interface AskedImages {
  references?: Reference[] | undefined;
  input_reference?: z.infer<typeof imageReference> | undefined;
  image_reference?: z.infer<typeof imageReference> | undefined;
}

/** Where images and clips come from that do not stand in the request. */
export interface ReferenceSources {
  images: RequestImages;
  clips: RequestClips;
  /** The last frame of a job. */
  lastFrame(job: string): Promise<ObjectRef>;
  /** The video of a job. */
  video(job: string): Promise<{ object: ObjectRef; seconds: number }>;
}

/** What a request refers to, none of it looked at. EVENT_INVALID for an upload that is not there, or that nothing names. */
export function referredBy(
  asked: AskedImages,
  uploads: Uploads,
  { images, clips, lastFrame, video }: ReferenceSources,
): Wanted[] {
  const wanted: Wanted[] = [];
  const named = new Set<string>();
  const motionOf = ({ document_id: document, video_id: job, data_url: url = '' }: Reference, where: string) => {
    if (document !== undefined) return () => clips.ofDocument(document, where);
    if (job === undefined) return (signal: AbortSignal) => clips.ofDataUrl(url, where, signal);
    return async () => {
      const { object, seconds } = await video(job);
      return clips.ofVideo(object, seconds, where);
    };
  };
  const imageOf = (one: Reference, role: ImageRole, where: string) => {
    const { image_url: url = one.data_url, document_id: document, video_id: job } = one;
    if (document !== undefined) return () => images.ofDocument(document);
    if (job !== undefined) return async () => images.ofFrame(await lastFrame(job));
    if (url?.startsWith('data:')) return () => images.ofDataUrl(url, where, role);
    return (signal: AbortSignal) => images.ofAddress(url ?? '', where, { role, signal });
  };
  const add = (one: Reference, where: string) => {
    const role = one.role === 'first_frame' ? 'first-frame' : (one.role ?? 'subject');
    const { entity, upload } = one;
    if (upload !== undefined) {
      named.add(upload);
      for (const object of uploaded(uploads, upload)) wanted.push({ role, entity, where, object: async () => object });
    } else if (role === 'motion') wanted.push({ role, where, object: motionOf(one, where) });
    else wanted.push({ role, entity, where, object: imageOf(one, role, where) });
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
    for (const object of objects) wanted.push({ role, where: name, object: async () => object });
  }
  return wanted;
}

function uploaded(uploads: Uploads, name: string): StoredClip[] {
  const found = uploads.get(name);
  if (found) return found;
  throw new VimiError('EVENT_INVALID', 'A reference names an upload that did not come', {
    expected: 'a file part of this name in a multipart request',
    found: name,
    where: 'references',
  });
}

/** What a request refers to, once it is stored. */
export type Referred = StoredClip & Omit<Wanted, 'object'>;

/** A prompt with what it refers to. EVENT_INVALID for an image that stands for words that the prompt does not have. */
export function withReferences(
  prompt: GenerationRequested['prompt'],
  references: readonly Referred[],
): GenerationRequested['prompt'] {
  return inPlace(
    prompt,
    references.map(({ key, caption, role, entity, where }) => ({
      part:
        role === 'motion'
          ? { clip: { uri: `object:${key}` }, ...(caption !== undefined && { caption }), role }
          : { image: { uri: `object:${key}` }, role },
      ...{ entity, where: `${where}.entity` },
    })),
  );
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
      'Send an image itself: base64 in its place, references with image_url, data_url or document_id, or an upload. Send a clip as a reference with the role motion: data_url, document_id, video_id, or an upload.',
  });
}
