import type { Device } from '../../backends/backend.js';
import type { BackendName } from '../../backends/names.js';
import type { Preset } from '../../presets/preset.js';
import type { ErrorFields } from '../../servers/own-process.js';
import type { Batch } from '../data/batch.js';
import type { LossWeights, PieceGradients } from '../loop/gradients.js';

/** How a gradient process is started: one JSON argument. */
export interface GradientProcessOptions {
  preset: Preset;
  lossWeights: LossWeights;
  backend?: BackendName;
  threads: number;
  device: Device;
}

/** Weights, by parameter name, hold until the next ones come. */
export type ToGradientProcess =
  | { type: 'weights'; values: ReadonlyMap<string, Float32Array> }
  | { type: 'piece'; piece: Batch };

export type FromGradientProcess =
  | { type: 'ready' }
  | ({ type: 'gradients' } & PieceGradients)
  | { type: 'failed'; error: ErrorFields };
