import { z } from 'zod';
import { jobRecord } from '../events/job-change.js';
import type { Prompt } from '../events/prompt.js';
import { decodePicture } from '../media/pictures.js';
import { unknownWords } from '../models/known-words.js';
import type { ModelPrompt } from '../models/ports.js';
import type { Envelope } from '../streams/envelope.js';
import { tryOf } from './job-fate.js';
import { mapEach } from './map-each.js';
import { defineOperator, type Resources } from './operator.js';

/*
 * In      job, prompt
 * Out     frames, with the model and the sampler settings that made them
 * Drops   cancelled jobs
 * Fails   REQUEST_OVER_LIMIT (more than the model makes; admit says so first), OBJECT_NOT_FOUND and OBJECT_DAMAGED (an image of the prompt),
 *         MEDIA_DAMAGED, MODEL_CRASHED after retries
 * Memory  `concurrency` prompts with decoded images, and their videos
 * Progress is announced on the jobs topic outside of the commit: after a crash it may come twice, or be missing.
 */

const weight = z.number().min(0).max(50);
/** Between two announcements of one job. */
const announceMs = 1000;
/** Of one image in a prompt. */
const imageBytes = 32 * 1024 * 1024;

export const denoise = defineOperator(
  {
    name: 'denoise',
    summary: 'Lets the model turn noise into the frames that a prompt asks for.',
    contract: {
      in: 'job and prompt.',
      out: 'frames: RGB, with the model, its weights and the sampler settings that made them. What the request sets comes before the step, the step before the model’s own defaults. Once its first step has run, the job is in_progress on the jobs topic, with its progress at most once a second; being outside of the commit it may be repeated or missing after a crash.',
      drops: 'Cancelled jobs, at the next step of the sampler.',
      fails:
        'REQUEST_EXPIRED at the step of the sampler at which the deadline has passed; REQUEST_OVER_LIMIT when the model makes no such video; OBJECT_NOT_FOUND, OBJECT_DAMAGED or MEDIA_DAMAGED for an image of the prompt; MODEL_CRASHED when retries did not help.',
      memory: 'As many prompts with decoded images and videos as run at once.',
    },
    config: z.strictObject({
      model: z.string().default('nano').describe('Preset, or path of a weights file; the run loads it.'),
      upsampler: z.string().optional().describe('The same for a model that enlarges its videos; none when left out.'),
      encoder: z
        .string()
        .optional()
        .describe(
          'Folder of a frozen language model (config.json, tokenizer.json, model.onnx), for models that need one.',
        ),
      steps: z.number().int().min(1).max(1000).optional().describe('Sampler steps; the model’s own when left out.'),
      guidance: z
        .union([weight, z.strictObject({ text: weight, image: weight })])
        .optional()
        .describe('Classifier-free guidance, one number or one a modality; 1: none; the model’s own when left out.'),
      oscillation: z
        .strictObject({ steady: z.number().int().min(0).max(1000), low: weight })
        .optional()
        .describe(
          'After `steady` steps every second one takes the weight `low` instead; always the same when left out.',
        ),
      concurrency: z
        .number()
        .int()
        .min(1)
        .max(64)
        .default(4)
        .describe('Jobs whose images are read ahead; the model makes one video after the other.'),
      jobs: z
        .string()
        .min(1)
        .default('jobs')
        .describe('Topic of the progress announcements.')
        .meta({ topic: 'job.changed' }),
    }),
    example: '- denoise: { model: nano, steps: 20, guidance: 1.5 }',
    needs: ['job', 'prompt'],
    adds: ['frames'],
  },
  (config, resources) => {
    const denoiser = resources.models.of(config);
    return {
      step: mapEach<'job' | 'prompt'>(
        async ({ job, prompt }, envelope) => {
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
          const input = { prompt: await readPrompt(prompt, resources), ...wanted, fps, ...settings };
          const progress = announcer(envelope, config.jobs, resources);
          try {
            const { video, seconds } = await denoiser.generate(input, {
              signal: envelope.signal,
              onStep: progress.report,
            });
            return {
              frames: {
                video,
                fps,
                model: { name, weights, backend, ...(upsampler && { upsampler }) },
                sampler,
                ...(words && { unknownWords: unknownWords(prompt, words) }),
                seconds,
              },
            };
          } finally {
            // Else "in progress" could arrive after "completed".
            await progress.sent();
          }
        },
        { step: 'denoise', concurrency: config.concurrency, clock: resources.clock },
      ),
    };
  },
);

async function readPrompt(prompt: Prompt, { objects }: Resources): Promise<ModelPrompt> {
  const parts = await Promise.all(
    prompt.parts.map(async (part) => {
      if ('text' in part) return part;
      const { key, sha256 } = part.image;
      const bytes = await objects.get(key, { sha256, maxBytes: imageBytes });
      return { pixels: await decodePicture(bytes, key), role: part.role };
    }),
  );
  return { task: prompt.task, instruction: prompt.instruction, parts };
}

function announcer(envelope: Envelope, topic: string, { clock, announce, log, pipeline }: Resources) {
  const asked = tryOf(envelope, pipeline);
  const { job } = asked;
  const { traceparent } = envelope.event;
  let last = Number.NEGATIVE_INFINITY;
  let sending = Promise.resolve();
  const report = (done: number, total: number) => {
    const now = clock.elapsed();
    if (now - last < announceMs) return;
    last = now;
    const change = { ...asked, state: 'in_progress' as const, progress: total > 0 ? done / total : 0 };
    sending = sending
      .then(() => announce([jobRecord(change, { pipeline, topic }, { moment: `step-${done}`, traceparent })]))
      .catch((error: unknown) => log.warn({ job, error: String(error) }, 'Progress could not be announced'));
  };
  return { report, sent: () => sending };
}
