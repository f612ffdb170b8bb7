import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { beforeEach, expect, test, vi } from 'vitest';
import { generationRequested } from '../../src/events/schemas.js';
import type { Flow } from '../../src/flow/flow.js';
import { decodeImage } from '../../src/media/images.js';
import { stillAsWebp } from '../../src/media/still-as-webp.js';
import type { Denoiser, GenerateInput } from '../../src/models/ports.js';
import { decodedImage } from '../../src/operators/decoded-image.js';
import { composePrompt } from '../../src/operators/grounding/compose-prompt.js';
import { embed } from '../../src/operators/grounding/embed.js';
import { admit } from '../../src/operators/requests/admit.js';
import { denoise } from '../../src/operators/requests/denoise.js';
import type { ObjectStore } from '../../src/stores/objects/object-store.js';
import { embedder } from '../stores/corpus/corpus-documents.js';
import { fileStore, imageFile } from './grounding-resources.js';
import { only, resourcesWith, runOperator } from './run-operator.js';

// The real ones, counted.
vi.mock('../../src/media/images.js', { spy: true });
vi.mock('../../src/media/still-as-webp.js', { spy: true });

beforeEach(() => {
  vi.mocked(decodeImage).mockClear();
  vi.mocked(stillAsWebp).mockClear();
});

/** Writes down what it is shown. */
function looking() {
  const asked: GenerateInput[] = [];
  const denoiser: Denoiser = {
    describe: async () => ({
      ...{ name: 'looks', weights: 'e'.repeat(64), backend: 'none', parameters: 0, sampler: 'none', multiple: 8 },
      defaults: { frames: 1, width: 8, height: 8, fps: 8, steps: 1, guidance: { text: 1, image: 1 } },
      limits: { frames: 1, width: 8, height: 8, images: 4 },
    }),
    async generate(input) {
      asked.push(input);
      return { video: { frames: 1, width: 8, height: 8, data: new Uint8Array(192) }, seconds: 0 };
    },
    close: async () => {},
  };
  return { denoiser, asked };
}

test('each image of a job is read as it was sent once, and as it is kept once', async () => {
  const { denoiser, asked } = looking();
  const resources = resourcesWith({ objects: await fileStore(), embedder, models: only(denoiser) });
  const image = async (name: string) => ({ image: { base64: (await imageFile(name)).toString('base64') } });
  const prompt = ['a fox beside', await image('fox'), 'and', await image('dog')].map((part) =>
    typeof part === 'string' ? { text: part } : part,
  );
  const answer = async () => {
    const request = generationRequested.parse({ prompt });
    const input = { schema: 'generation.requested', topic: 'requests' } as const;
    const [admitted] = (await runOperator(admit, {}, resources, [{ request }], input)).emitted;
    const [embedded] = (await runOperator(embed, {}, resources, [admitted!.data])).emitted;
    const composed: Flow = { ...embedded!.data, prompt: composePrompt(embedded!.data.query!, [], { images: 1 }) };
    await runOperator(denoise, {}, resources, [composed]);
  };
  await answer();
  expect([vi.mocked(stillAsWebp).mock.calls.length, vi.mocked(decodeImage).mock.calls.length]).toEqual([2, 2]);
  const shown = (input: GenerateInput) => input.prompt.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));
  expect(shown(asked[0]!)).toHaveLength(2);
  // Another job with the same images sends them anew; what is kept of them is known.
  await answer();
  expect(vi.mocked(decodeImage)).toHaveBeenCalledTimes(2);
  expect(shown(asked[1]!)).toEqual(shown(asked[0]!));
});

async function plain(objects: ObjectStore, colour: string, side: number) {
  const bytes = await sharp({ create: { width: side, height: side, channels: 3, background: colour } })
    .webp({ lossless: true, effort: 0 })
    .toBuffer();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return objects.put(`images/${sha256}.webp`, bytes, { mediaType: 'image/webp' });
}

test('only as many are kept as there is room for, those that were asked for last', async () => {
  const objects = await fileStore();
  // 27 MB each: two fit.
  const [red, green, blue] = [
    await plain(objects, '#ff0000', 3000),
    await plain(objects, '#00ff00', 3000),
    await plain(objects, '#0000ff', 3000),
  ];
  for (const one of [red, green, red, blue, red]) await decodedImage(one, objects);
  expect(decodeImage).toHaveBeenCalledTimes(3);
  await decodedImage(green, objects);
  expect(decodeImage).toHaveBeenCalledTimes(4);
});

test('what could not be decoded is tried again', async () => {
  const objects = await fileStore();
  const elsewhere = await fileStore();
  const image = await plain(elsewhere, '#ff00ff', 8);
  await expect(decodedImage(image, objects)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
  await plain(objects, '#ff00ff', 8);
  expect(await decodedImage(image, objects)).toMatchObject({ width: 8, height: 8 });
});
