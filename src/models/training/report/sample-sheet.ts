import { join } from 'node:path';
import { type ContactRow, contactSheet } from '../../../media/drawing/contact-sheet.js';
import type { PartVectors } from '../../encoders/frozen-encoder.js';
import { promptItems } from '../../networks/prompt-input.js';
import type { RgbImage, RgbVideo } from '../../ports.js';
import type { LowResolution, Preset } from '../../presets/preset.js';
import { sizeOfVideo } from '../../presets/presets.js';
import { generate, upsample } from '../../sampling/generate.js';
import { reduce, type SmallVideo } from '../../sampling/low-resolution.js';
import type { LoadedModel } from '../../weights/load-model.js';
import { placesInClip } from '../data/batch.js';
import type { TrainingSample } from '../data/samples.js';
import { smallPoses } from '../labels/places.js';

/** What is drawn while a model is trained: few videos in few steps, since the training waits for them. */
const most = { samples: 4, steps: 6, frames: 8 };

/**
 * Writes samples.png: of some samples the prompt's images and the true clip's frames, and below these the frames that
 * the model draws from the same prompt, with the same noise each time. An upsampler is given the true clip made small.
 * CANCELLED; INTERNAL when the network gives numbers that are not finite.
 */
export async function drawSampleSheet(
  folder: string,
  trained: LoadedModel,
  samples: readonly TrainingSample[],
  { step, vectors, signal }: { step: number; vectors?: PartVectors; signal: AbortSignal },
): Promise<void> {
  const { preset } = trained.model;
  const rows: ContactRow[] = [];
  const chosen = spread(samples, most.samples);
  const columns = Math.max(...chosen.map((sample) => imagesOf(sample).length));
  for (const [n, sample] of chosen.entries()) {
    const size = { frames: preset.frames, ...sizeOfVideo(preset) };
    const clip = sample.frames.subarray(0, size.frames * size.height * size.width * 3);
    const { guidance } = preset.defaults;
    const steps = Math.min(preset.defaults.steps, most.steps);
    const input = { prompt: sample.prompt, ...size, fps: sample.fps, steps, guidance, seed: n };
    const drawn = preset.low
      ? await upsample(trained, smallOf(sample, preset, preset.low, vectors), input, { vectors, signal })
      : await generate(trained, input, { vectors, signal });
    const images = imagesOf(sample);
    const places = Array.from({ length: columns }, (_, c) => images[c] ?? null);
    rows.push({ label: captionOf(sample), images: [...places, ...framesOf({ ...size, data: clip })] });
    rows.push({ label: `drawn at step ${step}`, images: [...places.map(() => null), ...framesOf(drawn)] });
  }
  await contactSheet(rows, join(folder, 'samples.png'));
}

/** The true clip made small, and where the prompt's images are in it. */
function smallOf(
  sample: TrainingSample,
  preset: Preset,
  low: LowResolution,
  vectors: PartVectors | undefined,
): SmallVideo {
  const size = { frames: preset.frames, ...sizeOfVideo(preset) };
  const clip = sample.frames.subarray(0, size.frames * size.height * size.width * 3);
  const places = placesInClip(sample, promptItems(sample.prompt, preset, vectors), preset);
  const poses = places.map((one) => one && smallPoses(one, low));
  return { x: reduce(centred(clip), size, low), poses };
}

/** Evenly over the list, whose neighbours are alike. Clips rather than stills. */
function spread(samples: readonly TrainingSample[], n: number): TrainingSample[] {
  const clips = samples.filter(({ fps }) => Number.isFinite(fps));
  const pool = clips.length >= Math.min(n, samples.length) ? clips : samples;
  const count = Math.min(n, pool.length);
  return Array.from({ length: count }, (_, i) => pool[Math.floor((i * pool.length) / count)]!);
}

const imagesOf = ({ prompt }: TrainingSample) =>
  prompt.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));

/** The prompt's own words, without those that came with its context. */
function captionOf({ prompt, contextCaptions }: TrainingSample): string {
  const texts = prompt.parts.flatMap((part) => ('text' in part ? [part.text] : []));
  const own = texts.filter((text) => !contextCaptions.includes(text));
  return (own.length > 0 ? own : texts).join(' ');
}

/** Evenly over the video, the first one among them. */
function framesOf({ frames, width, height, data }: RgbVideo): RgbImage[] {
  const count = Math.min(frames, most.frames);
  const length = width * height * 3;
  return Array.from({ length: count }, (_, i) => {
    const t = Math.floor((i * frames) / count);
    return { width, height, data: data.subarray(t * length, (t + 1) * length) };
  });
}

const centred = (bytes: Uint8Array) => Float32Array.from(bytes, (v) => v / 127.5 - 1);
