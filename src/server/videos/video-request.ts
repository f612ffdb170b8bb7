import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { leftOut } from '../../events/input.js';
import { type GenerationRequested, generationRequested } from '../../events/schemas.js';
import type { ModelDescription } from '../../models/ports.js';
import { imageReference, reference } from '../images/references.js';
import { knownParts } from '../known-parts.js';

/*
 * A request as it comes over HTTP: the fields of the event generation.requested, and the names that other video APIs have
 * for some of them. A field that is not known is refused, so that nobody waits for what a misspelt name asked for.
 */

export const videoRequest = z
  .strictObject({
    ...generationRequested.shape,
    model: leftOut(z.string().max(200)).describe('one of GET /v1/models; default: the one that is served'),
    seconds: leftOut(
      z.union([z.number(), z.string().regex(/^\d{1,4}(\.\d{1,3})?$/, 'a number of seconds such as 2 or "2"')]),
    ).describe('length of the video, in place of frames'),
    size: leftOut(z.string().regex(/^[1-9]\d{0,3}x[1-9]\d{0,3}$/, 'WIDTHxHEIGHT in pixels, such as 64x64')).describe(
      'WIDTHxHEIGHT in pixels, in place of width and height',
    ),
    references: leftOut(z.array(reference).max(64)).describe('images, which stand before the texts of the prompt'),
    input_reference: leftOut(imageReference).describe('the first frame; in a multipart request a file'),
    image_reference: leftOut(imageReference).describe('the first frame'),
  })
  .superRefine(knownParts)
  .meta({ id: 'VideoRequest' });
export type VideoRequest = z.infer<typeof videoRequest>;

export interface ServedModel {
  /** As the topology names it. */
  name: string;
  /** Starts it where this process does not run it. */
  describe(): Promise<ModelDescription>;
}

/** The event that a request stands for. EVENT_INVALID for names that contradict each other, MODEL_UNKNOWN. */
export async function eventOf(asked: VideoRequest, models: readonly ServedModel[]): Promise<GenerationRequested> {
  const { model, seconds, size, references: _, input_reference: __, image_reference: ___, ...request } = asked;
  const served = models.find(({ name }) => model === undefined || name === model);
  if (!served) throw modelUnknown(model, models);
  if (size !== undefined) {
    refuseBoth('size', 'width', request.width);
    refuseBoth('size', 'height', request.height);
    const [width, height] = size.split('x').map(Number);
    Object.assign(request, { width, height });
  }
  if (seconds !== undefined) {
    refuseBoth('seconds', 'frames', request.frames);
    // Said with the frames: another frame rate would make another length of them.
    request.fps ??= (await served.describe()).defaults.fps;
    const frames = Math.round(Number(seconds) * request.fps);
    if (!(frames >= 1 && frames <= 1024))
      throw new VimiError('REQUEST_OVER_LIMIT', 'No video can have this length', {
        expected: '1 to 1024 frames',
        found: `${seconds} s, which is ${frames} frames`,
        where: 'seconds',
      });
    request.frames = frames;
  }
  return request;
}

export function modelUnknown(name: string | undefined, models: readonly ServedModel[]): VimiError {
  return new VimiError('MODEL_UNKNOWN', 'This model is not served here', {
    expected: models.map((one) => one.name).join(' or '),
    found: name,
    where: 'model',
    remedy: 'GET /v1/models lists the models.',
  });
}

function refuseBoth(alias: string, field: string, value: unknown): void {
  if (value === undefined) return;
  throw new VimiError('EVENT_INVALID', `A request says ${field} twice`, {
    expected: `${alias}, or ${field}`,
    found: 'both',
    where: field,
    remedy: 'Leave one of them out.',
  });
}
