import { z } from 'zod';
import { jobId } from '../../events/ids.js';
import type { Prompt } from '../../events/prompt.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Resources } from '../../flow/operator.js';
import { unknownWords } from '../../models/known-words.js';
import type { Denoiser, ModelPrompt } from '../../models/ports.js';
import { decodedImage } from '../decoded-image.js';
import { jobProgress, previewKey } from './job-progress.js';

/*
 * In      job, prompt; context where there is one
 * Out     frames, with the model and the sampler settings that made them
 * Drops   cancelled jobs
 * Fails   REQUEST_OVER_LIMIT (more than the model makes; admit says so first), OBJECT_NOT_FOUND and OBJECT_DAMAGED (an image of the prompt),
 *         MEDIA_DAMAGED, MODEL_CRASHED after retries
 * Memory  `concurrency` prompts with decoded images (shared: decoded-image.ts), and their videos
 * Progress, previews and what the prompt was grounded in are told on the jobs topic outside of the commit: after a crash
 * they may come twice, or be missing. The preview is removed with the outcome; one that a crash leaves is swept.
 */

const weight = z.number().min(0).max(50);

export const denoise = defineOperator(
  {
    name: 'denoise',
    summary: 'Lets the model turn noise into the frames of the prompt.',
    contract: {
      in: 'job and prompt; context where there is one.',
      out: 'frames: RGB, with the model, its weights and the sampler settings. Settings of the request come before those of the step, and these before the model’s defaults. Clips of the prompt are left out, since the model reads none; the record of the video names them (unread_parts), and the first one is logged. After the first sampler step the job is in_progress on the jobs topic, with its progress at most once a second, what it was grounded in, and a preview if the model gives one: a frame of what the video looks like so far, as previews/{job}.webp in the object store until the job has its outcome. These records are outside the commit: after a crash they may be repeated or missing.',
      drops: 'Cancelled jobs, at the next step of the sampler.',
      fails:
        'REQUEST_EXPIRED if start_by has passed when its turn comes, and at the sampler step at which finish_by has passed; REQUEST_OVER_LIMIT if the model cannot make this video; OBJECT_NOT_FOUND, OBJECT_DAMAGED or MEDIA_DAMAGED for an image of the prompt; MODEL_CRASHED if retries do not help.',
      memory: 'The prompts that run at once, with decoded images and videos.',
    },
    config: z.strictObject({
      model: z.string().default('nano').describe('Preset, or path of a weights file.'),
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
      concurrency: z
        .number()
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe(
          'Jobs that the model is given at once. It makes one video after the other: further ones have their images read in advance, and are no longer overtaken.',
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
  },
  {
    concurrency: (config) => config.concurrency,
    open: ({ models, config }): Drawing => ({
      ...{ denoiser: models.of(config), hasToldOfClips: false },
      ...{ shown: new Set(), removing: new Set() },
    }),
    async process({ job, prompt, context: grounded }, context) {
      const { config, state, log } = context;
      const { denoiser } = state;
      const { defaults, name, weights, backend, upsampler, words, sampler: method } = await denoiser.describe();
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
        seed: job.seed,
      };
      const fps = job.fps ?? defaults.fps;
      const { name: _, ...settings } = sampler;
      const unreadParts = prompt.parts.flatMap((part, n) => ('clip' in part ? [n] : []));
      if (unreadParts.length > 0 && !state.hasToldOfClips) {
        state.hasToldOfClips = true;
        log.warn(
          { model: name, job: job.id },
          'The model reads no clips: motion examples of prompts are left out, and each video’s record says so',
        );
      }
      const input = { prompt: await readPrompt(prompt, context), ...wanted, fps, ...settings };
      context.signal.throwIfAborted();
      context.begin();
      const progress = jobProgress(context, config.jobs, grounded?.entries ?? []);
      progress.grounded();
      try {
        const { video, seconds } = await denoiser.generate(input, {
          signal: context.signal,
          onStep: progress.report,
          onPreview: progress.show,
        });
        return {
          frames: {
            video,
            fps,
            model: { name, weights, backend, ...(upsampler && { upsampler }) },
            sampler,
            ...(words && { unknownWords: unknownWords(prompt, words) }),
            ...(unreadParts.length > 0 && { unreadParts }),
            started: progress.started,
            seconds,
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

interface Drawing {
  denoiser: Denoiser;
  hasToldOfClips: boolean;
  /** Jobs that have a preview, and previews that are being removed. */
  shown: Set<string>;
  removing: Set<Promise<void>>;
}

/** Without the clips. */
async function readPrompt(prompt: Prompt, { objects }: Pick<Resources, 'objects'>): Promise<ModelPrompt> {
  const parts = await Promise.all(
    prompt.parts.map(async (part) => {
      if ('text' in part) return [part];
      if ('clip' in part) return [];
      return [{ pixels: await decodedImage(part.image, objects), role: part.role }];
    }),
  );
  return { task: prompt.task, instruction: prompt.instruction, parts: parts.flat() };
}
