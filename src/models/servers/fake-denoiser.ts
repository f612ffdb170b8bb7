import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { VimiError } from '../../core/errors.js';
import { checkInput } from '../check-input.js';
import { Random } from '../numerics/random.js';
import type { Denoiser, GenerateInput, ModelDescription, RgbImage, RgbVideo } from '../ports.js';
import { withFirstFrame } from '../sampling/first-frame.js';

const description: ModelDescription = {
  name: 'fake',
  weights: createHash('sha256').update('no weights').digest('hex'),
  backend: 'none',
  parameters: 0,
  sampler: 'none',
  defaults: { frames: 8, width: 32, height: 32, fps: 8, steps: 4, guidance: { text: 1, image: 1 } },
  limits: { frames: 64, width: 512, height: 512, images: 16 },
  multiple: 2,
};

/**
 * No model: flat moving colours that follow from a hash of the whole input. For tests that stress everything around the
 * model (crashes, delivery, load); never a result to show. A first frame of the prompt is frame 1, as with real models. Runs in this process, with the step borders of the real one.
 */
export function createFakeDenoiser(): Denoiser {
  let closed = false;
  return {
    describe: async () => structuredClone(description),
    async generate(input, { signal, onStep, onPreview }) {
      checkInput(input, description);
      const began = performance.now();
      const video = paint(input);
      for (let step = 0; step <= input.steps; step++) {
        if (signal.aborted || closed)
          throw new VimiError('CANCELLED', 'The generation was cancelled', { where: `step ${step}` });
        // All its steps together take less than the time between two previews.
        if (step === 1) onPreview?.(middleOf(video));
        if (step > 0) onStep?.(step, input.steps);
        await setImmediate();
      }
      return { video, seconds: (performance.now() - began) / 1000 };
    },
    async close() {
      closed = true;
    },
  };
}

function middleOf({ frames, width, height, data }: RgbVideo): RgbImage {
  const size = width * height * 3;
  const start = (frames >> 1) * size;
  return { width, height, data: data.subarray(start, start + size) };
}

/** Three moving bands whose colours and speeds the input decides. */
function paint(input: GenerateInput): RgbVideo {
  const { frames, width, height } = input;
  const hash = createHash('sha256').update(JSON.stringify({ ...input, prompt: { ...input.prompt, parts: [] } }));
  for (const part of input.prompt.parts) {
    if ('text' in part) hash.update(`text ${part.text}\n`);
    else hash.update(`${part.role} ${part.pixels.width}x${part.pixels.height}\n`).update(part.pixels.data);
  }
  const random = new Random(hash.digest().readUInt32LE(0));
  const colours = Array.from({ length: 3 }, () => [random.below(256), random.below(256), random.below(256)]);
  const speed = 1 + random.below(4);
  const data = new Uint8Array(frames * height * width * 3);
  let at = 0;
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        data.set(colours[Math.floor((3 * ((x + y + t * speed) % width)) / width)]!, at);
        at += 3;
      }
  const { frame } = withFirstFrame(input.prompt, input, input);
  if (frame) data.set(frame.data);
  return { frames, width, height, data };
}
