import { expect, it } from 'vitest';
import { filter } from '../../src/operators/filter.js';
import type { Clip, Flow } from '../../src/operators/flow.js';
import { describeOperator } from './operator-contract.js';
import { fates, resourcesWith, runOperator } from './run-operator.js';

const object = { key: 'clips/a.mp4', size: 1, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
const clip = (other: Partial<Clip> = {}): Flow => ({
  clip: {
    ...{ kind: 'clip', object, keyframe: object, start: 0, duration: 2, frames: 24, fps: 12, width: 64, height: 48 },
    ...{ motion: 0.02, perceptual: '0'.repeat(16), imageEmbedding: [1] },
    ...other,
  },
});

describeOperator(filter, { resources: () => resourcesWith({}), good: () => clip(), bad: null });

it('drops by length, size and motion, and names the reason', async () => {
  const config = { min_seconds: 1, min_side: 32, min_motion: 0.01 };
  const run = await runOperator(filter, config, resourcesWith({}), [
    clip(),
    clip({ duration: 0.9 }),
    clip({ duration: 1 }),
    clip({ height: 31 }),
    clip({ motion: 0.009 }),
    clip({ kind: 'still', duration: 0, motion: 0 }),
    clip({ kind: 'still', duration: 0, motion: 0, width: 16 }),
  ]);
  expect(fates(run)).toEqual([
    'delivered',
    'too-short',
    'delivered',
    'too-small',
    'too-still',
    'delivered',
    'too-small',
  ]);
});
