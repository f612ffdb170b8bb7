import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../errors.js';
import { countCharacters } from '../events/input.js';
import type { ImageRole, PromptPart, Task } from '../events/prompt.js';
import { placeOf } from '../events/replay.js';
import type { GenerationRequested, RequestRef } from '../events/schemas.js';
import { checkVideo } from '../models/check-input.js';
import { Deadlines } from './deadlines.js';
import type { Job } from './flow.js';
import { jobFate, tryOf } from './job-fate.js';
import { drop, mapEach } from './map-each.js';
import { defineOperator, type Resources } from './operator.js';
import { type RequestImage, storePromptImage } from './prompt-image.js';
import { promptText } from './prompt-text.js';

/*
 * In      request
 * Out     job (its id follows from the request's source and id), query; the images of the prompt in the object store. On
 *         the jobs topic: queued, at once; completed, failed or cancelled, in the commit of the request's fate.
 * Drops   cancelled requests; duplicate-request: the same request again, while it is answered or after
 * Fails   REQUEST_ID_TAKEN, PROMPT_EMPTY, PROMPT_TOO_LONG, REQUEST_OVER_LIMIT, REQUEST_EXPIRED, EVENT_INVALID (a task without its image),
 *         MEDIA_* for an image of the prompt
 * Memory  `concurrency` prompts with their encoded images
 */

const config = z.strictObject({
  max_prompt_characters: z.number().int().min(1).default(4000).describe('Of all texts of a prompt together.'),
  max_images: z.number().int().min(0).max(32).default(8).describe('Images in one prompt.'),
  max_image_bytes: z.number().int().positive().default(20_000_000).describe('Of one image, as it was sent.'),
  max_image_pixels: z.number().int().positive().default(100_000_000).describe('Of one image, by its header.'),
  max_frames: z.number().int().min(1).max(1024).default(64).describe('Frames of one video.'),
  max_side: z.number().int().min(8).max(4096).default(512).describe('Pixels of the longer side of a video.'),
  max_steps: z.number().int().min(1).max(1000).default(250).describe('Sampler steps.'),
  concurrency: z.number().int().min(1).max(64).default(4).describe('Requests admitted at once.'),
  jobs: z
    .string()
    .min(1)
    .default('jobs')
    .describe('Topic that tells what became of each request.')
    .meta({ topic: 'job.changed' }),
});
type Config = z.infer<typeof config>;

/** Images are kept this small: no model here looks closer. */
const longestSide = 512;

export const admit = defineOperator(
  {
    name: 'admit',
    summary: 'Checks a request, completes it and takes its images in.',
    contract: {
      in: 'request.',
      out: 'job, under an id that follows from the source and the id of the request, with a seed that follows from the request’s id when none was given; query, with its task (inferred from the images when not given) and its parts, images stored as WebP of at most 512 pixels a side. On the jobs topic: queued at once (after a crash perhaps again), then completed, failed or cancelled in the commit of the fate.',
      drops:
        'Cancelled requests, also those that were cancelled before they came. As duplicate-request: one that was sent again, with the same source, id and content, while it is answered or after it was; a request that failed may be sent again.',
      fails:
        'REQUEST_ID_TAKEN for another content under a source and an id that were used; PROMPT_EMPTY, PROMPT_TOO_LONG; REQUEST_OVER_LIMIT for more than this step or a model of the pipeline allows; REQUEST_EXPIRED when the deadline has passed or passes before the request has its fate, in whatever step it then is; EVENT_INVALID for a task whose image is missing; for an image MEDIA_FORBIDDEN, MEDIA_NOT_FOUND, MEDIA_EMPTY, MEDIA_UNSUPPORTED, MEDIA_TOO_LARGE or MEDIA_DAMAGED.',
      memory:
        'As many prompts with their encoded images as are admitted at once; one image is decoded at a time in each.',
    },
    config,
    example: '- admit: { max_frames: 64 }',
    needs: ['request'],
    adds: ['job', 'query'],
  },
  (options, resources) => {
    const deadlines = new Deadlines(resources.clock);
    return {
      step: mapEach<'request'>(
        async ({ request }, envelope) => {
          const asked = tryOf(envelope, resources.pipeline);
          const claim = await claimJob();
          if (claim === 'duplicate') return drop('duplicate-request');
          if (claim === 'cancelled') return drop('cancelled');
          if (claim === 'taken') throw idTaken(asked.request);
          if (request.deadline !== undefined) deadlines.keep(envelope, request.deadline);
          checkLimits(request, options);
          const given = partsOf(request);
          const images = given.filter((part) => 'image' in part);
          checkPrompt(given, images, options);
          const wanted = { ...videoOf(request), pictures: images.length };
          for (const model of resources.models.all()) checkVideo(wanted, await model.describe());
          const task = request.task ?? inferTask(images);
          checkTask(task, images);
          const parts = await takeIn(given, task, options, resources);
          const texts = parts.flatMap((part) => ('text' in part ? [part.text] : []));
          return {
            job: jobOf(request, asked.job, asked.request),
            query: { task, parts, text: texts.join(' '), retrieval: request.retrieval, self: {} },
          };

          function claimJob() {
            const { event, origin, signal } = envelope;
            // Without an id of its own it has its place's, which no other record can mean.
            const isOwn = event.id === placeOf(origin);
            return resources.jobs.claim(asked, { signal, isOwn, traceparent: event.traceparent });
          }
        },
        { step: 'admit', concurrency: options.concurrency, clock: resources.clock },
      ),
      onFate: (settlement) => {
        deadlines.end(settlement.origin);
        return jobFate(settlement, options.jobs, resources);
      },
    };
  },
);

function idTaken({ source, id }: RequestRef): VimiError {
  return new VimiError('REQUEST_ID_TAKEN', 'The id of this request names another one already', {
    expected: 'an id of its own, or the same content as before',
    found: id,
    where: `source ${source}`,
  });
}

type GivenPart = { text: string } | RequestImage;

function partsOf({ prompt }: GenerationRequested): GivenPart[] {
  return typeof prompt === 'string' ? [{ text: prompt }] : (prompt as GivenPart[]);
}

function checkLimits(request: GenerationRequested, { max_frames, max_side, max_steps }: Config): void {
  const limits = { frames: max_frames, width: max_side, height: max_side, steps: max_steps };
  for (const [field, most] of Object.entries(limits)) {
    const found = request[field as keyof typeof limits];
    if (found !== undefined && found > most)
      throw new VimiError('REQUEST_OVER_LIMIT', 'A request asks for more than is allowed here', {
        expected: `${field} of at most ${most}`,
        found: String(found),
      });
  }
}

/** Not only spaces, controls, and characters that no font shows. */
const visible = /[^\p{White_Space}\p{Control}\p{Default_Ignorable_Code_Point}]/u;

function checkPrompt(parts: GivenPart[], images: RequestImage[], { max_prompt_characters, max_images }: Config): void {
  const characters = parts.reduce((sum, part) => sum + ('image' in part ? 0 : countCharacters(part.text)), 0);
  if (characters > max_prompt_characters)
    throw new VimiError('PROMPT_TOO_LONG', 'This prompt is too long', {
      expected: `at most ${max_prompt_characters} characters`,
      found: `${characters} characters`,
    });
  if (images.length > max_images)
    throw new VimiError('REQUEST_OVER_LIMIT', 'This prompt has too many images', {
      expected: `at most ${max_images}`,
      found: String(images.length),
    });
  const says = parts.some((part) => !('image' in part) && visible.test(part.text));
  if (!says && images.length === 0)
    throw new VimiError('PROMPT_EMPTY', 'This prompt says nothing', { expected: 'text, images or both' });
}

function inferTask(images: RequestImage[]): Task {
  if (images.length === 0) return 'text-to-video';
  return images.some(({ role }) => role === 'first-frame') ? 'prediction' : 'subject-driven';
}

function checkTask(task: Task, images: RequestImage[]): void {
  const firstFrames = images.filter(({ role }) => role === 'first-frame').length;
  if (firstFrames > 1)
    throw new VimiError('EVENT_INVALID', 'A video has one first frame', {
      expected: 'one image with the role first-frame',
      found: `${firstFrames} of them`,
      where: 'prompt',
    });
  if (task === 'text-to-video' || images.length > 0) return;
  throw new VimiError('EVENT_INVALID', `The task ${task} needs an image`, {
    expected: task === 'prediction' ? 'an image with the role first-frame' : 'an image of the subject',
    found: 'text alone',
    where: 'prompt',
  });
}

async function takeIn(
  given: GivenPart[],
  task: Task,
  { max_image_bytes, max_image_pixels }: Config,
  resources: Resources,
): Promise<PromptPart[]> {
  const limits = { maxBytes: max_image_bytes, maxPixels: max_image_pixels, longest: longestSide };
  const hasFirstFrame = given.some((part) => 'image' in part && part.role === 'first-frame');
  let roleOfNext: ImageRole = task === 'prediction' && !hasFirstFrame ? 'first-frame' : 'subject';
  const parts: PromptPart[] = [];
  // One after the other: an image of the allowed size takes 120 MB while it is decoded.
  for (const [n, part] of given.entries()) {
    if (!('image' in part)) {
      const text = promptText(part.text);
      if (text !== '') parts.push({ text });
      continue;
    }
    const image = await storePromptImage(part, `prompt.${n}.image`, limits, resources);
    parts.push({ image, role: part.role ?? roleOfNext });
    if (part.role === undefined) roleOfNext = 'subject';
  }
  return parts;
}

/** What a request says of its video; the rest is the step's or the model's to say. */
function videoOf({ frames, width, height, fps, steps, guidance }: GenerationRequested) {
  const weights = typeof guidance === 'number' ? { text: guidance, image: guidance } : guidance;
  return { frames, width, height, fps, steps, guidance: weights };
}

function jobOf(request: GenerationRequested, job: string, { source, id }: RequestRef): Job {
  const { seed } = request;
  return {
    id: job,
    request: { source, id },
    ...videoOf(request),
    seed: seed ?? createHash('sha256').update(id).digest().readUInt32BE(0),
  };
}
