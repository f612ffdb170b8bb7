import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { videoCompleted } from '../../../src/events/schemas.js';
import type { Flow, Product } from '../../../src/flow/flow.js';
import { probeMedia } from '../../../src/media/probe-media.js';
import { mediaTools } from '../../../src/media/tools.js';
import { encode } from '../../../src/operators/requests/encode.js';
import { never, scenes, testFolder } from '../../media/make-media.js';
import { mediaResources, storedImage } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const image = await storedImage(resources, '#00ff00');

const flow = (job = 'job-1', caption = 'a green square'): Flow => ({
  job: { id: job, request: { source: '/shop', id: 'order-66' }, seed: 7 },
  prompt: {
    task: 'text-to-video',
    instruction: 'Make a video.',
    parts: [{ text: caption }, { image, role: 'reference' }, { text: 'a fox' }],
  },
  context: {
    entries: [{ document: 'd'.repeat(64), caption, image, score: 0.03, ranks: { lexical: 1, dense: 2 } }],
    nearDuplicates: [],
    corpus: { documents: 1, digest: 'd'.repeat(32) },
  },
  frames: {
    video: { frames: 6, width: 32, height: 24, data: scenes({ width: 32, height: 24, scenes: [6] }) },
    fps: 8,
    model: { name: 'scripted', weights: 'e'.repeat(64), backend: 'none' },
    sampler: { name: 'edm-heun', steps: 5, guidance: { text: 6, image: 1.5 }, seed: 7 },
    seconds: 1.25,
  },
});
const products = async (flows: Flow[], config = {}): Promise<Product[]> => {
  const run = await runOperator(encode, config, resources, flows, { schema: 'generation.requested' });
  return run.emitted.map(({ data }) => data.product!);
};
const saved = async ({ body }: Product, name = 'video.mp4') => {
  const path = join(folder, name);
  await writeFile(path, body as Buffer);
  return path;
};

describeOperator(encode, {
  resources: () => resources,
  good: () => flow(),
  bad: () => {
    const wrong = flow();
    wrong.frames!.video = { frames: 1, width: 0, height: 0, data: new Uint8Array() };
    return { flow: wrong, code: 'ENCODER_FAILED' };
  },
});

describe('encode', () => {
  it('writes the video and its event, and the same record into the video', async () => {
    const [product] = await products([flow()]);
    const { mediaType, fields, schema, id, data } = product!;
    expect({ mediaType, fields, schema, id }).toEqual({
      mediaType: 'video/mp4',
      fields: { job: 'job-1', digest: expect.stringMatching(/^[0-9a-f]{16}$/) },
      schema: 'video.completed',
      id: expect.stringMatching(/^job-1-video-[0-9a-f]{20}$/),
    });
    const object = { key: 'videos/job-1.mp4', size: 1, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
    expect(videoCompleted.parse({ ...data, object })).toMatchObject({ frames: 6, fps: 8, width: 32, height: 24 });
    const path = await saved(product!);
    expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({ width: 32, height: 24, fps: 8 });
    const arguments_ = ['-v', 'error', '-print_format', 'json', '-show_format', `file:${path}`];
    const { stdout } = await promisify(execFile)(mediaTools().ffprobe.path, arguments_);
    const { timings, ...record } = data;
    expect(timings).toEqual({ denoise_seconds: 1.25 });
    expect(JSON.parse(JSON.parse(stdout).format.tags.comment)).toEqual(record);
  });

  it('[kind 13] says which words the model never saw, where that is known', async () => {
    const told = flow();
    told.frames!.unknownWords = ['fox'];
    const [silent] = await products([flow()]);
    const [saying] = await products([told]);
    const object = { key: 'videos/job-1.mp4', size: 1, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
    expect(videoCompleted.parse({ ...saying!.data, object }).unknown_words).toEqual(['fox']);
    expect(silent!.data).not.toHaveProperty('unknown_words');
  });

  it('brings a thumbnail, a spritesheet whose geometry the event has, and the last frame as it was drawn', async () => {
    const [product] = await products([flow()], { scale: 2 });
    const [thumbnail, sheet, last] = product!.beside!;
    expect((await sharp(thumbnail!.body).metadata()).width).toBe(64);
    const { tiles, tile_width, tile_height, columns } = sheet!.named!.more as Record<string, number>;
    expect([tiles, columns, tile_width, tile_height]).toEqual([6, 3, 64, 48]);
    expect(product!.beside!.map(({ ending, mediaType, named }) => [ending, mediaType, named!.field])).toEqual([
      ['-thumbnail-{digest}.webp', 'image/webp', 'thumbnail'],
      ['-spritesheet-{digest}.webp', 'image/webp', 'spritesheet'],
      ['-last-frame-{digest}.webp', 'image/webp', 'last_frame'],
    ]);
    const { data, info } = await sharp(last!.body).raw().toBuffer({ resolveWithObject: true });
    expect(last!.named!.more).toEqual({ width: info.width, height: info.height });
    const { video } = flow().frames!;
    expect(data.equals(video.data.subarray(-info.width * info.height * 3))).toBe(true);
  });

  it('gives the same bytes again, however long the making took', async () => {
    const slower = flow();
    slower.frames!.seconds = 99;
    const [one, two] = await products([flow(), slower]);
    expect((one!.body as Buffer).equals(two!.body as Buffer)).toBe(true);
  });

  it('enlarges by whole numbers, and the record says the size of the file', async () => {
    const [product] = await products([flow()], { scale: 4 });
    expect(product!.data).toMatchObject({ width: 128, height: 96 });
    const path = await saved(product!, 'large.mp4');
    expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({ width: 128, height: 96 });
  });

  it('carries a record of any length', async () => {
    const [product] = await products([flow('job-1', 'fox '.repeat(60_000))]);
    const path = await saved(product!, 'long.mp4');
    expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({ kind: 'video' });
    expect((product!.body as Buffer).length).toBeGreaterThan(2 * 240_000);
  });

  it('leaves nothing in the temporary folder, whatever happened', async () => {
    const stop = AbortSignal.abort(new Error('stopped by the test'));
    await runOperator(encode, {}, resources, [flow()], { signal: stop });
    const full = resourcesWith({ workDir: join(folder, 'work') });
    await runOperator(encode, {}, full, [flow()]);
    expect(await readdir(join(folder, 'work'))).toEqual([]);
  });
});

it('the videos of two requests for one job are two events: one may have been forgotten in between [kind 2 made anew]', async () => {
  const [first, second] = await products([flow(), flow()]);
  expect(first!.fields.job).toBe(second!.fields.job);
  expect(first!.id).not.toBe(second!.id);
});
