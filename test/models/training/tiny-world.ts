import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { presets } from '../../../src/models/presets/presets.js';
import { tiny } from '../networks/tiny.js';
import { clip, image, members, writeShard } from './shards.js';

/** For a file of tests: the tiny preset by its name, wasm, and a shard of a clip with context and a still without. */
export function tinyWorld(): { readonly shard: string } {
  const world = { shard: '' };
  beforeAll(async () => {
    presets.tiny = tiny;
    await openBackend('wasm');
    const context = [{ caption: 'a red box', image: await image('#e01010') }];
    world.shard = await writeShard([
      ...members({ key: 'm-0-1', caption: 'a red box moves right', clip: { mp4: clip(8) }, context }),
      ...members({ key: 'm-0-2', caption: 'a still box', clip: { webp: await image('#1010e0') }, context: [] }),
    ]);
  });
  afterAll(() => {
    delete presets.tiny;
    tf.removeBackend('wasm');
  });
  return world;
}
