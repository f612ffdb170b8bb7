import type { ErrorFields } from './own-process.js';
import type { Generated, GenerateInput, ModelDescription } from './ports.js';

/** How the model process is started: one JSON argument. */
export interface ProcessOptions {
  model: string;
  upsampler?: string;
  encoder?: string;
  backend: 'auto' | 'wasm' | 'tensorflow';
  randomSeed?: number;
  threads?: number;
}

export type ToProcess = { type: 'generate'; job: number; input: GenerateInput } | { type: 'cancel'; job: number };

export type FromProcess =
  | { type: 'ready'; description: ModelDescription }
  | { type: 'unfit'; error: ErrorFields }
  | { type: 'step'; job: number; done: number; total: number }
  | ({ type: 'done'; job: number } & Generated)
  | { type: 'failed'; job: number; error: ErrorFields };
