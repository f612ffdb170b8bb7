import type { Device } from '../backends/backend.js';
import type { ServingBackend } from '../backends/names.js';
import type { Generated, GenerateInput, ModelDescription, RgbImage } from '../ports.js';
import type { Budget } from './measure-budget.js';
import type { ErrorFields } from './own-process.js';

/** How the model process is started: one JSON argument. */
export interface ProcessOptions {
  model: string;
  upsampler?: string;
  encoder?: string;
  backend: ServingBackend;
  threads?: number;
  device?: Device;
  /** Leave onnx out of `auto`, and why. */
  withoutOnnx?: string;
}

export type ToProcess =
  | { type: 'generate'; job: number; input: GenerateInput }
  | { type: 'cancel'; job: number }
  /** So many jobs are to be drawn at once. */
  | { type: 'at-once'; atOnce: number }
  /** It is to find out how many are worth it. */
  | { type: 'measure' };

export type FromProcess =
  | { type: 'ready'; description: ModelDescription; note?: string }
  | { type: 'unfit'; error: ErrorFields }
  | { type: 'measured'; budget: Budget }
  /** Its memory is too small for more than so many at once. */
  | { type: 'fewer'; atOnce: number }
  | FromJob;

export type FromJob = { job: number } & (
  | { type: 'begun' }
  | { type: 'step'; done: number; total: number }
  | { type: 'preview'; frame: RgbImage }
  /** The last step begins, or the job has little left (near-end.ts). */
  | { type: 'last' }
  | ({ type: 'done' } & Generated)
  | { type: 'failed'; error: ErrorFields }
);
