import { z } from 'zod';
import { jobId } from '../../events/ids.js';
import type { Prompt } from '../../events/prompt.js';
import { defineOperator } from '../../flow/define-operator.js';
import { unknownWords } from '../../models/known-words.js';
import type { Denoiser } from '../../models/ports.js';
import { chooseCandidate, draftSteps } from './candidates.js';
import { jobProgress, previewKey } from './job-progress.js';
import { modelPrompt } from './model-prompt.js';
import { startingPart, startingVideo } from './motion-start.js';

/*
 * In      job, prompt; context where there is one
 * Out     frames, with the model and the sampler settings that made them
 * Drops   cancelled jobs
 * Fails   REQUEST_OVER_LIMIT (more than the model makes; admit says so first), OBJECT_NOT_FOUND and OBJECT_DAMAGED (an image of the prompt),
 *         MEDIA_DAMAGED, MODEL_CRASHED after retries; MODEL_SERVER_* and MODEL_ANSWER_INVALID of a model server
 * Memory  prompts that are drawn at once, and one more, with decoded images (shared: decoded-image.ts), and their videos
 * Progress, previews and what the prompt was grounded in are told on the jobs topic outside of the commit: after a crash
 * they may come twice, or be missing. The preview is removed with the outcome; one that a crash leaves is swept.
 */

const weight = z.number().min(0).max(50);
const noiseLevel = z.number().min(0).max(1e6);

export const denoise = defineOperator(
  {
    name: 'denoise',
    summary: 'Lets the model turn noise into the frames of the prompt.',
    contract: {
      in: 'job and prompt; context where there is one.',
      out: 'frames: RGB, with the model, its weights and the sampler settings. Settings of the request come before those of the step, and these before the model’s defaults. What the model does not read is left out: all clips but the last one, of which nano follows the path (see also motion_start), and for a model server the retrieved images that it has no place for. The record of the video names these parts (unread_parts), and the first time is logged. If the request asks for candidates, drafts of the first steps are drawn first, compared with the images of the prompt, and the best one is finished; the record has their seeds and scores. After the first sampler step the job is in_progress on the jobs topic, with its progress at most once a second, what it was grounded in, and a preview if the model gives one: a frame of what the video looks like so far, as previews/{job}.webp in the object store until the job has its outcome. These records are outside the commit: after a crash they may be repeated or missing.',
      drops: 'Cancelled jobs, at the next step of the sampler.',
      fails:
        'REQUEST_EXPIRED if start_by has passed when its turn comes, and at the sampler step at which finish_by has passed; REQUEST_OVER_LIMIT if the model cannot make this video, REQUEST_UNSUPPORTED if it cannot take what the request brings; OBJECT_NOT_FOUND, OBJECT_DAMAGED or MEDIA_DAMAGED for an image of the prompt; MODEL_CRASHED if retries do not help. Of a model server: MODEL_SERVER_REFUSED and MODEL_ANSWER_INVALID; MODEL_SERVER_FAILED if retries do not help. While it is away (MODEL_SERVER_UNAVAILABLE), has no room (MODEL_SERVER_BUSY) or refuses the key (MODEL_SERVER_DENIED), the pipeline pauses.',
      memory: 'The prompts that are drawn at once, and the next one, with decoded images and videos.',
    },
    config: z.strictObject({
      model: z.string().default('nano').describe('Preset, path of a weights file, or a name of `models` in this file.'),
      upsampler: z
        .string()
        .optional()
        .describe('Preset or weights file of the model that enlarges the videos; none if left out.'),
      encoder: z
        .string()
        .optional()
        .describe(
          'Folder of a frozen language model (config.json, tokenizer.json, model.onnx), for models that need one.',
        ),
      steps: z.number().int().min(1).max(1000).optional().describe('Sampler steps; default: the model’s own.'),
      guidance: z
        .union([weight, z.strictObject({ text: weight, image: weight })])
        .optional()
        .describe('Classifier-free guidance: one number, or one for each modality; 1: none; default: the model’s own.'),
      oscillation: z
        .strictObject({ steady: z.number().int().min(0).max(1000), low: weight })
        .optional()
        .describe(
          'After `steady` steps every second step uses the weight `low` instead. Default: the same weight always.',
        ),
      guided: z
        .strictObject({ low: noiseLevel.default(0), high: noiseLevel })
        .refine(({ low, high }) => low < high, 'low below high')
        .optional()
        .describe(
          'Guidance only where the noise level is between these; nano’s go from 40 down to 0.1. Default: as the model is made.',
        ),
      reuse: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe(
          'Leaves out steps of the base model that would change what is seen by less than this part, 0.1 for a tenth. Faster, and not the same video. Default: none.',
        ),
      motion_start: z
        .number()
        .positive()
        .max(1e6)
        .optional()
        .describe(
          'Starts from the first clip of the prompt, in noise of this level, where there is one (RAGME’s RagInit): its motion goes into the video, and what else it shows with it. nano’s noise levels go from 40 down to 0.1. Not for model servers. Default: from noise alone.',
        ),
      concurrency: z
        .number()
        .int()
        .min(1)
        .max(64)
        .optional()
        .describe(
          'Jobs that the model draws at once; those of one shape share its steps. Default: as many as are worth it, which vimi measures when it begins to serve, and remembers; 1 for a model server.',
        ),
      jobs: z
        .string()
        .min(1)
        .default('jobs')
        .describe('Topic for the progress of jobs.')
        .meta({ topic: 'job.changed' }),
    }),
    example: '- denoise: { model: nano, steps: 20, guidance: 1.5 }',
    needs: ['job', 'prompt'],
    optional: ['context'],
    adds: ['frames'],
    models: (config) => [config],
    counters: {
      'prompt-read': 'texts and branches of prompts that a network read for a video',
      'prompt-known': 'those that were known from another video, and not read again',
    },
  },
  {
    open({ models, config }): Drawing {
      const denoiser = models.of(config);
      // What is set need not be measured.
      if (config.concurrency !== undefined) denoiser.atOnce?.(config.concurrency);
      return { denoiser, hasToldOfUnread: false, shown: new Set(), removing: new Set() };
    },
    concurrency: ({ concurrency }, { denoiser }) => denoiser.atOnce?.(concurrency) ?? concurrency ?? 1,
    async process({ job, prompt, context: grounded }, context) {
      const { config, state, log } = context;
      const { denoiser } = state;
      const description = await denoiser.describe();
      const { defaults, limits, name, weights, backend, upsampler, words, server, sampler: method } = description;
      const { steps = defaults.steps, guidance = defaults.guidance } = config;
      const step = typeof guidance === 'number' ? { text: guidance, image: guidance } : guidance;
      const wanted = {
        frames: job.frames ?? defaults.frames,
        width: job.width ?? defaults.width,
        height: job.height ?? defaults.height,
      };
      const sampler = {
        name: method,
        steps: job.steps ?? steps,
        guidance: { text: job.guidance?.text ?? step.text, image: job.guidance?.image ?? step.image },
        ...(config.oscillation && { oscillation: config.oscillation }),
        ...(config.guided && { guided: config.guided }),
        ...(config.reuse !== undefined && config.reuse > 0 && { reuse: config.reuse }),
        seed: job.seed,
      };
      const fps = job.fps ?? defaults.fps;
      const { name: _, ...settings } = sampler;
      const { motion_start: level } = config;
      const native = { frames: wanted.frames, width: limits.width, height: limits.height };
      const startClip = level === undefined || server ? undefined : await startingVideo(prompt, native, context);
      const start = startClip && level !== undefined ? { video: startClip, level } : undefined;
      const { read, unreadParts: unread } = await modelPrompt(prompt, description, context);
      const unreadParts = start ? unread.filter((n) => n !== startingPart(prompt)) : unread;
      if (unreadParts.length > 0 && !state.hasToldOfUnread) {
        state.hasToldOfUnread = true;
        log.warn(
          { model: name, job: job.id },
          'The model does not read all that was retrieved for a prompt: the rest is left out, and each video’s record says so',
        );
      }
      context.signal.throwIfAborted();
      context.begin();
      const progress = jobProgress(context, config.jobs, grounded?.entries ?? []);
      progress.grounded();
      const input = { prompt: read, ...wanted, fps, ...settings, ...(start && { start }) };
      const { candidates: count = 1, chosenFrom } = job;
      try {
        const { signal } = context;
        const ahead = count > 1 ? count * draftSteps(input.steps) : 0;
        const { candidates = chosenFrom, seconds: drafting } =
          ahead > 0
            ? await chooseCandidate(input, count, {
                ...{ denoiser, embedder: context.embedder, signal },
                onStep: (done) => progress.report(done, ahead + input.steps),
              })
            : { seconds: 0 };
        const seed = chosenFrom ? input.seed : (candidates?.chosen ?? input.seed);
        const { video, seconds, readings, asked } = await denoiser.generate(
          { ...input, seed },
          {
            signal,
            onStep: (done, total) => progress.report(ahead + done, ahead + total),
            onPreview: progress.show,
            onLast: context.giveWay,
          },
        );
        context.giveWay();
        if (readings) {
          context.count('prompt-read', readings.made);
          context.count('prompt-known', readings.known);
        }
        return {
          frames: {
            video,
            fps,
            model: {
              ...{ name, backend, ...(weights !== undefined && { weights }), ...(upsampler && { upsampler }) },
              ...(server && { server: { ...server, ...(asked && { asked }) } }),
            },
            sampler: { ...sampler, ...(start && { motion_start: start.level }), seed },
            ...(candidates && { candidates }),
            ...(words && { unknownWords: unknownWords(seenParts(prompt, unreadParts), words) }),
            ...(unreadParts.length > 0 && { unreadParts }),
            started: progress.started,
            seconds: drafting + seconds,
          },
        };
      } finally {
        // Else "in progress" could arrive after "completed".
        await progress.sent();
        if (progress.hasShown()) state.shown.add(jobId(context.pipeline, context.event));
      }
    },
    onOutcome({ event }, { state: { shown, removing }, pipeline, objects }) {
      const job = jobId(pipeline, event);
      if (!shown.delete(job)) return [];
      const removed = objects
        .remove(previewKey(job))
        .catch(() => {})
        .finally(() => removing.delete(removed));
      removing.add(removed);
      return [];
    },
    close: async ({ state: { removing } }) => void (await Promise.all(removing)),
  },
);

/** What of a prompt the model was given. */
const seenParts = (prompt: Prompt, unread: readonly number[]): Prompt => ({
  ...prompt,
  parts: prompt.parts.filter((part, n) => !('clip' in part) || !unread.includes(n)),
});

interface Drawing {
  denoiser: Denoiser;
  hasToldOfUnread: boolean;
  /** Jobs that have a preview, and previews that are being removed. */
  shown: Set<string>;
  removing: Set<Promise<void>>;
}
