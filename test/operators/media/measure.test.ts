import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Flow } from '../../../src/flow/flow.js';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import { filter } from '../../../src/operators/media/filter.js';
import { measure } from '../../../src/operators/media/measure.js';
import { memoryObjects } from '../../../src/stores/objects/memory.js';
import { testFolder } from '../../media/make-media.js';
import { storedImage } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator, thrownBy } from '../run-operator.js';

const fixtures = join(import.meta.dirname, '../../models/encoders/onnx/fixtures');
const topologyFolder = await testFolder();
function netFolder(name: string, net: string, told: object): void {
  mkdirSync(join(topologyFolder, name));
  copyFileSync(join(fixtures, net), join(topologyFolder, name, 'net.onnx'));
  writeFileSync(join(topologyFolder, name, 'score.json'), JSON.stringify({ net: 'net.onnx', ...told }));
}
netFolder('red', 'clip/vision_model.onnx', { image: { width: 8, height: 8 }, take: [0] });
netFolder('head', 'head.onnx', { embedding: { encoder: 'three' } });

const objects = memoryObjects();
const embedder = { ...createEmbedder(), name: 'three', dimensions: { text: 3, image: 3 } };
const resources = (more = {}) => resourcesWith({ objects, topologyFolder, embedder, ...more });
const clipOf = async (colour: string): Promise<Flow> => {
  const keyframe = await storedImage(resources(), colour);
  return {
    clip: {
      ...{ kind: 'still', object: keyframe, keyframe, start: 0, duration: 0, frames: 1, fps: 0, width: 8, height: 8 },
      ...{ motion: 0, scores: { sharpness: 1 }, perceptual: '0'.repeat(16), imageEmbedding: [0.6, 0.8, 0] },
    },
  };
};
const red = { name: 'red', folder: 'red' };

describeOperator(measure, {
  config: { nets: [red] },
  resources,
  good: () => clipOf('#330000'),
  bad: async () => {
    const flow = await clipOf('#330000');
    const gone = { ...flow.clip!.keyframe, key: 'images/gone.webp' };
    return { flow: { clip: { ...flow.clip!, keyframe: gone } }, code: 'OBJECT_NOT_FOUND' };
  },
});

it('adds a score of each net to those of the clip, by which filter decides', async () => {
  const nets = [red, { name: 'beauty', folder: 'head' }];
  const flows = [await clipOf('#330000'), await clipOf('#ff0000')];
  const run = await runOperator(measure, { nets }, resources(), flows);
  await run.instance.close!();
  expect(run.emitted.map(({ data }) => data.clip!.scores)).toEqual([
    { sharpness: 1, red: expect.closeTo(0.2, 5), beauty: expect.closeTo(0.5, 5) },
    { sharpness: 1, red: 1, beauty: expect.closeTo(0.5, 5) },
  ]);
  const limits = { min_side: 1, scores: { red: { max: 0.3 }, beauty: { min: 0.4 } } };
  const kept = await runOperator(
    filter,
    limits,
    resources(),
    run.emitted.map(({ data }) => data),
  );
  expect(outcomes(kept)).toEqual(['delivered', 'high-red']);
});

it('refuses a head that was made for another encoder, before anything is measured', async () => {
  const nets = [red, { name: 'beauty', folder: 'head' }];
  const other = { ...embedder, name: 'other' };
  const step = measure.create(measure.config.parse({ nets }), resources({ embedder: other }));
  expect(await thrownBy(() => step.open!())).toMatchObject({
    code: 'WEIGHTS_DAMAGED',
    message: expect.stringContaining('three'),
  });
});

it.each([
  [{ name: 'motion', folder: 'x' }],
  [{ name: 'caption_words', folder: 'x' }],
  [{ name: 'Text', folder: 'x' }],
  [{ name: 'text' }],
  [red, red],
])('refuses the nets %j', (...nets) => {
  expect(measure.config.safeParse({ nets }).success).toBe(false);
});
