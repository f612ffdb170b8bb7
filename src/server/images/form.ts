import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { RequestClips, StoredClip } from '../../app/request-clips.js';
import type { RequestImages } from '../../app/request-images.js';
import { VimiError } from '../../core/errors.js';
import { AtOnce } from '../at-once.js';
import { FormFields, malformed, partsOf } from '../form-parts.js';
import { roleOfPart } from './references.js';

/** Images of all requests together that are taken in at once: each is whole in memory, 20 MB by default. */
const atOnce = new AtOnce(16);
/** The same of clips: 50 MB by default, and each is decoded and coded anew. */
const clipsAtOnce = new AtOnce(2);
/** Those of one caller: whoever sends slowly keeps nobody else waiting. By its source, as many as there are names of keys. */
const ofOne = new Map<string, AtOnce>();
const mostOfOne = 4;

/** What takes in the files of a form, and how many of them. */
export interface FormTakers {
  images: RequestImages;
  clips: RequestClips;
  mostReferences: number;
}

/** Fields that are text, whatever they look like. */
const texts = new Set(['prompt', 'model', 'seconds', 'size', 'task', 'priority', 'start_by', 'finish_by']);

/**
 * A multipart request: its fields as one object, numbers and lists read as JSON, and its files as images and clips that are stored as they come.
 * HTTP_MALFORMED, HTTP_TOO_LARGE, MEDIA_*; EVENT_INVALID for one without a prompt.
 */
export async function readForm(
  request: FastifyRequest,
  { images, clips, mostReferences: mostFiles }: FormTakers,
  signal: AbortSignal,
): Promise<{ body: object; uploads: Map<string, StoredClip[]> }> {
  const { source } = request.caller;
  const own = ofOne.get(source) ?? new AtOnce(mostOfOne);
  ofOne.set(source, own);
  const uploads = new Map<string, StoredClip[]>();
  const fields = new FormFields(texts);
  const [mostImage, mostClip] = [images.bounds.max_image_bytes, clips.bounds.max_clip_bytes];
  const limits = {
    ...{ fileSize: Math.max(mostImage, mostClip) + 1, files: mostFiles },
    ...{ fields: 50, fieldNameSize: 100, fieldSize: 1024 * 1024, parts: 50 + mostFiles, headerPairs: 50 },
  };
  for await (const part of partsOf(request, limits)) {
    const name = part.fieldname.replace(/\[\]$/, '');
    if (part.type === 'file') {
      const role = roleOfPart(name);
      const object = await own.take(() =>
        role === 'motion'
          ? clipsAtOnce.take(async () => clips.ofBytes(await bytesOf(part, mostClip), name, signal))
          : atOnce.take(async () => images.ofBytes(await bytesOf(part, mostImage), name, role)),
      );
      uploads.set(name, [...(uploads.get(name) ?? []), object]);
      continue;
    }
    fields.add(name, part);
  }
  if (!fields.has('prompt'))
    throw new VimiError('EVENT_INVALID', 'The form has no prompt', {
      expected: 'a field named prompt beside the images: curl -F "prompt=a fox in snow" -F subject=@fox.png',
      found: [...fields.names(), ...uploads.keys()].slice(0, 10).join(', ') || 'no field',
      where: 'prompt',
    });
  return { body: fields.body(), uploads };
}

/** All of a file; HTTP_TOO_LARGE as soon as it is too long, whatever would still come of it. */
async function bytesOf({ fieldname, file }: { fieldname: string; file: Readable }, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of file as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most)
        throw new VimiError('HTTP_TOO_LARGE', 'An uploaded file is too large', {
          ...{ expected: `at most ${most} bytes`, where: fieldname },
        });
      chunks.push(chunk);
    }
  } catch (thrown) {
    malformed(thrown);
  }
  return Buffer.concat(chunks);
}
