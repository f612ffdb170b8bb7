import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../../core/errors.js';
import { type Device, openBackend } from '../../backends/backend.js';
import type { BackendName } from '../../backends/names.js';
import type { Model } from '../../networks/model.js';
import { weightTensors } from '../../networks/parameters.js';
import type { Batch } from '../data/batch.js';
import { gradientsOfPiece, type LossWeights, MeanOfPieces, type StepGradients } from '../loop/gradients.js';
import { GradientWorker } from './gradient-worker.js';

/*
 * Data-parallel training: each step's batch is shared among devices, the gradients come together, one optimizer moves the
 * weights. The first device is this process's; each further one has a process of its own, which gets the weights at each
 * step (4 bytes a parameter) and gives back a gradient for each of its pieces (as many).
 *
 * How many pieces a batch is computed in decides the last bits of a step, which device computes them does not: N devices
 * end where one does with as many pieces.
 */

/** Threads of each process when `n` of them share the cores. */
const threadsEach = (n: number) => Math.max(1, Math.floor(availableParallelism() / n));

/** One message holds all weights, and its length is told in 31 bits; the rest is for names. */
const largestShared = (2 ** 31 - 2 ** 24) / 4;

export interface DevicesOptions {
  /** One, whatever the backend finds, when left out. */
  devices?: readonly Device[];
  backend?: BackendName;
  /** Of each process. All cores, shared evenly, when left out. */
  threads?: number;
  lossWeights: LossWeights;
}

/** Opens the backend of this process, and starts the others. USAGE, BACKEND_UNAVAILABLE, MODEL_CRASHED. */
export async function openDevices(
  model: Model,
  { devices = [], backend, threads = threadsEach(Math.max(1, devices.length)), lossWeights }: DevicesOptions,
): Promise<Devices> {
  const [own, ...others] = devices;
  if (others.length > 0 && model.parameters > largestShared)
    throw new VimiError('USAGE', `${model.preset.name} is too large to be sent to other processes`, {
      expected: `at most ${largestShared} parameters`,
      found: String(model.parameters),
    });
  const { preset } = model;
  const workers = others.map((device) => new GradientWorker({ preset, lossWeights, backend, threads, device }));
  try {
    const description = await openBackend(backend, { threads, device: own });
    await Promise.all(workers.map(({ ready }) => ready));
    return new Devices(model, lossWeights, description, workers);
  } catch (thrown) {
    await Promise.all(workers.map((worker) => worker.close()));
    throw thrown;
  }
}

export class Devices {
  readonly #model: Model;
  readonly #lossWeights: LossWeights;
  readonly #workers: readonly GradientWorker[];

  constructor(
    model: Model,
    lossWeights: LossWeights,
    /** In words. */
    readonly backend: string,
    workers: readonly GradientWorker[],
  ) {
    this.#model = model;
    this.#lossWeights = lossWeights;
    this.#workers = workers;
  }

  /**
   * Loss and gradient of a step: the means over its pieces, as many on each device, bit for bit those of `gradientsOf`.
   * Of gradients, as many are in memory as there are devices.
   */
  async gradientsOf(weights: ReadonlyMap<string, Float32Array>, pieces: readonly Batch[]): Promise<StepGradients> {
    const [model, lossWeights, workers] = [this.#model, this.#lossWeights, this.#workers];
    const w = weightTensors(model.specs, weights);
    try {
      const mean = new MeanOfPieces(model.specs, pieces.length);
      for (let i = 0; i < pieces.length; i += 1 + workers.length) {
        const asked = workers.map((worker, k) => worker.ask(pieces[i + 1 + k]!, i === 0 ? weights : undefined));
        // Sending takes turns of the event loop, which this process's own piece holds up.
        await Promise.all(asked.map(({ sent }) => sent));
        mean.add(gradientsOfPiece(model, w, pieces[i]!, lossWeights));
        for (const { answer } of asked) mean.add(await answer);
      }
      return mean;
    } finally {
      tf.dispose([...w.values()]);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
