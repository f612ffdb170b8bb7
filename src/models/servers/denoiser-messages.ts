import type { ServingBackend } from '../backends/names.js';
import type { Generated, GenerateInput, ModelDescription, RgbImage } from '../ports.js';
import type { ErrorFields } from './own-process.js';

/** How the model process is started: one JSON argument. */
export interface ProcessOptions {
  model: string;
  upsampler?: string;
  encoder?: string;
  backend: ServingBackend;
  threads?: number;
  /** Leave onnx out of `auto`, and why. */
  withoutOnnx?: string;
}

export type ToProcess = { type: 'generate'; job: number; input: GenerateInput } | { type: 'cancel'; job: number };

export type FromProcess =
  | { type: 'ready'; description: ModelDescription; note?: string }
  | { type: 'unfit'; error: ErrorFields }
  | { type: 'step'; job: number; done: number; total: number }
  | { type: 'preview'; job: number; frame: RgbImage }
  | ({ type: 'done'; job: number } & Generated)
  | { type: 'failed'; job: number; error: ErrorFields };
