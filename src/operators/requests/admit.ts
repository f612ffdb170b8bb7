import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import type { PromptPart } from '../../events/prompt.js';
import { placeOf } from '../../events/replay.js';
import type { GenerationRequested, RequestRef } from '../../events/schemas.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Job } from '../../flow/flow.js';
import { drop } from '../../flow/map-each.js';
import { checkCandidates, checkReferences, checkVideo } from '../../models/check-input.js';
import { checkRequest } from './check-request.js';
import { Deadlines } from './deadlines.js';
import { jobOutcome, tryOf } from './job-outcome.js';
import { queryOf } from './query-of.js';

/*
 * In      request
 * Out     job (its id follows from the request's source and id), query; the images and clips of the prompt in the object store.
 *         On the jobs topic: queued, at once; completed, failed or cancelled, in the commit of the request's outcome.
 * Drops   cancelled requests; duplicate-request: the same request again, while it is answered or after
 * Fails   REQUEST_ID_TAKEN, PROMPT_EMPTY, PROMPT_TOO_LONG, REQUEST_OVER_LIMIT, REQUEST_UNSUPPORTED, REQUEST_EXPIRED, EVENT_INVALID (a task without its image, control characters in the text),
 *         MEDIA_* and ENCODER_FAILED for an image or a clip of the prompt
 * Memory  `concurrency` prompts with their encoded images; of one clip each, up to 48 MiB of frames
 */

const config = z.strictObject({
  max_prompt_characters: z
    .number()
    .int()
    .min(1)
    .default(4000)
    .describe('Characters of all texts of a prompt together.'),
  max_images: z.number().int().min(0).max(32).default(8).describe('Images in one prompt.'),
  max_image_bytes: z.number().int().positive().default(20_000_000).describe('Bytes of one image, as it was sent.'),
  max_image_pixels: z.number().int().positive().default(100_000_000).describe('Pixels of one image, by its header.'),
  max_clips: z.number().int().min(0).max(8).default(2).describe('Clips in one prompt.'),
  max_clip_bytes: z.number().int().positive().default(50_000_000).describe('Bytes of one clip, as it was sent.'),
  max_clip_seconds: z.number().positive().max(60).default(10).describe('Length of one clip.'),
  max_frames: z.number().int().min(1).max(1024).default(64).describe('Frames of one video.'),
  max_side: z.number().int().min(8).max(4096).default(512).describe('Pixels of the longer side of a video.'),
  max_steps: z.number().int().min(1).max(1000).default(250).describe('Sampler steps.'),
  max_candidates: z.number().int().min(1).max(64).default(8).describe('Drafts that a video is chosen from.'),
  concurrency: z.number().int().min(1).max(64).default(4).describe('Requests admitted at once.'),
  jobs: z
    .string()
    .min(1)
    .default('jobs')
    .describe('Topic with the state of each request.')
    .meta({ topic: 'job.changed' }),
});

export const admit = defineOperator(
  {
    name: 'admit',
    summary: 'Checks a request, fills in what is left out, and stores its images and clips.',
    contract: {
      in: 'request.',
      out: 'job: its id follows from the source and the id of the request; its seed follows from the request’s id if none is given. query: the task (inferred from the images if not given) and the parts, with images stored as WebP, and clips as MP4 (H.264, no sound), of at most 512 pixels a side (a first frame: 2048). On the jobs topic: queued at once (after a crash perhaps again), then completed, failed or cancelled in the commit of the outcome.',
      drops:
        'Cancelled requests, also those that were cancelled before they arrived. duplicate-request: a request that was sent again with the same source, id and content, during or after its service; a failed request may be sent again.',
      fails:
        'REQUEST_ID_TAKEN if other content was sent before with this source and id; PROMPT_EMPTY, PROMPT_TOO_LONG; REQUEST_OVER_LIMIT for more than this step or a model of the pipeline allows; REQUEST_UNSUPPORTED for an image in a role, or a clip, that a model server does not take; REQUEST_EXPIRED when start_by passes before its denoising begins, or finish_by before it has its outcome, in whatever step it is then; EVENT_INVALID for a task whose image is missing, and for control characters in the text; for an image or a clip MEDIA_FORBIDDEN, MEDIA_NOT_FOUND, MEDIA_EMPTY, MEDIA_UNSUPPORTED, MEDIA_TOO_LARGE or MEDIA_DAMAGED; ENCODER_FAILED and TIMED_OUT for a clip.',
      memory:
        'The prompts that are admitted at once, with their encoded images; each decodes one image or clip at a time. Of a clip, 48 MiB of frames are in memory, the others in the temporary folder.',
    },
    config,
    example: '- admit: { max_frames: 64 }',
    needs: ['request'],
    adds: ['job', 'query'],
  },
  {
    concurrency: (options) => options.concurrency,
    open: ({ clock }) => new Deadlines(clock),
    async process({ request }, context) {
      const { config: options, state: deadlines } = context;
      const asked = tryOf(context, context.pipeline);
      const claim = await claimJob();
      if (claim === 'duplicate') return drop('duplicate-request');
      if (claim === 'cancelled') return drop('cancelled');
      if (claim === 'taken') throw idTaken(asked.request);
      // Done again after a crash: it has begun already.
      if (context.jobs.known(asked.job)?.state === 'in_progress') context.begin();
      deadlines.keep(context, request);
      const checked = checkRequest(request, options);
      const wanted = { ...videoOf(request), images: checked.images.length };
      const descriptions = await Promise.all(context.models.all().map((model) => model.describe()));
      for (const description of descriptions) checkVideo(wanted, description);
      for (const description of descriptions) checkCandidates(request.candidates, description);
      const query = await queryOf(request, checked, options, context);
      for (const description of descriptions) checkReferences(referencesIn(query.parts), description);
      return { job: jobOf(request, asked.job, asked.request), query };

      function claimJob() {
        const { event, origin, signal, jobs } = context;
        // Without an id of its own it has its place's, which no other record can mean.
        const isOwn = event.id === placeOf(origin);
        return jobs.claim(asked, { signal, isOwn, traceparent: event.traceparent });
      }
    },
    onOutcome(settlement, run) {
      run.state.end(settlement.origin);
      return jobOutcome(settlement, run.config.jobs, run);
    },
  },
);

function idTaken({ source, id }: RequestRef): VimiError {
  return new VimiError('REQUEST_ID_TAKEN', 'Another request has this id already', {
    expected: 'its own id, or the same content as before',
    found: id,
    where: `source ${source}`,
  });
}

/** What a request says of its video; the rest is the step's or the model's to say. */
function videoOf({ frames, width, height, fps, steps, guidance }: GenerationRequested) {
  const weights = typeof guidance === 'number' ? { text: guidance, image: guidance } : guidance;
  return { frames, width, height, fps, steps, guidance: weights };
}

function referencesIn(parts: readonly PromptPart[]) {
  return {
    roles: parts.flatMap((part) => ('image' in part ? [part.role] : [])),
    clips: parts.filter((part) => 'clip' in part).length,
  };
}

function jobOf(request: GenerationRequested, job: string, { source, id }: RequestRef): Job {
  const { seed, candidates } = request;
  return {
    id: job,
    request: { source, id },
    ...videoOf(request),
    ...(candidates !== undefined && { candidates }),
    seed: seed ?? createHash('sha256').update(id).digest().readUInt32BE(0),
  };
}
