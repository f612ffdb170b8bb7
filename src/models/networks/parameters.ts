import { type Tensor, tensor } from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import { hash32 } from '../encoders/built-in/hash.js';
import { Random } from '../numerics/random.js';

/** Tensors by parameter name: what a network computes with. */
export type Weights = ReadonlyMap<string, Tensor>;

export interface ParameterSpec {
  name: string;
  shape: number[];
  /** Standard deviation of the normal start values; 0: zeros; 'ones'. */
  start: number | 'ones';
}

/** A parameter's tensor out of the weights. */
export type Parameter = (weights: Weights) => Tensor;

/**
 * Collects what a network is made of while it is being built. Nothing is allocated: the list of a model of any size can
 * be counted and compared with a file's.
 */
export class Declaration {
  readonly #prefix: string;
  readonly #list: ParameterSpec[];

  private constructor(prefix: string, list: ParameterSpec[]) {
    this.#prefix = prefix;
    this.#list = list;
  }

  static root(): Declaration {
    return new Declaration('', []);
  }

  /** The same list under a longer name. */
  at(name: string): Declaration {
    return new Declaration(`${this.#prefix}${name}.`, this.#list);
  }

  add(name: string, shape: number[], start: ParameterSpec['start']): Parameter {
    const full = this.#prefix + name;
    if (this.#list.some((spec) => spec.name === full)) throw new Error(`parameter ${full} is declared twice`);
    this.#list.push({ name: full, shape, start });
    return (weights) => {
      const tensor = weights.get(full);
      if (!tensor) throw new VimiError('WEIGHTS_DAMAGED', 'A parameter is missing', { expected: full });
      return tensor;
    };
  }

  get specs(): readonly ParameterSpec[] {
    return this.#list;
  }
}

export const sizeOf = (spec: ParameterSpec) => spec.shape.reduce((product, d) => product * d, 1);

/** How many numbers a model has. */
export const countParameters = (specs: readonly ParameterSpec[]) => specs.reduce((sum, spec) => sum + sizeOf(spec), 0);

/** Start values; each parameter has its own stream, so that adding one changes no other. */
export function startValues(specs: readonly ParameterSpec[], seed: number): Map<string, Float32Array> {
  return new Map(
    specs.map((spec) => {
      const n = sizeOf(spec);
      if (spec.start === 'ones') return [spec.name, new Float32Array(n).fill(1)];
      if (spec.start === 0) return [spec.name, new Float32Array(n)];
      const scale = spec.start;
      return [spec.name, new Random(seed, hash32(spec.name)).normals(n).map((v) => v * scale)];
    }),
  );
}

/** Values by parameter name, as tensors. */
export const weightTensors = (specs: readonly ParameterSpec[], values: ReadonlyMap<string, Float32Array>): Weights =>
  new Map(specs.map(({ name, shape }) => [name, tensor(values.get(name)!, shape)]));
