import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRecipe } from '../../src/cli/commands/train.js';
import { buildModel } from '../../src/models/networks/model.js';
import { presets } from '../../src/models/presets/presets.js';
import { drawBatch } from '../../src/models/training/data/batch.js';
import { readSamples } from '../../src/models/training/data/samples.js';
import { recipeOf } from '../../src/models/training/loop/recipe.js';
import { learners } from '../../src/models/training/optimizer/learners.js';
import { clip, image, members, writeShard } from '../models/training/shards.js';

const folder = 'examples/world/recipes';
const read = (name: string, stage: 1 | 2) => readRecipe(join(folder, `${name}.json`), { preset: 'nano', stage });

/** Images in the prompts of 60 samples, by what they are for. */
async function images(recipe: Awaited<ReturnType<typeof read>>): Promise<Set<string>> {
  const context = [{ caption: 'a red box', image: await image('#e01010') }];
  const sample = members({ key: 'm-0-1', caption: 'a red box moves right', clip: { mp4: clip(8) }, context });
  const samples = await readSamples([await writeShard(sample)], { side: 32, frames: 8 });
  const stage = { ...recipe.stages[0]!, frames: 1, batch: 60 };
  const { prompts } = drawBatch(samples, presets.nano!, stage, recipe, { seed: 1, step: 0 });
  return new Set(prompts.flat().flatMap((item) => ('role' in item ? [item.role] : [])));
}

test('each recipe of the ablations takes one thing away, those of the shipped weights have their own, and there are no others', async () => {
  const names = ['changes', 'no-retrieval', 'one-task', 'paths', 'three'];
  expect(readdirSync(folder).sort()).toEqual(names.map((name) => `${name}.json`));
  const changed = (recipe: object, own: object) =>
    Object.entries(recipe).flatMap(([key, value]) =>
      JSON.stringify(value) === JSON.stringify(own[key as keyof typeof own]) ? [] : [key],
    );
  // A name or a colour that is hidden can be learned from the image alone: without images nothing is hidden.
  expect(changed(await read('no-retrieval', 1), recipeOf(presets.nano!, 1))).toEqual(['dropout', 'augment']);
  expect(changed(await read('one-task', 2), recipeOf(presets.nano!, 2))).toEqual(['tasks']);
  const ofChanges = changed(await read('changes', 2), recipeOf(presets.nano!, 2));
  expect(ofChanges).toEqual(['stages', 'optimizer', 'augment', 'tasks']);
  const ofPaths = changed(await read('paths', 2), recipeOf(presets.nano!, 2));
  expect(ofPaths).toEqual(['stages', 'optimizer', 'dropout', 'augment', 'layout', 'tasks']);
  const ofThree = changed(await read('three', 2), recipeOf(presets.nano!, 2));
  expect(ofThree).toEqual(['stages', 'optimizer', 'dropout', 'augment', 'tasks']);
});

test('without retrieval no image is seen in training, with one task only what was retrieved', async () => {
  expect(await images(await read('no-retrieval', 1))).toEqual(new Set());
  expect(await images(await read('one-task', 2))).toEqual(new Set(['reference']));
  expect(await images(recipeOf(presets.nano!, 2))).toEqual(new Set(['reference', 'subject', 'first-frame']));
});

test('the recipe for paths lets the gate alone learn, so that videos without a clip stay what they are', async () => {
  const { optimizer } = await read('paths', 2);
  const gate = buildModel(presets.nano!).specs.filter(({ name }) => name.startsWith('prompt.follow.'));
  expect(learners(buildModel(presets.nano!).specs, optimizer.only)).toEqual(
    gate.map((spec) => ({ spec, parts: [[0, spec.shape.reduce((n, d) => n * d, 1)]] })),
  );
});

test('a recipe that says something wrong is none', async () => {
  await expect(readRecipe('package.json', { preset: 'nano' })).rejects.toMatchObject({ code: 'USAGE' });
});
