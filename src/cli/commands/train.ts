import { liveShards } from '../../app/samples/live-shards.js';
import type { Workspace } from '../../app/workspace.js';
import { readBounded } from '../../core/bounded-file.js';
import { VimiError } from '../../core/errors.js';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import type { Device } from '../../models/backends/backend.js';
import type { BackendName } from '../../models/backends/names.js';
import { presetNamed } from '../../models/presets/presets.js';
import { shareRecipe } from '../../models/training/devices/share-recipe.js';
import { type Recipe, recipeOf, recipe as recipeSchema } from '../../models/training/loop/recipe.js';
import { checkObjectKey } from '../../stores/objects/object-key.js';
import { duration, progress } from '../progress.js';

export interface TrainCommandOptions {
  preset: string;
  steps: number;
  seed: number;
  out: string;
  /** A prefix in the topology's object store, under which the run is kept besides. */
  store?: string;
  heldOut: string[];
  recipe?: string;
  stage?: 1 | 2;
  from?: string;
  encoder?: string;
  backend?: BackendName;
  threads?: number;
  devices?: Device[];
  signal: AbortSignal;
}

/** Trains a preset on shards: the named files, or without any all that the corpus pipeline has sealed. */
export async function trainOn(
  shards: string[],
  workspace: Workspace,
  options: TrainCommandOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  // Now, and not after the shards have been read.
  if (options.store !== undefined) checkObjectKey(options.store.replace(/\/+$/, ''));
  const recipe = options.recipe === undefined ? undefined : await readRecipe(options.recipe, options);
  const { devices } = options;
  if (devices) shareRecipe(recipe ?? recipeOf(presetNamed(options.preset), options.stage), devices);
  const lent = shards.length > 0 ? [] : await sealedShards(workspace);
  try {
    await trainOnFiles(
      shards.length > 0 ? shards : lent.map(({ path }) => path),
      workspace,
      { ...options, recipe },
      out,
    );
  } finally {
    for (const { release } of lent) await release();
  }
}

async function trainOnFiles(
  shards: string[],
  workspace: Workspace,
  { store: prefix, ...options }: Omit<TrainCommandOptions, 'recipe'> & { recipe?: Recipe },
  out: NodeJS.WritableStream,
): Promise<void> {
  // TensorFlow is loaded by those who train, not by every command.
  const { train } = await import('../../models/training/loop/train.js');
  const bar = progress('train');
  const result = await train({
    ...options,
    shards,
    store: prefix === undefined ? undefined : { objects: await workspace.objects(), prefix },
    onWarning: (error) => workspace.log.warn({ code: error.code }, error.message),
    onProgress(state) {
      if (state.phase === 'reading') {
        bar.update(state.samples, 0, `${state.samples === 1 ? 'sample' : 'samples'} read`);
      } else
        bar.update(state.step, state.steps, `loss ${state.loss.toFixed(4)}, ${duration(state.secondsPerStep)} a step`);
    },
  });
  bar.finish(`${result.steps} steps on ${result.backend}`);
  for (const probe of result.probes) out.write(`${JSON.stringify(probe)}\n`);
  out.write(`${result.weights}\n`);
}

/** A recipe, or what of the preset's own for the stage is to be another. USAGE when it is none. */
export async function readRecipe(
  file: string,
  { preset, stage }: Pick<TrainCommandOptions, 'preset' | 'stage'>,
): Promise<Recipe> {
  const bytes = await readBounded(file, {
    most: 1 << 20,
    unreadable: ['USAGE', 'The recipe cannot be read'],
    tooLarge: ['USAGE', 'The recipe is too large'],
  });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new VimiError('USAGE', 'The recipe is not JSON', { found: (cause as Error).message, where: file, cause });
  }
  const checked = recipeSchema.partial().safeParse(value);
  if (checked.success) return { ...recipeOf(presetNamed(preset), stage), ...checked.data };
  const mistakes = mistakesOf(checked.error, value).map(mistakeText);
  throw new VimiError('USAGE', `Not a valid recipe: ${mistakes.join('; ')}`, { where: file });
}

/** Local files of all shards that the topology's topics of samples tell of. */
async function sealedShards(workspace: Workspace): Promise<{ path: string; release(): Promise<void> }[]> {
  const objects = await workspace.objects();
  const live = await liveShards(workspace);
  if (live.length === 0)
    throw new VimiError('USAGE', 'There are no shards to train on', {
      expected: 'paths of shards, or a samples topic that is not empty: run the corpus pipeline first',
    });
  return Promise.all(live.map(({ object }) => objects.localFile(object.key)));
}
