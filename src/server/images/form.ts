import type { FastifyRequest } from 'fastify';
import type { RequestImages } from '../../app/request-images.js';
import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import { AtOnce } from '../at-once.js';
import { roleOfPart } from './references.js';

/** Images of all requests together that are taken in at once: each is whole in memory, 20 MB by default. */
const atOnce = new AtOnce(16);
/** Those of one caller: whoever sends slowly keeps nobody else waiting. By its source, as many as there are names of keys. */
const ofOne = new Map<string, AtOnce>();
const mostOfOne = 4;

/** Fields that are text, whatever they look like. */
const texts = new Set(['prompt', 'model', 'seconds', 'size', 'task', 'priority', 'start_by', 'finish_by']);

/**
 * A multipart request: its fields as one object, numbers and lists read as JSON, and its files as images that are stored as they come.
 * HTTP_MALFORMED, HTTP_TOO_LARGE, MEDIA_*; EVENT_INVALID for one without a prompt.
 */
export async function readForm(
  request: FastifyRequest,
  images: RequestImages,
  mostFiles: number,
): Promise<{ body: object; uploads: Map<string, ObjectRef[]> }> {
  const { source } = request.caller;
  const own = ofOne.get(source) ?? new AtOnce(mostOfOne);
  ofOne.set(source, own);
  const uploads = new Map<string, ObjectRef[]>();
  const fields = new Map<string, unknown>();
  const limits = {
    ...{ fileSize: images.bounds.max_image_bytes, files: mostFiles },
    ...{ fields: 50, fieldNameSize: 100, fieldSize: 1024 * 1024, parts: 50 + mostFiles, headerPairs: 50 },
  };
  for await (const part of partsOf(request, limits)) {
    const name = part.fieldname.replace(/\[\]$/, '');
    if (part.type === 'file') {
      const take = async () => images.ofBytes(await part.toBuffer().catch(malformed), name, roleOfPart(name));
      const object = await own.take(() => atOnce.take(take));
      uploads.set(name, [...(uploads.get(name) ?? []), object]);
      continue;
    }
    if (part.valueTruncated || part.fieldnameTruncated)
      throw new VimiError('HTTP_TOO_LARGE', 'A field of the form is too long', {
        expected: 'at most 1 MiB',
        where: name,
      });
    if (fields.has(name)) throw new VimiError('HTTP_MALFORMED', 'A field of the form comes twice', { found: name });
    fields.set(name, texts.has(name) ? part.value : readField(String(part.value)));
  }
  if (!fields.has('prompt'))
    throw new VimiError('EVENT_INVALID', 'The form has no prompt', {
      expected: 'a field named prompt beside the images: curl -F "prompt=a fox in snow" -F subject=@fox.png',
      found: [...fields.keys(), ...uploads.keys()].slice(0, 10).join(', ') || 'no field',
      where: 'prompt',
    });
  return { body: Object.fromEntries(fields), uploads };
}

async function* partsOf(
  request: FastifyRequest,
  limits: NonNullable<Parameters<FastifyRequest['parts']>[0]>['limits'],
) {
  try {
    yield* request.parts({ limits });
  } catch (thrown) {
    malformed(thrown);
  }
}

/** What the parser throws says by its status what was too much; all else is no form. */
function malformed(thrown: unknown): never {
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode !== undefined) throw thrown;
  throw new VimiError('HTTP_MALFORMED', 'This is no whole form', { found: message, cause: thrown });
}

function readField(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
