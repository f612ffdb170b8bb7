import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage } from '../../../../src/media/images.js';
import type { Denoiser, Embedder, RgbImage } from '../../../../src/models/ports.js';
import { readSamples } from '../../../../src/models/training/data/samples.js';
import { embed } from '../../../../src/operators/grounding/embed.js';
import { split } from '../../../../src/operators/media/split.js';
import { denoise } from '../../../../src/operators/requests/denoise.js';
import { convert, discPng, makeVideo, testFolder, turnQuarter } from '../../../media/make-media.js';
import { mediaResources, probed } from '../../../operators/media-resources.js';
import { only, resourcesWith, runOperator } from '../../../operators/run-operator.js';
import { clip, image, members, writeShard } from '../shards.js';

/* A model is trained on what it is served with: one file gives the same pixels to training, corpus and serving. */

const folder = await testFolder();
const media = await mediaResources(folder);

async function turned(): Promise<string> {
  const path = await makeVideo(folder, 'turned.mp4', { width: 64, height: 48, scenes: [9] });
  await turnQuarter(path);
  return path;
}

async function untaggedHd(): Promise<string> {
  const small = await makeVideo(folder, 'small.mp4', { width: 64, height: 64, scenes: [9] });
  const untold = ['-vf', 'scale=640:640', '-bsf:v', 'h264_metadata=matrix_coefficients=2'];
  return convert(folder, small, 'hd.mp4', ['-c:v', 'libx264', '-preset', 'ultrafast', ...untold]);
}

test.each([
  ['turned by a quarter', turned, { side: 48, height: 64 }],
  ['in HD that does not say its colours', untaggedHd, { side: 64, height: 64 }],
])('a clip %s is for training what the corpus sees of it', async (_, make, size) => {
  const path = await make();
  const { emitted } = await runOperator(split, { side: 64 }, media, [await probed(path)]);
  const cut = emitted[0]!.data.clip!;
  const seen = await decodeImage(await media.objects.get(cut.keyframe.key), 'the keyframe');
  const shard = await writeShard(members({ key: 'a', caption: 'x', clip: { mp4: await readFile(path) }, context: [] }));
  const [sample] = await readSamples([shard], { ...size, frames: 8 });
  const length = 3 * size.side * size.height;
  const middle = sample!.frames.subarray((cut.frames >> 1) * length, ((cut.frames >> 1) + 1) * length);
  expect(seen).toMatchObject({ width: size.side, height: size.height });
  expect(Buffer.from(middle).equals(seen.data)).toBe(true);
});

test('an image of a prompt is for training what serving shows its models', async () => {
  // As a phone writes it, and with a hole to be seen through.
  const soft = await sharp(await image('#1030c0'))
    .resize(20, 12)
    .composite([{ input: await discPng(12), left: 0, top: 0, blend: 'dest-out' }])
    .withMetadata({ orientation: 6 })
    .webp({ lossless: true })
    .toBuffer();
  const shown: RgbImage[] = [];
  const denoiser: Denoiser = {
    describe: async () => ({
      ...{ name: 'looks', weights: 'e'.repeat(64), backend: 'none', parameters: 0, sampler: 'none', multiple: 8 },
      defaults: { frames: 1, width: 8, height: 8, fps: 8, steps: 1, guidance: { text: 1, image: 1 } },
      limits: { frames: 1, width: 8, height: 8, images: 1 },
    }),
    async generate({ prompt }) {
      for (const part of prompt.parts) if ('pixels' in part) shown.push(part.pixels);
      return { video: { frames: 1, width: 8, height: 8, data: new Uint8Array(192) }, seconds: 0 };
    },
    close: async () => {},
  };
  const embedder: Embedder = {
    ...media.embedder,
    image(pixels) {
      shown.push(pixels);
      return media.embedder.image(pixels);
    },
  };
  const object = await media.objects.put('images/soft.webp', soft, { mediaType: 'image/webp' });
  const parts = [{ image: object, role: 'reference' as const }, { text: 'a fox' }];
  const flow = {
    job: { id: 'job-1', request: { source: '/shop', id: '1' }, seed: 7 },
    query: { task: 'text-to-video' as const, parts, text: 'a fox', retrieval: undefined, self: {} },
    prompt: { task: 'text-to-video' as const, instruction: 'Make a video.', parts },
  };
  const resources = resourcesWith({ objects: media.objects, models: only(denoiser), embedder });
  await runOperator(embed, {}, resources, [flow]);
  await runOperator(denoise, {}, resources, [flow]);

  const shard = await writeShard(
    members({ key: 'a', caption: 'a fox', clip: { mp4: clip(8) }, context: [{ caption: 'a fox', image: soft }] }),
  );
  const [sample] = await readSamples([shard], { side: 32, frames: 8 });
  const trained = sample!.prompt.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));
  expect(trained).toMatchObject([{ width: 12, height: 20 }]);
  expect(shown).toEqual([trained[0], trained[0]]);
});
