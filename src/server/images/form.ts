import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { RequestClips, StoredClip } from '../../app/request-clips.js';
import type { RequestImages } from '../../app/request-images.js';
import { AtOnce } from '../../core/at-once.js';
import { VimiError } from '../../core/errors.js';
import { FormFields, malformed, partsOf } from '../form-parts.js';
import { roleOfPart } from './references.js';

/** Images of all requests together that are decoded at once. */
const atOnce = new AtOnce(16);
/**
 * Files of one caller that are read at once, each whole in memory: whoever sends slowly keeps nobody else waiting. By its
 * source, as many as there are names of keys.
 */
const ofOne = new Map<string, AtOnce>();
const mostOfOne = 4;

/** What takes in the files of a form, and how many of them. */
export interface FormTakers {
  images: RequestImages;
  clips: RequestClips;
  mostReferences: { images: number; clips: number };
  /** Refuses clips that are still to come, so many by now, where the model follows fewer. REQUEST_UNSUPPORTED. */
  checkClips(clips: number): Promise<void>;
}

/** Fields that are text, whatever they look like; and members of others, as of `references[][entity]`. */
const texts = new Set([
  ...['prompt', 'model', 'seconds', 'size', 'task', 'priority', 'start_by', 'finish_by'],
  ...['text', 'entity', 'upload', 'document_id', 'video_id', 'pin', 'exclude', 'licences'],
]);

/**
 * A multipart request: its fields as one object, numbers and lists read as JSON, names with brackets as members, and its files as images and clips that are stored as they come.
 * A file too many is refused before it is read. HTTP_MALFORMED, HTTP_TOO_LARGE, REQUEST_OVER_LIMIT, REQUEST_UNSUPPORTED, MEDIA_*;
 * EVENT_INVALID for one without a prompt.
 */
export async function readForm(
  request: FastifyRequest,
  takers: FormTakers,
  signal: AbortSignal,
): Promise<{ body: object; uploads: Map<string, StoredClip[]> }> {
  const { images, clips, mostReferences: most } = takers;
  const { source } = request.caller;
  const own = ofOne.get(source) ?? new AtOnce(mostOfOne);
  ofOne.set(source, own);
  const uploads = new Map<string, StoredClip[]>();
  const fields = new FormFields(texts);
  const [mostImage, mostClip] = [images.bounds.max_image_bytes, clips.bounds.max_clip_bytes];
  const mostFiles = most.images + most.clips;
  const came = { images: 0, clips: 0 };
  const limits = {
    ...{ fileSize: Math.max(mostImage, mostClip) + 1, files: mostFiles },
    ...{ fields: 50, fieldNameSize: 100, fieldSize: 1024 * 1024, parts: 50 + mostFiles, headerPairs: 50 },
  };
  for await (const part of partsOf(request, limits)) {
    const name = part.fieldname.replace(/\[\]$/, '');
    if (part.type === 'file') {
      const role = roleOfPart(name);
      const kind = role === 'motion' ? 'clips' : 'images';
      if (++came[kind] > most[kind]) throw tooMany(kind, most[kind]);
      if (role === 'motion') await takers.checkClips(came.clips);
      const object = await own.take(async () => {
        if (role === 'motion') return clips.ofBytes(await bytesOf(part, mostClip), name, signal);
        const bytes = await bytesOf(part, mostImage);
        return atOnce.take(() => images.ofBytes(bytes, name, role));
      });
      uploads.set(name, [...(uploads.get(name) ?? []), object]);
      continue;
    }
    fields.add(part.fieldname, part);
  }
  if (!fields.has('prompt'))
    throw new VimiError('EVENT_INVALID', 'The form has no prompt', {
      expected: 'a field named prompt beside the images: curl -F "prompt=a fox in snow" -F subject=@fox.png',
      found: [...fields.names(), ...uploads.keys()].slice(0, 10).join(', ') || 'no field',
      where: 'prompt',
    });
  return { body: fields.body(), uploads };
}

function tooMany(kind: string, most: number): VimiError {
  return new VimiError('REQUEST_OVER_LIMIT', `This prompt has too many ${kind}`, { expected: `at most ${most}` });
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
