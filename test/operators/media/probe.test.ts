import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Flow } from '../../../src/flow/flow.js';
import { probe } from '../../../src/operators/media/probe.js';
import { discPng, hollowPng, makeVideo, testFolder } from '../../media/make-media.js';
import { fetched } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const video = await makeVideo(folder, 'video.mp4');
const of = (path: string): Flow => ({ file: fetched(path) });
const bomb = join(folder, 'bomb.png');
await writeFile(bomb, hollowPng(30_000, 30_000));

describeOperator(probe, {
  resources: () => resourcesWith({}),
  good: () => of(video),
  bad: () => ({ flow: of(bomb), code: 'MEDIA_TOO_LARGE' }),
});

it('has limits of pixels that can be set, for frames and for images', async () => {
  const frame = await runOperator(probe, { max_frame_pixels: 1000 }, resourcesWith({}), [of(video)]);
  expect(outcomes(frame)).toEqual(['MEDIA_TOO_LARGE']);
  const image = join(folder, 'image.png');
  await writeFile(image, await discPng(33));
  for (const [max_pixels, outcome] of [
    [33 * 33 - 1, 'MEDIA_TOO_LARGE'],
    [33 * 33, 'delivered'],
  ] as const)
    expect(outcomes(await runOperator(probe, { max_pixels }, resourcesWith({}), [of(image)]))).toEqual([outcome]);
});
