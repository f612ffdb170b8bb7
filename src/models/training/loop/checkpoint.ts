import { join } from 'node:path';
import { VimiError } from '../../../core/errors.js';
import type { ParameterSpec } from '../../networks/parameters.js';
import { checkWeights, readWeights, writeWeights } from '../../weights/safetensors.js';
import type { OptimizerState } from '../optimizer/optimizer.js';

/*
 * checkpoint.safetensors in a run's folder: weights, mean, moments in full precision; metadata: the step and what the run
 * is. A checkpoint replaces the one before atomically.
 */

const parts = ['weights', 'ema', 'first', 'second'] as const;

export async function saveCheckpoint(
  folder: string,
  specs: readonly ParameterSpec[],
  state: OptimizerState,
  metadata: { step: string; run: string },
): Promise<void> {
  const tensors = new Map(
    parts.flatMap((part) =>
      specs.map(({ name, shape }) => [`${part}/${name}`, { shape, values: state[part].get(name)! }] as const),
    ),
  );
  await writeWeights(join(folder, 'checkpoint.safetensors'), tensors, { metadata, dtype: 'F32' });
}

/**
 * The state and the step to go on from, or null where there is no checkpoint. USAGE when it is of another run (another
 * recipe, seed, preset or data): exact continuation would be a lie.
 */
export async function loadCheckpoint(
  folder: string,
  specs: readonly ParameterSpec[],
  run: string,
): Promise<{ state: OptimizerState; step: number } | null> {
  const path = join(folder, 'checkpoint.safetensors');
  const file = await readWeights(path).catch((error: VimiError) => {
    if (error.code === 'WEIGHTS_NOT_FOUND') return null;
    throw error;
  });
  if (!file) return null;
  if (file.metadata.run !== run)
    throw new VimiError('USAGE', 'The folder holds a checkpoint of another run', {
      expected: run,
      found: file.metadata.run,
      where: path,
    });
  const all = parts.flatMap((part) => specs.map((spec) => ({ ...spec, name: `${part}/${spec.name}` })));
  checkWeights(file, all, path);
  const take = (part: string) => new Map(specs.map(({ name }) => [name, file.tensors.get(`${part}/${name}`)!.values]));
  const state = { weights: take('weights'), ema: take('ema'), first: take('first'), second: take('second') };
  return { state, step: Number(file.metadata.step) };
}
