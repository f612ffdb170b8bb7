import type { Numbers } from '../networks/numbers.js';
import type { LoadedModel } from '../weights/load-model.js';
import type { GraphRunner } from './graph-runner.js';

type Inputs = Readonly<Record<string, Numbers>>;

/** A graph is compiled for each size of a batch, so there are few: a batch of another size runs in parts of these. */
export const compiledSizes = [4, 2, 1] as const;

/**
 * The results of one network for several inputs of the same shapes, each of them a batch of one. All that a network is told and all that
 * it gives begins with the batch.
 */
export async function runTogether(
  graphs: GraphRunner,
  network: 'prompt' | 'denoising',
  loaded: Pick<LoadedModel, 'model' | 'weights'>,
  inputs: readonly Inputs[],
): Promise<Record<string, Numbers>[]> {
  const results: Record<string, Numbers>[] = [];
  while (results.length < inputs.length) {
    const left = inputs.length - results.length;
    const size = compiledSizes.find((one) => one <= left)!;
    const part = inputs.slice(results.length, results.length + size);
    const together = await graphs.run(network, loaded, size === 1 ? part[0]! : joined(part));
    results.push(...(size === 1 ? [together] : parted(together, size)));
  }
  return results;
}

function joined(inputs: readonly Inputs[]): Inputs {
  const names = Object.keys(inputs[0]!);
  return Object.fromEntries(
    names.map((name) => {
      const each = inputs.map((one) => one[name]!);
      const [{ values, shape }] = each as [Numbers, ...Numbers[]];
      const all = new Float32Array(values.length * each.length);
      for (const [n, one] of each.entries()) all.set(one.values, n * values.length);
      return [name, { values: all, shape: [shape[0]! * each.length, ...shape.slice(1)] }];
    }),
  );
}

function parted(together: Inputs, size: number): Record<string, Numbers>[] {
  return Array.from({ length: size }, (_, n) =>
    Object.fromEntries(
      Object.entries(together).map(([name, { values, shape }]) => {
        const length = values.length / size;
        return [
          name,
          { values: values.slice(n * length, (n + 1) * length), shape: [shape[0]! / size, ...shape.slice(1)] },
        ];
      }),
    ),
  );
}
