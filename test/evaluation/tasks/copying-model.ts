import type { Denoiser, GenerateInput, RgbImage } from '../../../src/models/ports.js';
import type { BackgroundName } from '../synthetic-world.js';
import { backgrounds, drawFrame, posesOf, sprite, verb, videoOf } from '../synthetic-world.js';

/**
 * A model that does what the paper hopes for, by rule: it draws the subject of the first image in the prompt, moving on
 * the background as the words say. Without an image it draws subject 0. It knows nothing of what was asked but the prompt.
 */
export function copyingModel(subjects: number): Denoiser & { inputs: GenerateInput[] } {
  const inputs: GenerateInput[] = [];
  return {
    inputs,
    describe: async () => ({
      ...{ name: 'copying', weights: '0'.repeat(64), backend: 'none', parameters: 0, sampler: 'none' },
      defaults: { frames: 8, width: 32, height: 32, fps: 8, steps: 4, guidance: { text: 1, image: 1 } },
      limits: { frames: 8, width: 32, height: 32, images: 3 },
      multiple: 2,
    }),
    async generate(input) {
      inputs.push(input);
      const text = input.prompt.parts.flatMap((part) => ('text' in part ? [part.text] : [])).join(' ');
      const images = input.prompt.parts.flatMap((part) => ('pixels' in part ? [part] : []));
      const background = Object.keys(backgrounds).find((name) => text.includes(`${name} background`)) as BackgroundName;
      const acts = text.split(' and ').map((said) => ({
        motion: motionsByLength.find((name) => said.includes(verb(name))) ?? 'still',
        place: ['top', 'bottom'].find((name) => said.includes(`at the ${name}`)),
      }));
      const cast = acts.map(({ motion, place }, i) => ({
        sprite: sprite(images[i] ? nearest(images[i].pixels, subjects) : 0),
        at: posesOf(motion, input.frames).map((pose) => (place ? inHalf(pose, place) : pose)),
      }));
      const frames = Array.from({ length: input.frames }, (_, t) =>
        drawFrame(
          cast.map(({ sprite: one, at }) => ({ sprite: one, pose: at[t]! })),
          backgrounds[background],
        ),
      );
      return { video: videoOf(frames), seconds: 0 };
    },
    close: async () => {},
  };
}

const motionsByLength = ['left', 'right', 'up', 'down', 'bounce', 'grow', 'shrink', 'spin', 'circle', 'still'];

/** The path in the upper or the lower half, smaller. */
export function inHalf<P extends { x: number; y: number; size: number }>(pose: P, place: string): P {
  return { ...pose, y: (place === 'top' ? 0 : 16) + pose.y / 2, size: 0.7 * pose.size };
}

/** The subject whose image, on white, is least different. */
export function nearest({ width, data }: RgbImage, subjects: number): number {
  const pose = { x: 16, y: 16, size: 32, angle: 0 };
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let k = 0; k < subjects; k++) {
    const drawn = drawFrame([{ sprite: sprite(k), pose }], [255, 255, 255], width);
    const off = data.reduce((sum, value, i) => sum + (value - drawn[i]!) ** 2, 0);
    if (off < least) [best, least] = [k, off];
  }
  return best;
}

/** A model that copies as one must not: every frame is the first image of the prompt as it is, with a margin. */
export function copyingImages(): Denoiser {
  return {
    ...copyingModel(1),
    async generate({ prompt, frames, width, height }) {
      const part = prompt.parts.find((one) => 'pixels' in one);
      const image = part && 'pixels' in part ? part.pixels : { width: 1, height: 1, data: new Uint8Array(3) };
      const frame = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
        const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
        const along = (at: number, length: number, whole: number) =>
          Math.floor(((at + 0.5) / whole - 0.5) * length * 1.3 + length / 2);
        const [u, v] = [along(x, image.width, width), along(y, image.height, height)];
        const outside = u < 0 || v < 0 || u >= image.width || v >= image.height;
        return outside ? 255 : image.data[(v * image.width + u) * 3 + (i % 3)]!;
      });
      const data = new Uint8Array(frames * frame.length);
      for (let t = 0; t < frames; t++) data.set(frame, t * frame.length);
      return { video: { frames, width, height, data }, seconds: 0 };
    },
  };
}
