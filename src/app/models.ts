import { basename, resolve } from 'node:path';
import { VimiError } from '../core/errors.js';
import type { Denoiser, ModelChoice, Models } from '../models/ports.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import type { Topology } from '../streams/topology/topology.js';
import { isWeightsFile, modelName } from './model-name.js';

/** The models that the steps of a pipeline ask for, in their order, ready to be opened. MODEL_UNKNOWN. */
export function modelChoices({ steps }: Pick<PipelineSpec, 'steps'>, topology: Topology): ModelChoice[] {
  return steps
    .flatMap(({ operator, config }) => operator.models?.(config) ?? [])
    .map((choice) => located(choice, topology));
}

/** Opens each choice of a pipeline once, by `open`, which gives the same model for the same choice. */
export async function openModels(
  pipeline: PipelineSpec,
  topology: Topology,
  open: (choice: ModelChoice) => Promise<Denoiser>,
): Promise<Models> {
  const opened = new Map<string, Denoiser>();
  for (const choice of modelChoices(pipeline, topology)) opened.set(keyOf(choice), await open(choice));
  return {
    all: () => [...opened.values()],
    of(choice) {
      const there = opened.get(keyOf(located(choice, topology)));
      if (there) return there;
      throw new VimiError('INTERNAL', `No step of pipeline '${pipeline.name}' names this model in its spec`, {
        expected: 'a choice that `models` of the operator returns for its configuration',
        found: choice.model,
      });
    },
  };
}

/** The steps of a topology that use a model. */
export function stepsWith(choice: ModelChoice, topology: Topology): { pipeline: string; step: string }[] {
  const key = keyOf(located(choice, topology));
  const isIt = (one: ModelChoice) => {
    try {
      return keyOf(located(one, topology)) === key;
    } catch {
      // A model that is not there.
      return false;
    }
  };
  return topology.pipelines.flatMap(({ name, steps }) =>
    steps
      .filter(({ operator, config }) => operator.models?.(config)?.some(isIt))
      .map(({ name: step }) => ({ pipeline: name, step })),
  );
}

/** As people tell models apart: names, and of files their last part. */
export function shownName({ model, upsampler }: ModelChoice): string {
  return [model, upsampler].flatMap((one) => (one === undefined ? [] : basename(one))).join(' + ');
}

/** Two choices with one key are one model. */
export function keyOf({ model, upsampler, encoder }: ModelChoice): string {
  return JSON.stringify([model, upsampler, encoder]);
}

/**
 * A preset's name as it is, and one of the section `models`; paths start, like all in a topology, at the topology's folder. MODEL_UNKNOWN;
 * USAGE for parts beside a model of that section, which says itself what it has.
 */
function located({ model, upsampler, encoder }: ModelChoice, { folder, file, models }: Topology): ModelChoice {
  if (models.has(model)) {
    if (upsampler === undefined && encoder === undefined) return { model };
    throw new VimiError('USAGE', `The model '${model}' is one of the section models: it has no parts here`, {
      expected: 'denoise without upsampler and encoder',
      found: upsampler === undefined ? 'encoder' : 'upsampler',
      where: file,
    });
  }
  return partsOf({ model, upsampler, encoder }, { folder, file, models });
}

/** The parts of a model of this machine, its paths made absolute. MODEL_UNKNOWN. */
export function partsOf(
  { model, upsampler, encoder }: ModelChoice,
  { folder, file, models }: Pick<Topology, 'folder' | 'file' | 'models'>,
): ModelChoice {
  const of = (name: string) =>
    isWeightsFile(name) ? resolve(folder, name) : modelName(name, file, [...models.keys()]);
  return {
    model: of(model),
    ...(upsampler !== undefined && { upsampler: of(upsampler) }),
    ...(encoder !== undefined && { encoder: resolve(folder, encoder) }),
  };
}
